"""The part of the page on results: what stands is coloured, and nothing is there twice."""

import dataclasses
import re

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
from ahnpl_cli.evaluation.summary import summary_table
from ahnpl_cli.evaluation.trade_off import headline_figures
from ahnpl_cli.reporting.tables import Span, text


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
        suites={"winoground": SuiteInfo("groups", {}, [], [], {}, 0, chance={"group": 100 / 6})},
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
    assert block.count('<div class="name">group <small>n = 400</small></div>') == 1
    assert block.count('class="name">group') == 1


def test_coverage_stands_at_the_bars_in_the_table_and_at_the_large_numbers() -> None:
    partial = report()
    for model in partial.models:
        suite = model.suites["winoground"]
        row = dataclasses.replace(suite.subsets[0], n=12, coverage=3.0)
        model.suites["winoground"] = dataclasses.replace(suite, subsets=[row], coverage=3.0)
    (block,) = bars_section(partial).blocks
    assert "<small>n = 12, 3.0 % covered</small>" in block
    (row,) = headline_table(partial).rows
    assert row[0] == (Span("winoground"), Span(" group, n = 12, 3.0 % covered", "dim"))
    (figure,) = headline_figures(partial)["ahnpl"]
    assert figure.remarks[-1] == "n = 12, 3.0 % covered"


def test_winogrounds_chance_is_drawn_and_not_one_half() -> None:
    (block,) = bars_section(report()).blocks
    assert 'class="chance" style="left:16.7%"' in block
    (row,) = headline_table(report()).rows
    assert row[1] == 100 / 6


def test_the_page_opens_with_the_numbers_that_the_terminal_ends_in() -> None:
    results = report()
    summary = summary_table(results)
    printed = [text(row[summary.columns.index("%")], 1) for row in summary.rows]
    for model, number in zip(results.models, printed, strict=True):
        (figure,) = headline_figures(results)[model.name]
        assert f"{figure.value.removesuffix(' %')} ±{figure.spread}" == number


def test_a_few_cards_are_shown_and_the_rest_is_folded_each_suite_in_turn(
    results: EvalReport,
) -> None:
    (case,) = results.examples
    cases = [dataclasses.replace(case, suite=suite) for suite in ["a"] * 7 + ["b"]]
    shown, folded = examples_section(cases).blocks[1:]
    assert shown.count("<article>") == 6 and folded.count("<article>") == 2
    assert folded.startswith("<details><summary>2 more</summary>")
    assert re.findall(r"<h3>(\w): ", shown)[:3] == ["a", "b", "a"]


def test_scores_that_look_equal_get_more_digits(results: EvalReport) -> None:
    (case,) = results.examples
    close = dataclasses.replace(case, scores={"start": (0.3791, 0.3794), "ahnpl": (0.5, 0.25)})
    html = "".join(examples_section([close]).blocks)
    assert "start: 0.379100 / 0.379400 " in html
    assert "ahnpl: 0.500 / 0.250 " in html
