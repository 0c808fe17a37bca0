"""A dry run counts, tries and writes nothing."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.progress import silent
from ahnpl_cli.training import dry_run
from ahnpl_cli.training.dry_run import TRIED, _extrapolate, _Trial, preview, time_steps
from ahnpl_cli.training.loop import fit
from ahnpl_cli.training.run import plan_table


def test_a_dry_run_says_what_there_is_and_writes_nothing(
    make_config: Callable[..., TrainConfig],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However busy the machine is, the whole batch is tried.
    monkeypatch.setattr(dry_run, "LONGEST", math.inf)
    images = tmp_path / "some"
    (images / "images").mkdir(parents=True)
    for path in (data.parent / "images").iterdir():
        if path.name != "5.png":
            (images / "images" / path.name).write_bytes(path.read_bytes())
    # Cut off behind its header: found when it is decoded, and no reason to stop either.
    whole = (images / "images" / "3.png").read_bytes()
    (images / "images" / "3.png").write_bytes(whole[:-40])
    before = sorted(tmp_path.rglob("*"))
    plan = preview(make_config(image_root=str(images), steps=None, epochs=2))
    assert sorted(tmp_path.rglob("*")) == before
    assert (plan.records, plan.images, plan.batch_size, plan.steps) == (22, 12, 8, 4)
    assert plan.negatives == {"relation": 13, "attribute": 37, "object": 20}
    assert plan.problems == (f"{images}/images/5.png (record 'r10'): no such image",)
    assert plan.parameters == plan.trainable > 1_000_000
    assert plan.seconds_per_step > 0
    assert plan.estimate == plan.seconds_per_step * 4
    assert plan.seconds_per_epoch == plan.seconds_per_step * 2
    assert (plan.tried_pairs, plan.memory_mb > 100) == (8, True)


def test_only_the_trained_part_is_counted_as_such(
    make_config: Callable[..., TrainConfig],
) -> None:
    plan = preview(make_config(lora=2))
    assert plan.trainable < plan.parameters / 50


def test_the_first_step_which_pays_for_what_is_made_once_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter((0.0, 30.0, 31.0, 32.0))
    monkeypatch.setattr(dry_run.time, "perf_counter", lambda: next(clock))
    assert time_steps(range(TRIED), silent) == 1.0


def test_large_batches_are_extrapolated_from_the_last_two_sizes() -> None:
    # A second for what does not grow, a tenth for each pair; memory 100 MB and 10 a pair.
    trials = [_Trial(0, 0.0, 90.0), _Trial(4, 1.4, 140.0), _Trial(16, 2.6, 260.0)]
    seconds, memory = _extrapolate(trials, 128)
    assert (round(seconds, 9), round(memory, 9)) == (13.8, 1380.0)
    assert _extrapolate(trials, 16) == (2.6, 260.0)


def test_the_disk_that_is_foretold_is_the_disk_that_is_used(
    make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = make_config(output=str(tmp_path / "run"), steps=4, save_every=1, keep=2)
    foretold = preview(config).disk_bytes
    fit(config)
    used = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert abs(used - foretold) < 0.05 * used


def test_units_are_counted_and_tried(make_config: Callable[..., TrainConfig]) -> None:
    plan = preview(make_config(objective="cs-clip"))
    # Twenty of 24 records have three, and in three of them "a red one" and its foil are the same.
    assert plan.units == 57
    assert "units" in [row[0] for row in plan_table(plan).rows]
    assert preview(make_config()).units == 0
