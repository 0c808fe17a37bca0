"""Tables of a training run."""

import dataclasses
from dataclasses import replace

from ahnpl_cli.records import Hardness, TrainPlan, TrainReport, spread
from ahnpl_cli.training.run import plan_table, plan_tables, tables
from tests.steps import make_step

STEP = make_step(
    loss=3.0,
    terms={"contrastive": 2.0, "positive_margin": 0.5},
    shares={"contrastive": 0.75, "positive_margin": 0.25},
    active={"positive_margin": 0.5},
    margins={"object": 0.05},
    positive=0.4,
    negatives={"object": 0.3, "spatial": 0.4},
    images_per_second=123.4,
)
REPORT = TrainReport(
    run="runs/ahnpl",
    checkpoint="runs/ahnpl/last",
    objective="ahnpl",
    records=3,
    images=3,
    negatives={"object": 3, "spatial": 1},
    skipped=0,
    steps=20,
    seconds=1.0,
    resumed_from=0,
    metrics=(STEP, replace(STEP, step=20, a=0.8, evaluation={"aro": 61.0, "aro.micro": 60.0})),
)


def test_the_course_shows_terms_margins_similarities_and_suites() -> None:
    course, shares = tables(REPORT)
    assert course.columns == ("step", "10", "20")
    assert dict((row[0], row[1:]) for row in course.rows) == {
        "epoch": (1, 1),
        "loss": (3.0, 3.0),
        "L_cont": (2.0, 2.0),
        "L_mar+": (0.5, 0.5),
        "S(I,T)": (0.4, 0.4),
        "S(I,T) - S(I,Tn)": (STEP.gap, STEP.gap),
        "a": (0.9, 0.8),
        "M object": (0.05, 0.05),
        "aro": (None, 61.0),
        "images/s": (123, 123),
    }
    assert shares.rows == (("L_cont", 75.0, None), ("L_mar+", 25.0, 50.0))


def test_a_run_that_begins_with_a_plain_step_shows_every_term() -> None:
    plain = replace(STEP, terms={"contrastive": 1.0}, shares={"contrastive": 1.0}, active={})
    course, shares = tables(replace(REPORT, metrics=(plain, replace(STEP, step=20))))
    rows = dict((row[0], row[1:]) for row in course.rows)
    assert (rows["L_cont"], rows["L_mar+"], rows["a"]) == ((1.0, 2.0), (None, 0.5), (0.9, 0.9))
    assert shares.rows == (("L_cont", 87.5, None), ("L_mar+", 12.5, 50.0))


def test_the_gap_counts_kinds_alike() -> None:
    assert STEP.gap is not None
    assert abs(STEP.gap - 0.05) < 1e-9  # 0.4 less the mean of 0.3 and 0.4
    assert replace(STEP, negatives={}).gap is None


def test_few_steps_are_shown_of_many_with_both_ends() -> None:
    steps = [replace(STEP, step=n) for n in range(1, 101)]
    shown = [step.step for step in spread(steps, 6)]
    assert (len(shown), shown[0], shown[-1]) == (6, 1, 100)
    assert shown == sorted(set(shown))


def test_a_run_without_metrics_has_no_table() -> None:
    assert tables(replace(REPORT, metrics=())) == []


def test_a_plan_lists_what_is_missing() -> None:
    plan = TrainPlan(
        "runs/x",
        2,
        2,
        {"object": 2},
        ("a.png: gone",),
        10,
        10,
        5,
        2,
        0.5,
        2.5,
        1.0,
        2,
        900.0,
        10,
        10,
    )
    table = plan_table(plan)
    assert table.title == "Would write runs/x"
    assert table.note == "a.png: gone"
    assert ("negatives: object", 2) in table.rows
    assert ("time a step", "0.500 s") in table.rows
    assert ("time in all", "2 s") in table.rows


def test_a_dry_run_shows_how_hard_the_negatives_are_where_it_is_known() -> None:
    plan = TrainPlan(
        "runs/x", 2, 2, {"object": 2}, (), 10, 10, 5, 2, 0.5, 2.5, 1.0, 2, 900.0, 10, 10
    )
    assert len(plan_tables(plan)) == 1
    known = dataclasses.replace(plan, hardness=(Hardness("object", 2, 0.7, 2, 50.0, 0.3),))
    _, hardness = plan_tables(known)
    assert hardness.rows == (("object", 2, 0.7, 2, 50.0, 0.3),)
