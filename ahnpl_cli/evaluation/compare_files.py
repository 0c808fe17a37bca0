"""Two saved results compared item by item, as models evaluated together are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.benchmarks import benchmark_of_suite
from ahnpl_cli.evaluation.comparison import ComparedSuite, ModelVerdicts, compare
from ahnpl_cli.evaluation.output import load_report, read_scores
from ahnpl_cli.evaluation.report import Comparison, EvalReport
from ahnpl_cli.evaluation.score_files import Scores
from ahnpl_cli.evaluation.scoring.averages import from_json
from ahnpl_cli.evaluation.suite_report import Bootstrap

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _SavedModel:
    """One model of saved results.

    Attributes:
        name: in its report.
        label: what the comparison calls it.
        weights: their SHA-256, if the report says it.
        scores: its verdicts by suite.
    """

    name: str
    label: str
    weights: str | None
    scores: Scores

    def on(self, suite: str) -> ModelVerdicts:
        return ModelVerdicts(self.label, self.scores.get(self.name, {}).get(suite, []))


def _models(report: EvalReport, path: Path, other: EvalReport) -> list[_SavedModel]:
    """Return a report's models; the file's name is added to names that the other has too."""
    scores = read_scores(report.items, path)
    names_of_other = {model.name for model in other.models}
    models = []
    for model in report.models:
        label = f"{path.stem}: {model.name}" if model.name in names_of_other else model.name
        weights = model.info.get("weights_sha256")
        models.append(_SavedModel(model.name, label, weights, scores))
    return models


def _warn_of_other_data(suite: str, first: EvalReport, second: EvalReport) -> None:
    if set(first.suites[suite].files.values()) != set(second.suites[suite].files.values()):
        logger.warning(f"{suite}: the two results are of different annotation files")


def compare_saved(a: Path, b: Path, *, samples: int, seed: int) -> list[Comparison]:
    """Compare every model of `a` with every model of `b` that has other weights.

    Only items that both have are compared, and where that is not all of them it is said.

    Args:
        a: a `results.json`, its file of scores beside it.
        b: the other.
        samples: bootstrap replicates.
        seed: of the bootstrap.

    Raises:
        DataError: a file is not a report, its scores are not beside it, or nothing is shared.
    """
    first, second = load_report(a), load_report(b)
    suites = [suite for suite in first.suites if suite in second.suites]
    for suite in suites:
        _warn_of_other_data(suite, first, second)
    pairs = []
    for base in _models(first, a, second):
        for other in _models(second, b, first):
            # The same start in both files says nothing new.
            if base.weights != other.weights:
                pairs.append((base, other))
    if not suites or not pairs:
        what = "the same weights in both" if suites else "no suite in common"
        raise DataError(f"{what}, nothing to compare", where=f"{a} and {b}")
    compared = list(_compare_all(pairs, suites, first, Bootstrap(samples, seed)))
    if not compared:
        raise DataError("no item in common, nothing to compare", where=f"{a} and {b}")
    return compared


def _compare_all(
    pairs: list[tuple[_SavedModel, _SavedModel]],
    suites: list[str],
    report: EvalReport,
    bootstrap: Bootstrap,
) -> Iterator[Comparison]:
    """Yield the comparisons that have an item in common."""
    for base, other in pairs:
        for name in suites:
            suite = _compared_suite(name, report)
            comparison = compare(base.on(name), other.on(name), suite, bootstrap)
            count = len(base.on(name).verdicts)
            if comparison.items < count:
                logger.warning(
                    f"{name}: {comparison.items:,} of the {count:,} items of {base.label} are in "
                    "both results"
                )
            if comparison.items:
                yield comparison


def _compared_suite(name: str, report: EvalReport) -> ComparedSuite:
    info = report.suites[name]
    averages = {average: from_json(tree) for average, tree in info.definitions.items()}
    subsets = [subset.name for subset in report.models[0].suites[name].subsets]
    return ComparedSuite(name, averages, subsets, benchmark_of_suite(name).derived_metrics)
