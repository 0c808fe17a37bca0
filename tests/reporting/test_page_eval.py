"""The part of the page on results: what stands is coloured, and nothing is there twice."""

import dataclasses

from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    EvalReport,
    ModelReport,
    SubsetReport,
    SuiteInfo,
    SuiteReport,
)
from ahnpl_cli.evaluation.result_page import bars_section, examples_section, headline_table
from ahnpl_cli.reporting.tables import Span


def winoground(group: float) -> SuiteReport:
    row = SubsetReport("group", 400, group, group - 3, group + 3, 0, 400, 100.0)
    ends = {"group": [group - 3, group + 3]}
    return SuiteReport([row], [], {"group": group}, ends, "group", group, {}, 100.0)


def report() -> EvalReport:
    """Winoground's group score is a row, judged by McNemar, and an average, by its interval."""
    rows = [
        Difference("group", False, 4.0, 12.0, 8.0, 1.0, 15.0, 0.06, False),
        Difference("group", True, 4.0, 12.0, 8.0, 1.0, 15.0, None, True),
    ]
    return EvalReport(
        models=[
            ModelReport("start", {}, {"winoground": winoground(4.0)}),
            ModelReport("ahnpl", {}, {"winoground": winoground(12.0)}),
        ],
        suites={"winoground": SuiteInfo("groups", {}, [], [], {}, 0)},
        comparisons=[Comparison("winoground", "start", "ahnpl", 400, rows)],
        settings={},
        versions={},
        examples=[],
    )


def test_the_gain_of_an_average_stands_by_its_own_interval() -> None:
    (row,) = headline_table(report()).rows
    assert row[-1] == (Span("+8.0", "good"), Span(" +1.0\u00a0to\u00a0+15.0", "dim"))


def test_a_row_that_is_the_average_is_drawn_once() -> None:
    (block,) = bars_section(report()).blocks
    assert block.count(">group</text>") == 1
    assert block.count(">n = 400</text>") == 1


def test_scores_that_look_equal_get_more_digits(results: EvalReport) -> None:
    (case,) = results.examples
    close = dataclasses.replace(case, scores={"start": (0.3791, 0.3794), "ahnpl": (0.5, 0.25)})
    html = "".join(examples_section([close]).blocks)
    assert "start: 0.379100 / 0.379400 " in html
    assert "ahnpl: 0.500 / 0.250 " in html
