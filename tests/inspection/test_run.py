"""Is a training run valid? Metrics read, gaps and dead terms found."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.errors import DataError
from ahnpl_cli.inspection.curves import curve_table, curves, epoch_rows
from ahnpl_cli.inspection.plot import draw, read_runs
from ahnpl_cli.inspection.run import inspect_run
from ahnpl_cli.records import StepReport, dead_terms
from ahnpl_cli.runs import read_metrics
from tests.steps import make_step


def step(number: int, *, epoch: int = 1, loss: float = 1.0, share: float = 0.5) -> StepReport:
    return make_step(
        step=number,
        epoch=epoch,
        loss=loss,
        terms={"contrastive": loss},
        shares={"contrastive": 1 - share, "positive_margin": share},
        margins={"object": 0.1},
        positive=0.7,
        negatives={"object": 0.4, "relation": 0.6},
    )


def write(path: Path, steps: list[StepReport], tail: str = "") -> None:
    lines = [json.dumps(dataclasses.asdict(s)) for s in steps]
    path.write_text("\n".join(lines) + "\n" + tail)


@pytest.fixture
def run(tmp_path: Path, make_tiny: Callable[..., OpenClipBackbone]) -> Path:
    folder = tmp_path / "r"
    save_checkpoint(folder / "last", make_tiny(), extra={})
    (folder / "start.json").write_text('{"model": "scenes-tiny"}')
    return folder


def findings(run: Path) -> list[tuple[str, str]]:
    return [(finding.level, finding.text) for finding in inspect_run(run).findings]


def test_a_sound_run_says_what_it_did(run: Path) -> None:
    write(run / "metrics.jsonl", [step(10), step(20)])
    report = inspect_run(run)
    assert report.valid
    assert report.facts["steps"] == 20
    assert report.facts["start model"] == "scenes-tiny"
    # 0.7 - (0.4 + 0.6) / 2
    assert report.facts["S(I,T) - S(I,T_neg) at the end"] == pytest.approx(0.2)


def test_a_half_line_at_the_end_is_left_out(run: Path) -> None:
    write(run / "metrics.jsonl", [step(10)], tail='{"step": 2')
    assert [s.step for s in read_metrics(run)] == [10]


def test_a_broken_line_in_the_middle_is_named(run: Path) -> None:
    write(run / "metrics.jsonl", [step(10)], tail='{"step": 2\n{"step": 3}\n')
    with pytest.raises(DataError, match=r"metrics.jsonl:2: not JSON"):
        inspect_run(run)


def test_a_loss_that_is_not_finite_is_a_problem(run: Path) -> None:
    text = json.dumps(dataclasses.asdict(step(30, loss=math.inf)))
    write(run / "metrics.jsonl", [step(10)], tail=text + "\n")
    assert ("problem", "the loss is not finite at step 30") in findings(run)


def test_steps_out_of_order_are_a_problem(run: Path) -> None:
    write(run / "metrics.jsonl", [step(20), step(10)])
    assert ("problem", "steps are not in order: two runs wrote here") in findings(run)


def test_a_run_without_metrics_or_last_is_not_sound(tmp_path: Path) -> None:
    (tmp_path / "start.json").write_text("{}")
    assert findings(tmp_path) == [
        ("problem", "no metrics.jsonl, or no step in it"),
        ("problem", "no `last`: the run ended before its first checkpoint"),
    ]


def test_a_term_is_dead_if_it_gave_nothing_lately() -> None:
    early = [step(n, share=0.5) for n in range(5)]
    assert dead_terms((*early, *(step(n, share=0.0) for n in range(5, 12)))) == ["positive_margin"]
    assert dead_terms((*early, *(step(n, share=0.3) for n in range(5, 12)))) == []


def test_there_is_one_row_an_epoch_its_last_step() -> None:
    long = tuple(step(n, epoch=1 + n // 10) for n in range(30))
    assert [s.step for s in epoch_rows(long)] == [9, 19, 29]
    short = tuple(step(n) for n in range(100))
    assert [s.step for s in epoch_rows(short)] == [99]


def test_the_course_of_margins_and_of_the_softmax_is_drawn(run: Path, tmp_path: Path) -> None:
    softmax = {"log_p_hard": -1.0, "log_p_easy": -2.0, "gradient_own": 30.0}
    softmax |= {"gradient_hard": 20.0, "gradient_easy": 10.0}
    steps = []
    for number in (1, 2, 3):
        margins = {"object": 0.01 * number, "relation": 0.02}
        units = {"unit": 0.5, "foil": 0.4}
        more = dataclasses.replace(step(number), margins=margins, softmax=softmax, units=units)
        steps.append(more)
    drawn = {group.title: group.lines for group in curves(steps)}
    assert drawn["Threshold M per kind (Eq. 10)"] == {
        "object": ((1, 0.01), (2, 0.02), (3, 0.03)),
        "relation": ((1, 0.02), (2, 0.02), (3, 0.02)),
    }
    assert drawn["Softmax of Eq. 4, mean log p"].keys() == {"hard", "easy"}
    assert drawn["Gradient on S in Eq. 4"].keys() == {"own", "hard", "easy"}
    assert {"S(I,u)", "S(I,f)", "S(I,T)"} <= drawn["Similarities"].keys()
    labels = [row[0] for row in curve_table(steps).rows]
    assert {"M object", "log p hard", "gradient on S, easy"} <= set(labels)
    write(run / "metrics.jsonl", steps)
    pytest.importorskip("matplotlib")
    picture = tmp_path / "curves.svg"
    draw(read_runs([run]), picture)
    # Text is drawn as outlines; each is named in a comment.
    text = picture.read_text()
    for name in ("Threshold M per kind (Eq. 10)", "Softmax of Eq. 4, mean log p", "relation"):
        assert f"<!-- {name} -->" in text
