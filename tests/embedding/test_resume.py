"""Interrupted or repeated, `embed` ends in the same bytes; it overwrites nothing unasked."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from output_files import tree
from PIL import Image
from safetensors.numpy import load_file

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.records import EmbedReport

Run = Callable[..., EmbedReport]


def test_the_same_command_again_computes_nothing_and_changes_nothing(
    world: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(world / "negatives.jsonl", perturb=True, rows_per_shard=2)
    before = tree(world / "out")
    monkeypatch.setattr("ahnpl_cli.embedding.shards.encode_texts", None)
    monkeypatch.setattr("ahnpl_cli.embedding.shards.encode_images", None)
    report = run(world / "negatives.jsonl", perturb=True, rows_per_shard=2)
    assert tree(world / "out") == before
    assert report.kept == 5


def test_no_trace_of_the_work_is_left(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    assert sorted(tree(world / "out")) == [
        "image-00000.safetensors",
        "index.json",
        "negative-00000.safetensors",
        "records-00000.safetensors",
        "text-00000.safetensors",
    ]


def in_child(call: Callable[[], object], kill_at: str | None = None) -> int | None:
    """Run `call` in a child that is gone the moment a file `kill_at` would be put in place."""
    replace = os.replace

    def kill(old: Path, new: Path) -> None:
        if kill_at is not None and new.name.startswith(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)
        replace(old, new)

    def work() -> None:
        os.replace = kill  # type: ignore[assignment]
        torch.set_num_threads(1)  # The parent's threads are not in its child.
        call()

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    return child.exitcode


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("moment", ["image-00000", "negative-00001", "records-00000", "index"])
def test_killed_with_kill_9_it_resumes_to_the_same_bytes(
    world: Path, run: Run, moment: str
) -> None:
    work = partial(run, world / "negatives.jsonl", rows_per_shard=2, perturb=True)
    assert in_child(work) == 0
    (world / "out").rename(world / "whole")
    assert in_child(work, kill_at=moment) == -signal.SIGKILL
    assert not (world / "out" / "index.json").exists()
    assert in_child(work) == 0
    assert tree(world / "out") == tree(world / "whole")


def test_input_that_grew_computes_only_what_is_new(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", rows_per_shard=1)
    with (world / "negatives.jsonl").open("a") as file:
        file.write('{"id": "r4", "image": "a.png", "caption": "something new"}\n')
    report = run(world / "negatives.jsonl", rows_per_shard=1)
    assert (report.texts, report.kept) == (4, 8)


def test_shards_of_input_that_is_gone_are_deleted(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", rows_per_shard=1)
    lines = (world / "negatives.jsonl").read_text().splitlines(keepends=True)
    (world / "negatives.jsonl").write_text(lines[1])
    run(world / "negatives.jsonl", rows_per_shard=1)
    assert [path.name for path in world.glob("out/text-*")] == ["text-00000.safetensors"]
    assert not list(world.glob("out/negative-*"))


def test_an_image_that_changed_is_computed_again(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    before = load_file(world / "out/image-00000.safetensors")["image_features"]
    Image.new("RGB", (40, 30), "blue").save(world / "a.png")
    run(world / "negatives.jsonl")
    after = load_file(world / "out/image-00000.safetensors")["image_features"]
    assert np.abs(before[0] - after[0]).max() > 1e-4


def test_output_of_other_options_is_not_overwritten_unasked(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    with pytest.raises(ConfigError) as caught:
        run(world / "negatives.jsonl", dtype="float16")
    assert str(caught.value) == (
        f"{world / 'out'}: made with other options: dtype float32, now float16. "
        "Choose another --output, or overwrite it with --force."
    )
    run(world / "negatives.jsonl", dtype="float16", force=True)
    found = load_file(world / "out/text-00000.safetensors")["text_features"]
    assert found.dtype == np.float16


@pytest.mark.parametrize("name", ["index.json", "text-00000.safetensors", "image-7.safetensors"])
def test_a_file_of_others_is_not_overwritten_unasked(world: Path, run: Run, name: str) -> None:
    (world / "out").mkdir()
    (world / "out" / name).write_text("{}")
    with pytest.raises(ConfigError) as caught:
        run(world / "negatives.jsonl")
    assert str(caught.value) == (
        f"{world / 'out' / name}: exists, and was not written by `ahnpl embed`. "
        "Choose another --output, or overwrite it with --force."
    )
    assert (world / "out" / name).read_text() == "{}"
    assert run(world / "negatives.jsonl", force=True).kept == 0


def test_a_damaged_index_is_named_and_replaced_on_request(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    (world / "out" / "index.json").write_text("{")
    with pytest.raises(DataError, match=r"index\.json: not JSON"):
        run(world / "negatives.jsonl")
    run(world / "negatives.jsonl", force=True)


def test_force_deletes_nothing_that_is_not_ours(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    (world / "out" / "image-notes.txt").write_text("mine")
    (world / "out" / "my.safetensors").write_text("mine")
    run(world / "negatives.jsonl", dtype="float16", force=True)
    assert {"image-notes.txt", "my.safetensors"} <= tree(world / "out").keys()


def test_shards_of_another_model_are_not_taken_for_ours(
    world: Path, run: Run, make_tiny: Callable[..., OpenClipBackbone]
) -> None:
    run(world / "negatives.jsonl")
    (world / "out" / "index.json").unlink()  # Without it nothing says whose they are but they do.
    save_checkpoint(world / "other", make_tiny(1), extra={})
    assert run(world / "negatives.jsonl", checkpoint=str(world / "other")).kept == 0
