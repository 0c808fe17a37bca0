"""Suites on the current weights, between two steps; what they need is checked before the first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from ahnpl_cli.config import EvalConfig, RunConfig, TrainConfig
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.progress import silent
from ahnpl_cli.records import StepReport
from ahnpl_cli.training.checkpoints import RunFolder


def check_evaluation(options: RunConfig) -> None:
    """Read the suites that will be evaluated, so that training does not stop for them later.

    Raises:
        ConfigError: a suite, its folder or `--best-metric` does not exist.
        BenchmarkError: files or images of a suite are missing.
    """
    if not options.eval_every:
        return
    from ahnpl_cli.evaluation.benchmarks import benchmarks
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
    if options.best_metric and options.best_metric not in known:
        raise _unknown_metric(options.best_metric, known)


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

    Raises:
        ConfigError: `--best-metric` is none of the averages.
    """
    measured = [report for report in metrics if report.evaluation]
    if not measured:
        return {}
    name = options.best_metric or next(iter(measured[-1].evaluation))
    if name not in measured[-1].evaluation:
        raise _unknown_metric(name, sorted(measured[-1].evaluation))
    scored = [report for report in measured if name in report.evaluation]
    best = max(scored, key=lambda report: report.evaluation[name])
    return {"step": best.step, "value": best.evaluation[name]}
