"""Runs on painted pictures: shares of a mix, pictures that are missing or break off."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.run import open_run

Make = Callable[..., TrainConfig]


def test_a_mix_has_its_share_of_painted_pairs_in_every_batch(make_config: Make) -> None:
    run = open_run(make_config(objective="gnm", batch_size=8, painted_share=0.25, steps=3))
    parts = run.parts
    assert len(parts.data) > 24
    for step in range(3):
        rows = parts.data.rows[parts.order.rows(step)]
        assert parts.data.is_painted[rows].sum() == 2
    assert [report.loss for report in train(run) if report] == pytest.approx(
        [
            step.loss
            for step in fit(
                make_config(
                    objective="gnm", batch_size=8, painted_share=0.25, steps=3, resume=False
                )
            ).metrics
        ]
    )


def test_a_share_that_leaves_out_a_source_is_refused(make_config: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        open_run(make_config(objective="gnm", batch_size=4, painted_share=0.05))
    assert str(caught.value) == (
        "--painted-share 0.05 of 4 pairs leaves out one of the two sources. Take larger batches, "
        "or another share."
    )


@pytest.mark.parametrize("objective", ["gnm", "trohn", "triplet"])
def test_pictures_are_asked_for_where_there_are_none(
    objective: str, make_config: Make, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "unpainted.jsonl"
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    for record in lines:
        for negative in record["negatives"]:
            negative.pop("image", None)
    path.write_text("".join(json.dumps(record) + "\n" for record in lines))
    with pytest.raises(DataError) as caught:
        fit(make_config(data=(str(path),), image_root=str(data.parent), objective=objective))
    assert str(caught.value) == (
        f"{path}: --objective {objective} needs pictures of negatives, and there are none. Paint "
        "them with: ahnpl images negatives.jsonl."
    )


def break_picture(make_config: Make, data: Path, tmp_path: Path, content: bytes) -> TrainConfig:
    """A copy of the data in which a picture of record r1 is broken."""
    shutil.copytree(data.parent, tmp_path / "copy")
    (tmp_path / "copy" / "painted" / "1-0.png").write_bytes(content)
    options = {"image_negatives": "real", "batch_size": 24, "steps": 2, "on_error": "skip"}
    return make_config(data=(str(tmp_path / "copy" / data.name),), **options)


def test_a_missing_picture_of_a_negative_is_known_before_the_first_step(
    make_config: Make, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = break_picture(make_config, data, tmp_path, b"no image")
    with pytest.raises(DataError) as caught:
        fit(replace(config, on_error="stop"))
    name = f"{tmp_path}/copy/painted/1-0.png (record 'r1')"
    assert str(caught.value) == (
        f"{name}: cannot be decoded (not an image). Check --image-root, or leave them out with "
        "--on-error skip."
    )
    report = fit(config)
    assert report.records == 24
    line = f"Left out 1 pictures of negatives, whose texts stay (first: {name})."
    assert line in caplog.messages


def test_a_picture_of_a_negative_that_breaks_off_costs_the_slot_alone(
    make_config: Make, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (data.parent / "painted" / "1-0.png").read_bytes()
    config = break_picture(make_config, data, tmp_path, whole[: len(whole) - 40])
    with pytest.raises(DataError, match=r"record 'r1': .*/painted/1-0.png: cannot be decoded"):
        fit(replace(config, on_error="stop", output=str(tmp_path / "stopped")))
    report = fit(config)
    assert report.skipped == 2  # once in each of two steps
    said = [line for line in caplog.messages if "painted/1-0.png" in line]
    assert len(said) == 1
    assert said[0].startswith("Skipped a picture of record 'r1': ")
    intact = fit(
        make_config(
            **{"image_negatives": "real", "batch_size": 24, "steps": 2},
            output=str(tmp_path / "intact"),
        )
    )
    assert report.metrics[0].terms["contrastive"] == intact.metrics[0].terms["contrastive"]
    visual = "hard_negative_visual"
    assert report.metrics[0].terms[visual] < intact.metrics[0].terms[visual]
