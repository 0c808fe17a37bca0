"""A run's metrics as curves, on the terminal and as a table."""

import dataclasses
import math

from ahnpl_cli.inspection.curves import curve_table, curves, epoch_table, spark
from ahnpl_cli.losses.registry import label
from ahnpl_cli.reporting.tables import text
from tests.steps import make_step

STEP = make_step(
    loss=2.0,
    terms={"contrastive": 1.5, "hard_negative": 0.5},
    shares={"contrastive": 1.0},
    margins={"object": 0.1, "relation": 0.0},
    positive=0.7,
    negatives={"object": 0.4, "relation": 0.6},
)
LATER = dataclasses.replace(STEP, step=20, loss=1.0, a=0.8, evaluation={"sugarcrepe": 61.0})


def test_a_line_of_blocks_fills_its_range() -> None:
    assert spark([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert spark([5, 5, 5]) == "▁▁▁"
    assert spark([]) == ""


def test_long_curves_are_averaged_to_the_width() -> None:
    assert spark([0, 0, 7, 7], width=2) == "▁█"
    assert len(spark(range(1000))) == 24


def test_the_gap_is_the_mean_over_kinds() -> None:
    assert math.isclose(STEP.gap, 0.7 - 0.5)
    assert dataclasses.replace(STEP, negatives={}).gap is None


def test_curves_leave_out_what_was_never_measured() -> None:
    titles = [curve.title for curve in curves([STEP])]
    assert "Evaluation on the way, %" not in titles
    assert "Active hinges" not in titles
    later = {curve.title: curve.lines for curve in curves([STEP, LATER])}
    assert later["Evaluation on the way, %"] == {"sugarcrepe": ((20.0, 61.0),)}
    assert later["a (Eq. 8)"] == {"a": ((10.0, 0.9), (20.0, 0.8))}


def test_numbers_that_are_not_finite_are_left_out_of_curves() -> None:
    lines = {c.title: c.lines for c in curves([STEP, dataclasses.replace(LATER, loss=math.nan)])}
    assert lines["Losses"]["loss"] == ((10.0, 2.0),)


def test_every_curve_has_a_name_of_its_own_on_the_terminal() -> None:
    names = [text(row[0], 1) for row in curve_table([STEP, LATER]).rows]
    assert len(names) == len(set(names))
    assert {"loss", "M object", "a (Eq. 8)", "S(I,T)", "S(I,T_neg) object"} <= set(names)


def test_the_epoch_table_has_a_column_per_term_and_kind() -> None:
    table = epoch_table([STEP, LATER])
    assert table.columns == (
        *("epoch", "step", "loss", label("contrastive"), label("hard_negative"), "a"),
        *("M object", "M relation", "gap", "images/s"),
    )
    assert table.rows[1][:3] == (1, 20, 1.0)
