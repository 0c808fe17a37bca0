"""The numbers of a saved report counted again from its scores."""

from __future__ import annotations

from collections.abc import Sequence

from ahnpl_cli.evaluation.benchmarks import benchmark_of_suite
from ahnpl_cli.evaluation.comparison import ComparedSuite, ModelVerdicts, compare
from ahnpl_cli.evaluation.report import Comparison, EvalReport, SuiteInfo, SuiteReport
from ahnpl_cli.evaluation.score_files import Scores
from ahnpl_cli.evaluation.scoring.averages import from_json
from ahnpl_cli.evaluation.scoring.items import SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report


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
