"""Teachers follow or stay, see what the student sees, and plain steps see no negatives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.training import build
from ahnpl_cli.training.checkpoints import STATE, snapshot
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.lora import merged
from ahnpl_cli.training.run import open_run
from ahnpl_cli.training.teachers import Teacher, make_teachers

Make = Callable[..., TrainConfig]
FAST = {"lr": 1e-2, "warmup": 0, "steps": 3}


@pytest.mark.parametrize("options", [{}, {"lora": 2}], ids=str)
def test_a_mean_is_that_of_a_loop_over_the_weights(
    options: dict[str, int], make_config: Make
) -> None:
    run = open_run(make_config(objective="degla", teacher_decay=0.75, **FAST, **options))
    student, teacher = run.parts.backbone.module, run.parts.teachers["ema"].backbone.module
    want: dict[str, Tensor] = snapshot(teacher)
    for _ in train(run):
        now = merged(student.state_dict())
        want = {name: 0.75 * mean + 0.25 * now[name] for name, mean in want.items()}
    got = teacher.state_dict()
    moved = [name for name in want if not torch.equal(now[name], want[name])]
    assert "transformer.resblocks.0.attn.in_proj_weight" in moved
    for name, mean in want.items():
        torch.testing.assert_close(got[name], mean)
    saved = torch.load(run.folder.last / STATE, weights_only=True)["teachers"]["ema"]
    assert all(torch.equal(saved[name], got[name]) for name in want)


def test_the_start_stays_and_is_not_saved_again(make_config: Make) -> None:
    run = open_run(make_config(teacher="start", **FAST))
    before = snapshot(run.parts.teachers["start"].backbone.module)
    reports = [report for report in train(run) if report]
    after = run.parts.teachers["start"].backbone.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.load(run.folder.last / STATE, weights_only=True)["teachers"] == {}
    # At the start the student is its teacher.
    assert reports[0].terms["teacher_features"] == pytest.approx(0, abs=1e-6)
    assert reports[2].terms["teacher_features"] > 1e-3


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"teacher": "start"}, {"start": "own"}),
        ({"shift_model": "start"}, {"start": "unused"}),
        ({"teacher": "start", "shift_model": "start"}, {"start": "own"}),
        ({"teacher": "ema", "shift_model": "start"}, {"ema": "own", "start": "unused"}),
        ({"teacher": "start", "freeze": "image"}, {"start": "student"}),
        ({"teacher": "start", "freeze": "text"}, {"start": "own"}),
        ({}, {}),
    ],
    ids=str,
)
def test_a_teacher_encodes_what_is_looked_at_once(
    options: dict[str, str], seen: dict[str, str], make_config: Make
) -> None:
    teachers = open_run(make_config(**options)).parts.teachers
    assert {name: teacher.images for name, teacher in teachers.items()} == seen


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_frozen_image_tower_is_passed_once_to_the_same_losses(
    accumulate: int, make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"teacher": "start", "weight_teacher_similarity": 0.5, "freeze": "image", **FAST}
    terms = []
    for images in ("student", "own"):
        config = make_config(output=str(tmp_path / images), accumulate=accumulate, **options)
        run = open_run(config)
        assert run.parts.teachers["start"].images == images
        terms.append([report.terms for report in train(run) if report])
        monkeypatch.setattr(build, "make_teachers", make_teachers_that_see_for_themselves)
    # The same in all but last bits: attention takes another path where no gradient is needed.
    for once, twice in zip(*terms, strict=True):
        assert once == pytest.approx(twice, rel=1e-3, abs=1e-5)


def make_teachers_that_see_for_themselves(*given: Any, images_stay: bool) -> dict[str, Teacher]:
    assert images_stay
    return make_teachers(*given, images_stay=False)


def test_in_bf16_a_teacher_computes_as_its_student_does(make_config: Make) -> None:
    """In fp32 it would be some 1e-5 away from it at the start."""
    report = fit(make_config(objective="degla", precision="bf16", steps=1))
    assert report.metrics[0].terms["teacher_features"] < 1e-8


def test_a_stronger_teacher_keeps_features_nearer(make_config: Make, tmp_path: Path) -> None:
    far = []
    for weight in (1e-6, 100.0):
        output = str(tmp_path / str(weight))
        options = {"teacher": "start", "weight_teacher_features": weight, "output": output}
        far.append(fit(make_config(**FAST, **options)).metrics[-1].terms["teacher_features"])
    assert far[1] < far[0] / 2


def test_a_plain_step_is_one_of_clip_and_the_others_are_not(
    make_config: Make, tmp_path: Path
) -> None:
    mixed = fit(make_config(plain_every=2, output=str(tmp_path / "mixed"))).metrics
    clip = fit(make_config(objective="clip", output=str(tmp_path / "clip"))).metrics
    assert mixed[0].loss == clip[0].loss
    assert mixed[0].grad_norm == pytest.approx(clip[0].grad_norm)
    assert [list(step.terms) == ["contrastive"] for step in mixed] == [True, False] * 3
    assert mixed[0].shares == {"contrastive": 1.0}
    assert (mixed[0].valid, mixed[0].negatives, mixed[0].active) == (0.0, {}, {})
    assert mixed[1].valid > 0.5 and mixed[1].negatives
    # M waits through a plain step.
    assert mixed[2].margins == mixed[3].margins != mixed[4].margins
