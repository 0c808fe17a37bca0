"""Saved results read back: compared item by item, counted again, looked up near a checkpoint.

Also as one pandas table, for notebooks.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.benchmarks import benchmark_of_suite
from ahnpl_cli.evaluation.comparison import ComparedSuite, ModelVerdicts, compare
from ahnpl_cli.evaluation.output import Scores, load_report, read_scores
from ahnpl_cli.evaluation.place import FOLDER
from ahnpl_cli.evaluation.report import Comparison, EvalReport, SuiteInfo, SuiteReport
from ahnpl_cli.evaluation.result_tables import tidy_table
from ahnpl_cli.evaluation.scoring.items import SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.scoring.statistics import from_json
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report
from ahnpl_cli.reporting.tables import Cell
from ahnpl_cli.runs import EVALUATIONS

if TYPE_CHECKING:
    import pandas as pd

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
    # Two runs may both be called ahnpl; then their files tell them apart.
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


def recounted(
    suite: str,
    info: SuiteInfo,
    verdicts: Sequence[Verdict],
    stated: SuiteReport,
    bootstrap: Bootstrap,
) -> SuiteReport:
    """Return one model's report of a suite as its verdicts give it.

    Args:
        suite: its name.
        info: what is the same for all models.
        verdicts: of the model.
        stated: its report; what follows from no verdict, such as a probe's C, is taken from it.
        bootstrap: as it was drawn.

    Raises:
        LookupError, TypeError, ValueError: verdicts and report do not fit each other.
    """
    averages = {name: from_json(tree) for name, tree in info.definitions.items()}
    plan = SuitePlan(averages, info.headline, info.main_subsets, info.totals)
    derived = benchmark_of_suite(suite).derived_metrics(verdicts)
    # A probe's C follows from no verdict; everything else is counted again.
    chosen = {name: value for name, value in stated.values.items() if name not in derived}
    return suite_report(plan, SuiteVerdicts(list(verdicts), chosen), derived, bootstrap)


def compared_again(
    stated: Comparison, report: EvalReport, scores: Scores, bootstrap: Bootstrap
) -> Comparison:
    """Return a comparison as the verdicts of both models give it; see `recounted`."""
    name = stated.suite
    info = report.suites[name]
    suite = ComparedSuite(
        name,
        {average: from_json(tree) for average, tree in info.definitions.items()},
        info.main_subsets,
        benchmark_of_suite(name).derived_metrics,
    )
    base = ModelVerdicts(stated.base, scores.get(stated.base, {}).get(name, []))
    other = ModelVerdicts(stated.other, scores.get(stated.other, {}).get(name, []))
    return compare(base, other, suite, bootstrap)


def reports_near(checkpoint: Path) -> Iterator[tuple[Path, EvalReport]]:
    """Yield the evaluation reports in a checkpoint, in its run, beside the runs, and here."""
    here = checkpoint.resolve()
    # Where `ahnpl eval` is run from, and where it writes by default.
    places = dict.fromkeys([here, *here.parents[:3], Path.cwd()])
    found = [path for place in places for path in sorted(place.glob("*results*.json"))]
    for folder in (here / EVALUATIONS, here.parent / EVALUATIONS, FOLDER):
        found += sorted(folder.glob("*.json"))
    for path in found:
        # Somebody else's file of that name is no report, and no fault of the checkpoint.
        with contextlib.suppress(DataError):
            yield path, load_report(path)


def measures(report: EvalReport, sha256: str | None) -> bool:
    """Whether a report measured the model with these weights."""
    return any(model.info.get("weights_sha256") == sha256 for model in report.models)


def evaluations_of(sha256: str, checkpoint: Path) -> dict[str, float | None]:
    """Return what a checkpoint was measured at: the headlines in reports near it."""
    headlines: dict[str, float | None] = {}
    for path, report in reports_near(checkpoint):
        for model in report.models:
            if model.info.get("weights_sha256") != sha256:
                continue
            for name, suite in model.suites.items():
                title = f"evaluated: {name} {suite.headline} ({path.name})"
                headlines[title] = suite.headline_value
    return headlines


def _rows(path: Path) -> Iterator[dict[str, Cell]]:
    table = tidy_table(load_report(path))
    for row in table.rows:
        yield {"file": str(path), **dict(zip(table.columns, row, strict=True))}


def read_results(*paths: str | Path) -> pd.DataFrame:
    """Return every number of saved results, one a row.

    Args:
        *paths: what `ahnpl eval` wrote, such as results.json.

    Returns:
        A table with the columns `file`, `model`, `suite`, `name`, `kind` (subset, detail, average
        or value), `n`, `percent`, `low` and `high` (95 % interval), `ties`, `coverage`, and the
        `difference` to the first model of its file with its interval, p and significance. What a
        row has not is missing.

    Raises:
        DataError: a file is not a report of `ahnpl eval`.
    """
    import pandas as pd

    rows: list[dict[str, Cell]] = []
    for path in paths:
        rows.extend(_rows(Path(path)))
    frame = pd.DataFrame(rows)
    whole = {name: "Int64" for name in ("n", "ties")}
    return frame.astype({**whole, "significant": "string"}) if rows else frame
