"""Tables of results: what stands is marked, coverage shows if not full, sources are named."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    EvalReport,
    ModelReport,
    Published,
    SubsetReport,
    SuiteReport,
)
from ahnpl_cli.evaluation.result_tables import eval_tables
from ahnpl_cli.reporting.tables import Span, Table, fitted, markdown, print_table, text


def suite(percent: float, coverage: float = 100.0) -> SuiteReport:
    row = SubsetReport("swap_att", 10, percent, 30.0, 70.0, 1, 10, coverage)
    return SuiteReport(
        [row], [], {"macro_7": percent}, {"macro_7": [30.0, 70.0]}, "macro_7", percent, {}, coverage
    )


def report(*suites: SuiteReport, **more) -> EvalReport:
    models = [
        ModelReport(name, {"activation": "gelu"}, {"sugarcrepe": one})
        for name, one in zip(("a", "b", "c"), suites, strict=False)
    ]
    comparisons = [
        Comparison(
            "sugarcrepe",
            "a",
            model.name,
            10,
            [
                Difference("swap_att", False, 50.0, 80.0, 30.0, 5.0, 55.0, 0.03, True),
                Difference("macro_7", True, 50.0, 80.0, 30.0, -1.0, 55.0, None, False),
            ],
        )
        for model in models[1:]
    ]
    return EvalReport(models, {}, comparisons, {"tie": "strict"}, {}, **more)


def column(table: Table, name: str) -> list[str]:
    return [text(row[table.columns.index(name)], 1) for row in table.rows]


def test_one_model_is_shown_with_intervals_and_ties():
    (table,) = eval_tables(report(suite(50.0)))
    assert table.columns == ("subset or average", "n", "%", "95 % interval", "ties")
    assert column(table, "95 % interval") == ["30.0 to 70.0", "30.0 to 70.0"]
    assert "a tie counts as wrong" in table.note.lower()
    assert "gelu" in table.note


def test_coverage_is_a_column_as_soon_as_it_is_not_full():
    (table,) = eval_tables(report(suite(50.0, coverage=40.0)))
    assert column(table, "cover %") == ["40.0", "40.0"]


def test_of_two_models_a_difference_that_stands_has_a_star():
    table, trade_off = eval_tables(report(suite(50.0), suite(80.0)))
    assert column(table, "difference") == ["+30.0 *", "+30.0"]
    assert table.rows[0][table.columns.index("difference")] == Span("+30.0 *", "good")
    assert "Ties: a 1, b 1." in table.note
    shown = [text(cell, 1) for cell in trade_off.rows[1][2:]]
    assert shown == ["80.0 ±20.0", "+30.0 ±28.0", "-", "-"]


def test_of_three_models_each_is_set_against_the_first():
    titles = [table.title for table in eval_tables(report(suite(50.0), suite(80.0), suite(60.0)))]
    assert titles == [
        "sugarcrepe: b against a, 10 items",
        "sugarcrepe: c against a, 10 items",
        "Gain and retention",
        "Results in percent",
    ]


def test_subsets_stand_below_their_suite_one_line_each_on_a_narrow_terminal():
    table = eval_tables(report(suite(50.0), suite(80.0), suite(60.0)))[-1]
    assert [text(row[0], 1) for row in table.rows] == ["sugarcrepe: macro_7", "  swap_att"]
    assert text(table.rows[1][-1], 1).startswith("60.0 ±")
    narrow = table.narrow
    assert [text(row[0], 1) for row in narrow.rows] == ["sugarcrepe", "  swap_att"]
    assert text(narrow.rows[1][-1], 1).startswith("60.0 +30.0")


@pytest.mark.parametrize("percents", [(50.0,), (50.0, 80.0), (50.0, 80.0, 60.0)])
def test_every_table_is_whole_words_and_one_line_a_row_at_80_columns(percents):
    name = "macro_3_full_over_half_partial"
    suites = []
    for percent in percents:
        averages = {"macro_7": percent, name: percent}
        ends = dict.fromkeys(averages, (30.0, 90.0))
        suites.append(replace(suite(percent), averages=averages, intervals=ends))
    results = report(*suites)
    for comparison in results.comparisons:
        gain = Difference(name, True, 50.0, 80.0, 30.0, -12.5, 55.5, None, True)
        comparison.differences.append(gain)
    for number, model in enumerate(results.models):
        renamed = f"results: ahnpl-{number}"
        results.models[number] = replace(model, name=renamed)
    for number, comparison in enumerate(results.comparisons, 1):
        names = (results.models[0].name, results.models[number].name)
        results.comparisons[number - 1] = replace(comparison, base=names[0], other=names[1])
    for table in eval_tables(results):
        stream = io.StringIO()
        print_table(table, "rich", Console(file=stream, width=80))
        lines = [line for line in stream.getvalue().splitlines() if line.startswith("│")]
        assert len(lines) == len(fitted(table, 80).rows), table.title
        assert max(map(len, lines)) <= 80


def test_csv_has_one_row_a_number_and_an_empty_cell_for_what_is_not():
    (table,) = eval_tables(report(suite(50.0), suite(80.0)), "csv")
    assert [row[0] for row in table.rows] == ["a", "a", "b", "b"]
    assert [row[-1] for row in table.rows] == [None, None, "yes", "no"]


def test_published_numbers_come_from_papers_first_and_re_evaluations_fill_no_gaps():
    theirs = [
        Published("sugarcrepe", "CLIP", "a paper", {"swap_att": 64.0}),
        Published("sugarcrepe", "CLIP", "vl_compo", {"swap_att": 63.9, "macro_7": 73.0}),
        Published("sugarcrepe", "GNM", "vl_compo", {"macro_7": 77.9}),
    ]
    tables = eval_tables(report(suite(50.0), published=theirs))
    table = next(one for one in tables if "published" in one.title)
    assert table.columns == ("subset or average", "a", "CLIP †", "GNM †")
    assert column(table, "CLIP †") == ["64.0", "-"]
    assert table.note == "† CLIP: a paper; GNM: vl_compo."
    assert "| swap\\_att | 50.0 | 64.0 | - |" in markdown(table)
