"""Gain and retention beside each other: two means that are only printed together."""

import math

import pytest
from layouts import write_folders, write_karpathy, write_sugarcrepe
from suite_layouts import write_cola

from ahnpl_cli.backbones.checkpoint import save_checkpoint
from ahnpl_cli.evaluation.result_page import eval_page
from ahnpl_cli.evaluation.trade_off import (
    headline_numbers,
    shared_suites,
    size_chart,
    trade_off_table,
    trade_offs,
)


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
            assert row.means[name] == pytest.approx(sum(values) / 2)
        assert row.parameters == model.info["parameters"] > 1000


def test_the_table_shows_both_changes_to_the_first_model(report):
    first, second = trade_offs(report)
    (_, size, gain_of_first, none, *_), (_, _, gain, change, kept, lost) = trade_off_table(
        report
    ).rows
    assert size == f"{first.parameters / 1e6:,.1f}" and none is None
    assert gain_of_first == first.means["compositional"]
    assert gain == second.means["compositional"] and kept == second.means["retention"]
    difference = second.means["compositional"] - first.means["compositional"]
    assert change.text == f"{difference:+.1f}"
    assert lost.text == f"{second.means['retention'] - first.means['retention']:+.1f}"


def test_a_gain_without_a_measure_of_retention_says_so(tmp_path, run):
    report = run("sugarcrepe", write_sugarcrepe(tmp_path / "d"))
    assert "Retention: none was measured: `ahnpl eval retention`" in trade_off_table(report).note
    assert math.isnan(trade_offs(report)[0].means["retention"])
    (number,) = headline_numbers(report)
    assert number[1] == "tiny: compositional"


def test_the_page_opens_with_both_means(report):
    page = eval_page(report)
    for value, name, _ in headline_numbers(report):
        assert value in page and name in page
    assert len(headline_numbers(report)) == 4


def test_accuracy_over_size_needs_two_sizes(report):
    assert size_chart(report) == ""
    report.models[1].info["parameters"] = 150_000_000
    chart = size_chart(report)
    assert (
        chart.count("<circle") == 2 and "compositional mean (up) over million parameters" in chart
    )
