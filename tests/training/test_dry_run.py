"""A dry run counts, tries and writes nothing."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.progress import silent
from ahnpl_cli.training.dry_run import preview, time_steps


def test_a_dry_run_says_what_there_is_and_writes_nothing(
    make_config: Callable[..., TrainConfig], data: Path, tmp_path: Path
) -> None:
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


def test_only_the_trained_part_is_counted_as_such(
    make_config: Callable[..., TrainConfig],
) -> None:
    plan = preview(make_config(lora=2))
    assert plan.trainable < plan.parameters / 50


def test_the_first_step_which_pays_for_what_is_made_once_is_not_counted() -> None:
    def steps() -> Iterator[None]:
        for seconds in (0.3, 0.01, 0.01, 99):
            time.sleep(seconds)
            yield None

    assert 0.01 <= time_steps(steps(), silent) < 0.15
