"""Suites on the current weights, between two steps; what they need is checked before the first."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ahnpl_cli.config import EvalConfig, RunConfig, TrainConfig
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.progress import silent
from ahnpl_cli.records import StepReport
from ahnpl_cli.training.checkpoints import RunFolder

logger = logging.getLogger(__name__)

_FLOOR = re.compile(r"(?P<names>[^<>=]+)>=\s*(?P<value>-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Choice:
    """What chooses a checkpoint: `aro+sugarcrepe, retrieval >= 45`.

    Attributes:
        names: averages whose mean is to be highest.
        floors: averages whose mean must not be below a number of percent.
    """

    names: tuple[str, ...]
    floors: tuple[tuple[tuple[str, ...], float], ...] = ()

    @property
    def all_names(self) -> list[str]:
        """Every average that is asked for."""
        names = list(self.names)
        for floor_names, _ in self.floors:
            names += floor_names
        return names


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("+"))


def parse_choice(text: str) -> Choice:
    """Return what `--best-metric` says: a mean to raise, and floors behind commas.

    Raises:
        ConfigError: a floor is not `NAME >= NUMBER`.
    """
    goal, *floors = text.split(",")
    found = []
    for floor in floors:
        match = _FLOOR.fullmatch(floor.strip())
        if match is None:
            hint = "Write it as in: --best-metric 'aro+sugarcrepe, retrieval >= 45'."
            raise ConfigError(f"--best-metric: {floor.strip()!r} is no floor", hint=hint)
        found.append((_names(match["names"].strip()), float(match["value"])))
    return Choice(_names(goal), tuple(found))


def _value(names: Sequence[str], evaluation: Mapping[str, float]) -> float:
    """Return the mean of some averages of one evaluation, in percent; NaN where one is missing.

    `compositional` and `retention` stand for the suites of these sets that were evaluated.
    """
    from ahnpl_cli.evaluation.benchmarks import SETS, in_set

    values = []
    for name in names:
        if name in SETS:
            # Keys with a point are averages of a suite, whose headline the suite's own key holds.
            members = [key for key in evaluation if "." not in key and in_set(key, name)]
            values.append(_value(members, evaluation) if members else math.nan)
        else:
            values.append(evaluation.get(name, math.nan))
    return sum(values) / len(values)


def check_evaluation(options: RunConfig) -> None:
    """Read the suites that will be evaluated, so that training does not stop for them later.

    Raises:
        ConfigError: a suite, its folder or `--best-metric` does not exist.
        BenchmarkError: files or images of a suite are missing.
    """
    from ahnpl_cli.evaluation.benchmarks import CUSTOM, benchmarks
    from ahnpl_cli.evaluation.load_suites import load_suites

    chosen = benchmarks(options.eval_suites)
    if options.eval_data and not Path(options.eval_data).is_dir():
        raise ConfigError(
            f"--eval-data {options.eval_data}: no such folder", hint="Check the path."
        )
    known = []
    found = load_suites(chosen, EvalConfig(data=options.eval_data), silent)
    for suite in found.values():
        missing = suite.task.missing
        if missing:
            what = f"{suite.name} lacks {len(missing):,} of its images, such as this one"
            hint = "Put them there, or leave the suite out of --eval-suites."
            raise BenchmarkError(what, where=str(missing[0]), hint=hint)
        known += [suite.name, *(f"{suite.name}.{average}" for average in suite.averages)]
    choice = parse_choice(options.best_metric) if options.best_metric else None
    _check_known(choice, dict.fromkeys(known, 0.0))
    tests = [name for name in found if not name.startswith(CUSTOM)]
    # What was chosen by a test is no longer measured by it.
    if tests and options.eval_half == "tuning":
        logger.info(
            f"The best checkpoint is chosen on one half of {', '.join(tests)}: report it on the "
            "other, with ahnpl eval --half reported."
        )
    elif tests:
        logger.warning(
            f"The best checkpoint is chosen on {', '.join(tests)}, which is what papers report on: "
            "choose on one half of the items with --eval-half tuning, report it on other suites, "
            "or choose by a file of your own in --eval-suites."
        )


def _check_known(choice: Choice | None, evaluation: Mapping[str, float]) -> None:
    """Return if an evaluation has every average that a choice asks for.

    Raises:
        ConfigError: one is not measured.
    """
    for name in choice.all_names if choice else ():
        if math.isnan(_value([name], evaluation)):
            raise _unknown_metric(name, evaluation)


def _unknown_metric(name: str, known: Iterable[str]) -> ConfigError:
    hint = f"There are: {', '.join(known)}."
    return ConfigError(f"--best-metric {name} is not measured", hint=hint)


def evaluate_now(config: TrainConfig, folder: RunFolder, step: int) -> dict[str, float]:
    """Evaluate `last`, write the whole report under `evals/`, and return the averages.

    Args:
        config: of the run.
        folder: of the run, with its newest checkpoint.
        step: steps done.

    Returns:
        Percent by `SUITE` for the average that stands for it, and by `SUITE.AVERAGE` for each.
    """
    from ahnpl_cli.evaluation.run import evaluate

    # A file of its own, so that the curves of all averages can be drawn later.
    output = folder.evals / f"step-{step:06d}.json"
    output.parent.mkdir(exist_ok=True)
    options = EvalConfig(
        data=config.run.eval_data,
        output=str(output),
        half=config.run.eval_half,
        checkpoint=(str(folder.last),),
        device=config.device,
        workers=config.workers,
        seed=config.seed,
        cache_features=False,  # These weights are never seen again.
        force=True,
    )
    with torch.random.fork_rng(devices=[]):
        suites = evaluate(config.run.eval_suites, options).models[-1].suites
    values = {}
    for name, suite in suites.items():
        values[name] = suite.headline_value
        for average, value in suite.averages.items():
            values[f"{name}.{average}"] = value
    # A suite without a verdict has no value, and JSON no way to say so.
    return {name: value for name, value in values.items() if not math.isnan(value)}


def best_step(metrics: Sequence[StepReport], options: RunConfig) -> dict[str, float]:
    """Return step and value of the best evaluation, the earliest of equals; empty without one.

    An evaluation below a floor of `--best-metric` is none to choose.

    Raises:
        ConfigError: `--best-metric` is none of the averages.
    """
    measured = [report for report in metrics if report.evaluation]
    if not measured:
        return {}
    choice = Choice((next(iter(measured[-1].evaluation)),))
    if options.best_metric:
        choice = parse_choice(options.best_metric)
    _check_known(choice, dict(sorted(measured[-1].evaluation.items())))
    best: dict[str, float] = {}
    for report in measured:
        value = _value(choice.names, report.evaluation)
        # A comparison with NaN, of an average that this step lacks, is false.
        is_kept = all(_value(names, report.evaluation) >= low for names, low in choice.floors)
        if is_kept and value > best.get("value", -math.inf):
            best = {"step": report.step, "value": value}
    return best
