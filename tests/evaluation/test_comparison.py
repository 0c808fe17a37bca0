"""Two models on the same items, by hand."""

import pytest

from ahnpl_cli.evaluation.benchmarks.base import no_derived_metrics
from ahnpl_cli.evaluation.comparison import ComparedSuite, ModelVerdicts, compare
from ahnpl_cli.evaluation.scoring.items import Verdict
from ahnpl_cli.evaluation.scoring.statistics import mean
from ahnpl_cli.evaluation.suite_report import Bootstrap


def verdicts(right: list[bool]) -> list[Verdict]:
    return [Verdict(str(i), f"{i}.jpg", {"row": one}) for i, one in enumerate(right)]


@pytest.mark.parametrize(("gained", "p", "stands"), [(8, 2 / 2**8, True), (4, 2 / 2**4, False)])
def test_a_subset_stands_by_mcnemars_p_and_an_average_by_its_interval(gained, p, stands):
    base, other = [False] * gained + [True] * 4, [True] * (gained + 4)
    found = compare(
        ModelVerdicts("a", verdicts(base)),
        ModelVerdicts("b", verdicts(other)[::-1]),  # paired by name, whatever their order
        ComparedSuite("suite", {"macro": mean("row")}, ["row"], no_derived_metrics),
        Bootstrap(samples=200, seed=0),
    )
    row, average = found.differences
    assert (row.p, row.significant) == (pytest.approx(p), stands)
    assert row.difference == pytest.approx(100 * gained / (gained + 4), abs=1e-5)
    assert average.p is None and average.significant and 0 < average.low < average.high <= 100
