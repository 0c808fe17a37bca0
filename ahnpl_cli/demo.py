"""Workflow: runs every command on the synthetic scenes and summarizes the results.

Each stage is the command line a user would type; the caller runs it. A finished stage is written
down with its arguments and seconds, so that an interrupted demo resumes where it stopped, and each
command resumes within its own stage.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.config import DemoConfig
from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.report import EvalReport, ModelReport
from ahnpl_cli.evaluation.trade_off import GAIN, RETENTION, TradeOff, trade_offs
from ahnpl_cli.files import read_object, write_json
from ahnpl_cli.outputs import settle

START = "scenes-clip"
WEIGHT_DECAY = 0.1
# Objective -> what its page says of it.
METHODS = {
    "clip": "contrast alone, the control: the same scenes and steps without a hard negative",
    "negclip": "the hard negative captions join the softmax of every image",
    "ahnpl": "that, and the paper's own terms: image negatives made in the space of features "
    "(Eqs. 1-6), a target for true pairs (Eq. 8) and thresholds that grow with the model "
    "(Eqs. 9-10)",
    "ahnpl-plus": "ours: the same, with more weight on Eqs. 5-6, and with things and relations as "
    "texts of their own, held near the start: its image tower stays, its features teach, and a "
    "fifth of its weights is in what is written",
}
# What its negatives look like, what they do not, and what fine-tuning must not cost.
SUITES = (
    *("sugarcrepe", "aro", "valse", "winoground"),
    *("sugarcrepe++", "negbench", "half-truths"),
    *("retrieval", "zeroshot"),
)
KINDS = ("swap", "attribute", "object", "spatial")
STATE = "demo.json"
DAMAGED = "The file is damaged: start over with --force, or choose another --output."

Runner = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much of everything; chosen on a tuning split, never on the scenes reported.

    Attributes:
        train: training images.
        test: items of each test file.
        steps: optimizer steps of each fine-tuning.
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


FULL = DemoSize(train=4000, test=500, steps=450)
QUICK = DemoSize(train=1500, test=100, steps=130)


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

    @property
    def command(self) -> str:
        """The command as a shell takes it."""
        return shlex.join(["ahnpl", *self.argv])


@dataclass(frozen=True, slots=True)
class FinishedStage:
    """A finished stage, its seconds, and whether an earlier run had finished it."""

    stage: Stage
    seconds: float
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model of the demo; all values in percent.

    Attributes:
        compositional: mean headline of the compositional suites.
        retention: mean headline of the others: what fine-tuning must not cost.
        suites: the headline of each suite.
    """

    compositional: float
    retention: float
    suites: dict[str, float]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo found.

    Attributes:
        seconds: of all stages together, interruptions left out.
        models: by name: start, clip, negclip, ahnpl, ahnpl-plus.
        stages: seconds of each stage.
        files: where everything lies.
        next: commands to try next.
    """

    seconds: float
    models: dict[str, ModelSummary]
    stages: dict[str, float]
    files: dict[str, str]
    next: list[str]


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where the demo writes what."""

    path: Path

    @property
    def scenes(self) -> Path:
        """Images, captions and benchmark files."""
        return self.path / "scenes"

    @property
    def negatives(self) -> Path:
        """The hard negatives of the captions."""
        return self.path / "negatives.jsonl"

    @property
    def results(self) -> Path:
        """The evaluation of all models."""
        return self.path / "results.json"

    def run(self, objective: str) -> Path:
        """The run of an objective."""
        return self.path / "runs" / objective


def demo_size(config: DemoConfig) -> DemoSize:
    """Return how much of everything a demo makes."""
    return QUICK if config.quick else FULL


def _argv(*words: object) -> tuple[str, ...]:
    return tuple(map(str, words))


def stages(out: Path, config: DemoConfig) -> list[Stage]:
    """Return the demo's commands for an output folder."""
    size = demo_size(config)
    folder = DemoFolder(out)
    seed = ("--seed", config.seed)
    device = ("--device", config.device)
    draw = _argv("scenes", folder.scenes, "--train", size.train, "--test", size.test, *seed)
    captions = folder.scenes / "captions.jsonl"
    kinds = ("--kinds", ",".join(KINDS))
    # Units are what ahnpl-plus learns from beside the negatives; the others leave them alone.
    # One of each kind, as AHNPL 3.1 has.
    how = (*kinds, "--units", "--filler", "corpus", "--per-kind", 1)
    make = _argv("negatives", captions, "-o", folder.negatives, *how, *seed)
    inputs = ("--image-root", folder.scenes, "--model", START)
    embed = _argv("embed", folder.negatives, *inputs, "-o", out / "embeddings", *device)
    models = ["--model", START]
    for objective in METHODS:
        models += ["--checkpoint", str(folder.run(objective))]
    data = ("--data", folder.scenes)
    measure = _argv("eval", *SUITES, *data, *models, "-o", folder.results, *seed, *device)
    return [
        Stage("scenes", "draw the scenes", draw),
        Stage("negatives", "make hard negative captions", make),
        Stage("embed", "write features of images, captions and negatives", embed),
        *(_train(objective, size, folder, _argv(*seed, *device)) for objective in METHODS),
        Stage("eval", "measure all five models on held-out scenes", measure),
    ]


def _train(objective: str, size: DemoSize, folder: DemoFolder, tail: tuple[str, ...]) -> Stage:
    method = ("--objective", objective, "--data", folder.negatives)
    inputs = ("--image-root", folder.scenes, "--model", START, "-o", folder.run(objective))
    amounts = ("--steps", size.steps, "--batch-size", size.batch_size)
    # One rate and one decay for all methods, so that the table compares their losses.
    rates = ("--lr", size.lr, "--warmup", size.warmup, "--weight-decay", WEIGHT_DECAY)
    argv = _argv("train", *method, *inputs, *amounts, *rates, *tail)
    return Stage(f"train-{objective}", f"fine-tune with {objective}", argv)


def run(
    out: Path, config: DemoConfig, runner: Runner, begin: Callable[[Stage], None]
) -> Iterator[FinishedStage]:
    """Run the stages that are not done yet, and yield all of them in order.

    Args:
        out: folder to write.
        config: see `DemoConfig`.
        runner: runs `ahnpl` with the arguments given.
        begin: called with each stage that is about to run.

    Raises:
        ConfigError: `out` holds a demo made with other options, and `--force` is not given.
        DataError: its state is damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    state = _read_state(out / STATE, config)
    for stage in stages(out, config):
        kept = state.get(stage.name)
        if kept is not None:
            yield FinishedStage(stage, kept["seconds"], resumed=True)
            continue
        begin(stage)
        started = time.perf_counter()
        force = ["--force"] if config.force else []
        runner([*stage.argv, *force])
        finished = FinishedStage(stage, round(time.perf_counter() - started, 2))
        # Written after each stage, since a reader may stop the demo at any of them.
        state[stage.name] = {"argv": stage.argv, "seconds": finished.seconds}
        write_json(out / STATE, {"options": _options(config), "stages": state})
        yield finished


def inspect_argv(out: Path) -> tuple[str, ...]:
    """Return the arguments that print the cosine tables of the demo's own run."""
    return _argv("inspect", "--checkpoint", DemoFolder(out).run("ahnpl"), "--model", START)


def label(model: str) -> str:
    """Return what the demo calls a model of its evaluation."""
    return "start" if model == START else model


def summarize(out: Path, finished: Sequence[FinishedStage], results: EvalReport) -> DemoReport:
    """Return what matters of the evaluation, and where everything lies.

    Raises:
        DataError: it is the evaluation of something else.
    """
    folder = DemoFolder(out)
    if set(results.suites) != set(SUITES):
        what = f"holds {', '.join(results.suites)}, not the suites of the demo"
        raise DataError(what, where=str(folder.results), hint=DAMAGED)
    models = {}
    for model, means in zip(results.models, trade_offs(results), strict=True):
        models[label(model.name)] = _summary(model, means)
    ahnpl_run = folder.run("ahnpl")
    files = {
        "scenes, captions and benchmarks": folder.scenes,
        "hard negatives": folder.negatives,
        "features": out / "embeddings",
        "runs with their checkpoints": out / "runs",
        "results": folder.results,
    }
    look = ("inspect", ahnpl_run)
    # Not --published: drawn scenes and the papers' photographs are different items.
    blind = ("eval", "sugarcrepe", "--data", folder.scenes, "--checkpoint", ahnpl_run, "--blind")
    rival = ("train", "--objective", "ce-clip", "--model", START, "--data", folder.negatives)
    length = ("--image-root", folder.scenes, "--steps", 100, "--lr", 1e-3)
    commands = [
        look,
        (*blind, "-o", out / "blind.json"),
        (*rival, *length, "-o", folder.run("ce-clip")),
    ]
    return DemoReport(
        seconds=round(sum(stage.seconds for stage in finished), 1),
        models=models,
        stages={stage.stage.name: stage.seconds for stage in finished},
        files={what: str(path) for what, path in files.items()},
        next=[shlex.join(_argv("ahnpl", *command)) for command in commands],
    )


def _summary(model: ModelReport, means: TradeOff) -> ModelSummary:
    headlines = {name: round(suite.headline_value, 2) for name, suite in model.suites.items()}
    return ModelSummary(
        compositional=round(means.means[GAIN].value, 2),
        retention=round(means.means[RETENTION].value, 2),
        suites=headlines,
    )


def _options(config: DemoConfig) -> dict[str, Any]:
    return {"seed": config.seed, "device": config.device, "quick": config.quick}


def _read_state(path: Path, config: DemoConfig) -> dict[str, Any]:
    """Return what is done already, by stage.

    Raises:
        ConfigError: it was done with other options.
        DataError: the state is not one.
    """
    if config.force or not path.exists():
        return {}
    state = read_object(path, hint=DAMAGED)
    options = state.get("options")
    finished: Any = state.get("stages")
    if not isinstance(options, dict) or not _are_stages(finished):
        raise DataError("not the state of a demo", where=str(path), hint=DAMAGED)
    decision = settle(path.parent, _options(config), options, resume=config.resume)
    return {} if decision == "fresh" else dict(finished)


def _are_stages(value: Any) -> bool:
    """Whether a value holds finished stages by name, each with its seconds."""
    if not isinstance(value, dict):
        return False
    stages = value.values()
    return all(isinstance(s, dict) and isinstance(s.get("seconds"), int | float) for s in stages)
