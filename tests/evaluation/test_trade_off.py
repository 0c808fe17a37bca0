"""Gain and retention beside each other: two means that are only printed together."""

import math

import pytest
from layouts import write_folders, write_karpathy, write_sugarcrepe
from suite_layouts import write_cola

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.evaluation.result_page import eval_page
from ahnpl_cli.evaluation.summary import summary_table
from ahnpl_cli.evaluation.trade_off import (
    headline_figures,
    shared_suites,
    size_chart,
    trade_off_table,
    trade_offs,
)
from ahnpl_cli.reporting.tables import text


@pytest.fixture
def report(tmp_path, run, make_tiny, tiny_model_folder):
    other = tmp_path / "other"
    save_checkpoint(other, make_tiny(1), extra={})
    root = write_folders(write_karpathy(write_sugarcrepe(tmp_path / "d")))
    write_cola(root)
    checkpoints = (str(tiny_model_folder), str(other))
    return run("cola zeroshot sugarcrepe retrieval", root, checkpoint=checkpoints)


def test_the_means_are_of_the_suites_of_each_kind(report):
    assert shared_suites(report) == {
        "compositional": ["cola", "sugarcrepe"],
        "retention": ["zeroshot", "retrieval"],
    }
    for model, row in zip(report.models, trade_offs(report), strict=True):
        for name, members in shared_suites(report).items():
            values = [model.suites[suite].headline_value for suite in members]
            assert row.means[name].value == pytest.approx(sum(values) / 2)
        assert row.parameters == model.info["parameters"] > 1000


def test_the_table_shows_both_changes_to_the_first_model(report):
    first, second = trade_offs(report)
    (_, size, gain_of_first, none, *_), (_, _, gain, change, kept, lost) = trade_off_table(
        report
    ).rows
    assert size == f"{first.parameters / 1e6:,.1f}" and none is None
    assert text(gain_of_first, 1).startswith(f"{first.means['compositional'].value:.1f} ±")
    for cell, mean in ((gain, "compositional"), (kept, "retention")):
        assert text(cell, 1).startswith(f"{second.means[mean].value:.1f} ±")
    for cell, mean in ((change, "compositional"), (lost, "retention")):
        difference = second.means[mean].value - first.means[mean].value
        assert text(cell, 1).startswith(f"{difference:+.1f} ±")


def test_the_interval_of_a_mean_is_that_of_independent_suites(report):
    model, mean = report.models[1], trade_offs(report)[1].means["compositional"]
    suites = [model.suites[name] for name in ("cola", "sugarcrepe")]
    halves = []
    for suite in suites:
        low, high = suite.intervals[suite.headline]
        halves.append((high - low) / 2)
    assert mean.half == pytest.approx(math.hypot(*halves) / 2)
    assert mean.n == sum(suite.support[suite.headline].n for suite in suites)
    assert mean.coverage == 100.0
    guesses = [report.chance(name, model.suites[name].headline) for name in ("cola", "sugarcrepe")]
    assert mean.chance == pytest.approx(sum(guesses) / 2)


def test_the_summary_ends_in_the_means_that_the_page_opens_with(report):
    table = summary_table(report)
    rows = [[text(cell, 1) for cell in row] for row in table.rows[-4:]]
    assert [row[:3] for row in rows] == [
        ["compositional", "mean of 2", "tiny"],
        ["compositional", "mean of 2", "other"],
        ["retention", "mean of 2", "tiny"],
        ["retention", "mean of 2", "other"],
    ]
    figures = headline_figures(report)
    shown = [figures[model][kind] for kind in (0, 1) for model in ("tiny", "other")]
    for row, figure in zip(rows, shown, strict=True):
        assert row[4] == f"{figure.value.removesuffix(' %')} ±{figure.spread}"


def test_a_gain_without_a_measure_of_retention_says_so(tmp_path, run):
    report = run("sugarcrepe", write_sugarcrepe(tmp_path / "d"))
    assert "Retention: none was measured: `ahnpl eval retention`" in trade_off_table(report).note
    assert math.isnan(trade_offs(report)[0].means["retention"].value)
    (figure,) = headline_figures(report)["tiny"]
    assert figure.name == "compositional, sugarcrepe"


def test_the_page_opens_with_both_means(report):
    page = eval_page(report)
    for model, figures in headline_figures(report).items():
        assert f"<h3>{model}</h3>" in page
        for figure in figures:
            assert f"<b>{figure.value}</b> <i>±{figure.spread}</i>" in page
        assert len(figures) == 2


def test_accuracy_over_size_needs_two_sizes(report):
    assert size_chart(report) == ""
    report.models[1].info["parameters"] = 150_000_000
    chart = size_chart(report)
    assert (
        chart.count("<circle") == 2 and "compositional mean (up) over million parameters" in chart
    )
