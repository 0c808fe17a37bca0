"""Suites on the current weights, between two steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.records import StepReport
from ahnpl_cli.train_config import RunConfig, TrainConfig
from ahnpl_cli.training.store import RunFolder


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

    output = folder.evals / f"step-{step:06d}.json"
    output.parent.mkdir(exist_ok=True)
    asked = EvalConfig(
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
        suites = evaluate(config.run.eval_suites, asked).models[-1].suites
    found = {}
    for name, suite in suites.items():
        found[name] = suite.primary_value
        found |= {f"{name}.{average}": value for average, value in suite.averages.items()}
    # A suite without a verdict has no value, and JSON no way to say so.
    return {name: value for name, value in found.items() if not math.isnan(value)}


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
        known = ", ".join(sorted(measured[-1].evaluation))
        raise ConfigError(f"--best-metric {name} was not measured", hint=f"There are: {known}.")
    scored = [report for report in measured if name in report.evaluation]
    best = max(scored, key=lambda report: report.evaluation[name])
    return {"step": best.step, "value": best.evaluation[name]}
