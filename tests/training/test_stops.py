"""When a run stops, what it says of it, and what it leaves out instead."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.errors import DataError, TrainingError
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.records import StepReport, dead_terms
from ahnpl_cli.training import diagnostics
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.run import Run, open_run

Make = Callable[..., TrainConfig]


def spoil_loss(
    monkeypatch: pytest.MonkeyPatch, run: Run, step: int, change: Callable[[Tensor], Tensor]
) -> None:
    """Change the loss of one step, counted from 0."""
    forward = Objective.forward

    def spoiled(self: Objective, features: object, *, plain: bool) -> object:
        losses = forward(self, features, plain=plain)
        if run.state.step == step:
            change(losses.total.data)
        return losses

    monkeypatch.setattr(Objective, "forward", spoiled)


@pytest.mark.parametrize(("value", "shown"), [(float("nan"), "nan"), (float("inf"), "inf")])
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_last_good_checkpoint(
    value: float, shown: str, make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(save_every=2)
    run = open_run(config)
    spoil_loss(monkeypatch, run, 4, lambda total: total.fill_(value))
    with pytest.raises(TrainingError) as caught:
        for _ in train(run):
            pass
    assert str(caught.value) == (
        f"training went wrong at step 5: the loss is {shown}. "
        f"The last good checkpoint is {config.output}/last."
    )


def test_a_gradient_that_is_no_number_stops_the_run(make_config: Make) -> None:
    run = open_run(make_config(save_every=99))
    scale = run.parts.backbone.module.get_parameter("logit_scale")
    scale.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(TrainingError) as caught:
        for _ in train(run):
            pass
    assert str(caught.value) == (
        "training went wrong at step 1: the gradient's norm is nan. No checkpoint was written yet."
    )


def test_a_loss_that_explodes_stops_the_run(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(make_config(steps=14, save_every=99))
    spoil_loss(monkeypatch, run, 11, lambda total: total.mul_(1000))
    with pytest.raises(TrainingError) as caught:
        for _ in train(run):
            pass
    assert "training went wrong at step 12: the loss is" in str(caught.value)
    assert str(caught.value).endswith(
        "more than ten times that of the first steps. No checkpoint was written yet."
    )


def test_a_term_without_gradient_is_named_once(
    make_config: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnostics, "gradient_shares", lambda *_: {"negative_margin": 0.0})
    report = fit(make_config(steps=12))
    note = "negative_margin has given no gradient for 5 logged steps."
    assert report.notes == (f"step 5: {note}",)
    assert caplog.messages.count(f"Step 5: {note}") == 1


def make_step(shares: dict[str, float]) -> StepReport:
    numbers = dict.fromkeys(
        ("loss", "a", "positive", "valid", "logit_scale", "lr", "images_per_second", "memory_mb"),
        0.0,
    )
    return StepReport(
        step=1,
        epoch=1,
        terms={},
        shares=shares,
        active={},
        margins={},
        negatives={},
        grad_norm=None,
        **numbers,
    )


def test_dead_terms_wake_up_again() -> None:
    shares = (0, 0, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0)
    steps = [make_step({"a": share, "b": 0.5}) for share in shares]
    dead = [dead_terms(steps[: count + 1]) for count in range(len(steps))]
    assert dead == [[]] * 4 + [["a"]] * 2 + [[]] * 5 + [["a"]]


def break_image(make_config: Make, data: Path, tmp_path: Path, content: bytes) -> dict[str, str]:
    """A copy of the data in which one image is damaged."""
    (tmp_path / "images").mkdir()
    for path in (data.parent / "images").iterdir():
        (tmp_path / "images" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "images" / "3.png").write_bytes(content)
    return {"image_root": str(tmp_path)}


def test_a_broken_image_stops_before_training_and_names_the_record(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    options = break_image(make_config, data, tmp_path, b"no image")
    with pytest.raises(DataError) as caught:
        fit(make_config(**options))
    assert str(caught.value) == (
        f"{tmp_path}/images/3.png (record 'r6'): cannot be decoded (not an image). Check "
        "--image-root, or leave them out with --on-error skip."
    )
    assert not Path(make_config().output).exists()


def test_a_broken_image_is_left_out_and_counted(
    make_config: Make, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = break_image(make_config, data, tmp_path, b"no image")
    report = fit(make_config(on_error="skip", **options))
    assert (report.records, report.skipped) == (22, 2)
    assert (
        f"Skipped 2 records with unreadable images (first: {tmp_path}/images/3.png (record 'r6'))."
        in caplog.messages
    )


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_an_image_that_breaks_off_is_found_when_it_is_decoded(
    on_error: str,
    make_config: Make,
    data: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = (data.parent / "images" / "3.png").read_bytes()
    options = break_image(make_config, data, tmp_path, whole[: len(whole) - 40])
    config = make_config(on_error=on_error, batch_size=24, steps=3, **options)
    if on_error == "stop":
        with pytest.raises(DataError) as caught:
            fit(config)
        assert re.fullmatch(
            r"record 'r[67]': .*/images/3.png: cannot be decoded \(.*\)\. Fix it, or leave such "
            r"records out with --on-error skip\.",
            str(caught.value),
        )
    else:
        assert fit(config).skipped == 6  # two records in each of three steps
        said = [line for line in caplog.messages if line.startswith("Skipped")]
        assert len(said) == 2
        assert re.fullmatch(
            r"Skipped record 'r[67]': .*/images/3.png: cannot be decoded \(.*\)\.", said[0]
        )


def test_negatives_are_asked_for_where_there_are_none(make_config: Make, tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_text('{"id": "a", "image": "a.png", "caption": "a cat"}\n')
    with pytest.raises(DataError) as caught:
        fit(make_config(data=(str(path),)))
    assert str(caught.value) == (
        f"{path}: --objective ahnpl needs negatives, and there are none. Make them with: ahnpl "
        "negatives captions.jsonl."
    )
