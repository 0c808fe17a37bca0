"""Workflow: the real commands in order on the embedded world, and what came of them.

Each stage is the command line a user would type; the caller runs it. A finished stage is written
down with its arguments and seconds, so an interrupted demo goes on where it stopped, and each
command resumes within its own stage.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.config import DemoConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.files import write_atomic

START = "scenes-tiny"
OBJECTIVES = ("clip", "negclip", "ahnpl")
SUITES = ("sugarcrepe", "aro", "valse", "winoground", "retrieval")
KINDS = ("relation", "attribute", "object", "spatial")
STATE = "demo.json"

Runner = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How much of everything; chosen on a tuning split, never on the scenes reported.

    Attributes:
        train: training images.
        test: items of each test file.
        steps: optimiser steps of each fine-tuning.
        batch_size: image-caption pairs a step.
        lr: peak learning rate.
        warmup: steps of linear warmup.
    """

    train: int
    test: int
    steps: int
    batch_size: int = 64
    lr: float = 1e-3
    warmup: int = 20


FULL = Recipe(train=4000, test=500, steps=450)
QUICK = Recipe(train=1500, test=100, steps=130)


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of the demo.

    Attributes:
        name: what it is called in the state file.
        about: what it does, in a few words.
        argv: what follows `ahnpl` on the command line.
    """

    name: str
    about: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A finished stage, its seconds, and whether an earlier run had finished it."""

    stage: Stage
    seconds: float
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model of the demo; all values in percent.

    Attributes:
        average: mean of `suites`.
        suites: the primary average of each compositional suite.
        retrieval: mean R@1 of both directions: what fine-tuning must not cost.
    """

    average: float
    suites: dict[str, float]
    retrieval: float


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What came of the demo.

    Attributes:
        seconds: of all stages together, interruptions left out.
        models: by name: start, clip, negclip, ahnpl.
        stages: seconds of each stage.
        files: where everything lies.
        next: commands to try next.
    """

    seconds: float
    models: dict[str, ModelSummary]
    stages: dict[str, float]
    files: dict[str, str]
    next: list[str]


def stages(out: Path, config: DemoConfig) -> list[Stage]:
    """Return the demo's commands for an output folder."""
    recipe = QUICK if config.quick else FULL
    seed, device = ("--seed", str(config.seed)), ("--device", config.device)
    scenes, negatives, runs = out / "scenes", out / "negatives.jsonl", out / "runs"
    models = ("--model", START, *(a for o in OBJECTIVES for a in ("--checkpoint", str(runs / o))))
    amounts = ("--train", str(recipe.train), "--test", str(recipe.test))
    return [
        Stage("scenes", "draw the world", ("scenes", str(scenes), *amounts, *seed)),
        Stage(
            "negatives",
            "make hard negative captions",
            (
                *("negatives", str(scenes / "captions.jsonl"), "-o", str(negatives)),
                *("--kinds", ",".join(KINDS), "--filler", "corpus", *seed),
            ),
        ),
        Stage(
            "embed",
            "write features of images, captions and negatives",
            (
                *("embed", str(negatives), "--image-root", str(scenes), "--model", START),
                *("-o", str(out / "embeddings"), *device),
            ),
        ),
        *(
            _train(objective, recipe, scenes, negatives, runs, seed + device)
            for objective in OBJECTIVES
        ),
        Stage(
            "eval",
            "measure all four models on held-out scenes",
            (
                *("eval", *SUITES, "--data", str(scenes), *models),
                *("-o", str(out / "results.json"), *seed, *device),
            ),
        ),
    ]


def _train(
    objective: str, recipe: Recipe, scenes: Path, negatives: Path, runs: Path, tail: tuple[str, ...]
) -> Stage:
    amounts = ("--steps", recipe.steps, "--batch-size", recipe.batch_size)
    rates = ("--lr", recipe.lr, "--warmup", recipe.warmup)
    return Stage(
        f"train-{objective}",
        f"fine-tune with {objective}",
        (
            *("train", "--objective", objective, "--data", str(negatives)),
            *("--image-root", str(scenes), "--model", START, "-o", str(runs / objective)),
            *map(str, (*amounts, *rates)),
            *tail,
        ),
    )


def run(
    out: Path, config: DemoConfig, runner: Runner, begin: Callable[[Stage], None]
) -> Iterator[Done]:
    """Run the stages that are not done yet, and yield all of them in order.

    Args:
        out: folder to write.
        config: see `DemoConfig`.
        runner: runs `ahnpl` with the arguments given.
        begin: called with each stage that is about to run.

    Raises:
        ConfigError: `out` holds a demo made with other options, and `--force` is not given.
    """
    out.mkdir(parents=True, exist_ok=True)
    state = _read_state(out / STATE, config)
    for stage in stages(out, config):
        kept = state.get(stage.name)
        if kept is not None:
            yield Done(stage, kept["seconds"], resumed=True)
            continue
        begin(stage)
        started = time.perf_counter()
        runner([*stage.argv, *(["--force"] if config.force else [])])
        done = Done(stage, round(time.perf_counter() - started, 2))
        state[stage.name] = {"argv": stage.argv, "seconds": done.seconds}
        _write_state(out / STATE, config, state)
        yield done


def inspect_argv(out: Path) -> tuple[str, ...]:
    """Return the arguments that print the cosine tables of the demo's own run."""
    return ("inspect", "--checkpoint", str(out / "runs" / "ahnpl"), "--model", START)


def label(model: str) -> str:
    """Return what the demo calls a model of its evaluation."""
    return "start" if model == START else model


def summarize(out: Path, done: Sequence[Done]) -> DemoReport:
    """Read `results.json` back and say what matters of it."""
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    models = {label(model["name"]): _summary(model["suites"]) for model in results["models"]}
    scenes, run = out / "scenes", out / "runs" / "ahnpl"
    files = {
        "scenes, captions and benchmarks": scenes,
        "hard negatives": out / "negatives.jsonl",
        "features": out / "embeddings",
        "runs with their checkpoints": out / "runs",
        "results": out / "results.json",
    }
    return DemoReport(
        seconds=round(sum(d.seconds for d in done), 1),
        models=models,
        stages={d.stage.name: d.seconds for d in done},
        files={what: str(path) for what, path in files.items()},
        next=[
            f"ahnpl inspect {run}",
            f"ahnpl eval sugarcrepe --data {scenes} --checkpoint {run} --published",
            f"ahnpl train --objective ce-clip --model {START} --data {out / 'negatives.jsonl'} "
            f"--image-root {scenes} --steps 100 --lr 1e-3 -o {out / 'runs' / 'ce-clip'}",
        ],
    )


def _summary(suites: dict[str, Any]) -> ModelSummary:
    primary = {name: round(suite["headline_value"], 2) for name, suite in suites.items()}
    retrieval = primary.pop("retrieval")
    return ModelSummary(round(sum(primary.values()) / len(primary), 2), primary, retrieval)


def _options(config: DemoConfig) -> dict[str, Any]:
    return {k: v for k, v in asdict(config).items() if k in ("seed", "device", "quick")}


def _read_state(path: Path, config: DemoConfig) -> dict[str, Any]:
    if not path.is_file() or config.force or not config.resume:
        return {}
    state = json.loads(path.read_text(encoding="utf-8"))
    if state["options"] != _options(config):
        raise ConfigError(
            f"made with other options: {state['options']}",
            where=str(path),
            hint="Choose another --out, or start over with --force.",
        )
    stages: dict[str, Any] = state["stages"]
    return stages


def _write_state(path: Path, config: DemoConfig, state: dict[str, Any]) -> None:
    text = json.dumps({"options": _options(config), "stages": state}, indent=1)
    write_atomic(path, text)
