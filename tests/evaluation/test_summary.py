"""The table that eval ends in: one row a headline and model, with all that a reader needs."""

from dataclasses import replace

import pytest

from ahnpl_cli.evaluation.report import (
    Comparison,
    Difference,
    EvalReport,
    ModelReport,
    SubsetReport,
    SuiteInfo,
    SuiteReport,
    Support,
)
from ahnpl_cli.evaluation.result_tables import comparison_tables
from ahnpl_cli.evaluation.summary import shown_tables
from ahnpl_cli.reporting.tables import fitted, text


def suite(percent: float, coverage: float = 100.0) -> SuiteReport:
    """ARO of one subset: three averages of the very same items."""
    row = SubsetReport("VG-Relation", 60, percent, 30.0, 70.0, 1, 60, coverage)
    names = ("vg_relation_macro", "vg_relation_macro_any_n", "macro_vg")
    return SuiteReport(
        [row],
        [],
        dict.fromkeys(names, percent),
        dict.fromkeys(names, (30.0, 70.0)),
        "macro_vg",
        percent,
        {},
        coverage,
        dict.fromkeys(names, Support(60, coverage)),
    )


def report(*percents: float, coverage: float = 100.0) -> EvalReport:
    models = []
    comparisons = []
    for number, percent in enumerate(percents):
        models.append(ModelReport(f"model-{number}", {}, {"aro": suite(percent, coverage)}))
    for model, percent in zip(models[1:], percents[1:], strict=True):
        gain = percent - percents[0]
        subset = Difference(
            "VG-Relation", False, percents[0], percent, gain, 1.7, 27.3, 0.077, False
        )
        # What the bootstrap alone would say of the very same verdicts.
        average = replace(subset, name="macro_vg", average=True, p=None, significant=True)
        comparisons.append(Comparison("aro", "model-0", model.name, 60, [subset, average]))
    chance = {"VG-Relation": 50.0, "macro_vg": 50.0}
    infos = {"aro": SuiteInfo("relations", {}, [], [], {}, 0, chance=chance)}
    return EvalReport(models, infos, comparisons, {"tie": "strict"}, {})


def cells(table, column: str) -> list[str]:
    return [text(row[table.columns.index(column)], 1) for row in table.rows]


def test_of_one_model_a_headline_stands_with_interval_chance_and_coverage():
    (table,) = shown_tables(report(50.0, coverage=40.0), "rich", full=False)
    assert [text(cell, 1) for cell in table.rows[0]] == [
        *("aro", "macro_vg", "60", "50.0", "30.0 to 70.0", "50.0", "40.0")
    ]
    assert "--full" in table.note


def test_one_half_of_the_items_is_not_taken_for_missing_photos():
    results = report(50.0, coverage=50.0)
    results.settings["half"] = "reported"
    (table,) = shown_tables(results, "rich", full=False)
    assert "Of one half of the items: reported." in table.note


def test_coverage_stands_there_also_where_everything_was_scored():
    (table,) = shown_tables(report(50.0), "rich", full=False)
    assert cells(table, "cover %") == ["100.0"]


def test_one_test_decides_over_equal_items():
    (table,) = shown_tables(report(50.0, 63.3), "rich", full=False)
    assert cells(table, "difference") == ["-", "+13.3 ±12.8"]
    (against,) = comparison_tables(report(50.0, 63.3).comparisons)
    assert cells(against, "difference") == ["+13.3", "+13.3"]
    assert cells(against, "McNemar p") == ["0.077", "0.077"]


def test_an_average_of_other_items_keeps_its_own_test():
    other = report(50.0, 63.3)
    subset, average = other.comparisons[0].differences
    other.comparisons[0].differences[:] = [subset, replace(average, low=2.0)]
    (table,) = shown_tables(other, "rich", full=False)
    assert cells(table, "difference")[1].endswith("*")


@pytest.mark.parametrize("percents", [(50.0,), (50.0, 63.3)])
def test_averages_that_equal_a_row_are_hidden_but_for_the_headline(percents):
    table, *_, summary = shown_tables(report(*percents), "rich", full=True)
    assert cells(table, "subset or average") == ["VG-Relation", "macro_vg"]
    assert summary.title.startswith("Summary")


def test_csv_is_every_number():
    (table,) = shown_tables(report(50.0, 63.3), "csv", full=False)
    assert len(table.rows) == 8


def test_on_a_narrow_terminal_two_models_stay_two_rows():
    (table,) = shown_tables(report(50.0, 63.3), "rich", full=False)
    narrow = fitted(table, 70)
    assert [row[0] for row in narrow.rows] == ["aro", "aro"]
    assert "headline" not in narrow.columns and "cover %" in narrow.columns
    # Columns go one by one: chance stays as long as there is room for it.
    assert "chance" in narrow.columns
    assert "chance" not in fitted(table, 60).columns


def test_chance_of_many_candidates_is_small_and_not_none():
    results = report(50.0)
    results.suites["aro"] = replace(results.suites["aro"], chance={"macro_vg": 0.004})
    (table,) = shown_tables(results, "rich", full=False)
    assert cells(table, "chance") == ["<0.1"]
