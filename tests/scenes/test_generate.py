"""The files of a world: the same bytes whoever draws, killed or finished."""

import gzip
import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from drawn import SEED, TEST, TRAIN, read, records

from ahnpl_cli.errors import AhnplError, ConfigError, DataError
from ahnpl_cli.records import ScenesReport
from ahnpl_cli.scenes.generate import generate


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_bytes_do_not_depend_on_who_draws(world: Path, tmp_path: Path) -> None:
    generate(tmp_path, train=TRAIN, test=TEST, seed=SEED, workers=2)
    assert contents(tmp_path) == contents(world)


def test_another_seed_draws_another_world(world: Path, tmp_path: Path) -> None:
    generate(tmp_path, train=TRAIN, test=TEST, seed=SEED + 1, workers=1)
    ours = contents(world)
    other = contents(tmp_path)
    assert ours["captions.jsonl"] != other["captions.jsonl"]
    assert ours["images/000000.png"] != other["images/000000.png"]


def test_a_larger_world_begins_like_a_smaller_one(world: Path, tmp_path: Path) -> None:
    generate(tmp_path, train=2, test=0, seed=SEED, workers=1)
    lines = (world / "captions.jsonl").read_text().splitlines()
    assert (tmp_path / "captions.jsonl").read_text().splitlines() == lines[:6]


def test_a_world_that_is_there_is_not_drawn_again(world: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in world.rglob("*")}
    written = generate(world, train=TRAIN, test=TEST, seed=SEED, workers=1)
    assert not written.is_new
    assert {path: path.stat().st_mtime_ns for path in world.rglob("*")} == before


def test_a_world_made_otherwise_is_not_overwritten_unasked(world: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(world, train=TRAIN, test=TEST, seed=4, workers=1)
    assert str(caught.value) == (
        f"{world / 'scenes.json'}: made with other options: seed 3, now 4. "
        "Choose another --output, or overwrite it with --force."
    )


FOREIGN = ["captions.jsonl", "aro/visual_genome_relation.json", "images/000001.png"]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_others_is_not_overwritten_unasked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError) as caught:
        generate(tmp_path, train=2, test=1, workers=1)
    assert str(caught.value) == (
        f"{tmp_path / name}: exists, and was not written by `ahnpl scenes`. "
        "Choose another --output, or overwrite it with --force."
    )
    assert (tmp_path / name).read_text() == "mine"
    generate(tmp_path, train=2, test=1, workers=1, force=True)
    assert (tmp_path / name).read_bytes() != b"mine"


def test_an_interrupted_world_is_finished_and_not_mixed(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("ahnpl_cli.scenes.generate._write_files", interrupt)
        generate(tmp_path, train=TRAIN, test=TEST, seed=SEED, workers=1)
    with pytest.raises(ConfigError, match="train 9, now 2"):
        generate(tmp_path, train=2, test=TEST, seed=SEED, workers=1)
    generate(tmp_path, train=TRAIN, test=TEST, seed=SEED, workers=1)
    assert contents(tmp_path) == contents(world)


def test_a_smaller_world_leaves_no_image_of_a_larger_one(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.png").write_text("not of a world")
    generate(tmp_path, train=5, test=2, workers=1)
    generate(tmp_path, train=2, test=1, workers=1, force=True)
    images = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert images == ["000000.png", "000001.png", "mine.png"]
    assert len(list((tmp_path / "winoground" / "images").iterdir())) == 2


def test_a_cut_archive_in_the_place_of_the_manifest_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scenes.json").write_bytes(gzip.compress(b'{"train": 1}')[:-6])
    with pytest.raises(DataError, match=r"scenes\.json: damaged file: "):
        generate(tmp_path, train=1, test=0, workers=1)


def test_a_killed_run_leaves_no_process_and_the_same_command_finishes(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    whole = tmp_path / "whole"
    options = ["--train", "500", "--test", "40", "--workers", "2", "-q"]
    command = [sys.executable, "-m", "ahnpl_cli", "scenes"]
    process = subprocess.Popen([*command, str(killed), *options])
    while not list(killed.glob("images/0001*.png")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    (killed / "images" / f".000003.png.{process.pid}.tmp").write_bytes(b"cut")
    deadline = time.monotonic() + 20
    before: list[Path] = []
    after = sorted(killed.rglob("*"))
    while before != after:
        assert time.monotonic() < deadline, "a worker still writes"
        time.sleep(0.5)
        before = after
        after = sorted(killed.rglob("*"))
    assert read(killed / "scenes.json")["files"] == {}
    with pytest.raises(ConfigError, match="train 500, now 5"):
        generate(killed, train=5, test=40, workers=1)
    subprocess.run([*command, str(killed), *options], check=True)
    generate(whole, train=500, test=40, workers=1)
    assert contents(killed) == contents(whole)


def test_a_killed_worker_is_one_line_and_the_same_command_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_worker(items: Iterable[Any], **_: object) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == 0:
                multiprocessing.active_children()[0].kill()
            yield item

    with pytest.raises(AhnplError) as caught:
        generate(tmp_path, train=1500, test=0, workers=2, track=kill_worker)
    assert str(caught.value) == (
        "a worker process died. "
        "If memory ran out, use fewer --workers; then run the same command again."
    )
    assert generate(tmp_path, train=1500, test=0, workers=1).is_new


def test_a_finished_world_is_only_looked_at(tmp_path: Path) -> None:
    generate(tmp_path, train=1, test=0, workers=1)
    before = tmp_path.stat().st_mtime_ns
    assert not generate(tmp_path, train=1, test=0, workers=1).is_new
    # No lock was taken, which would have needed a new file.
    assert tmp_path.stat().st_mtime_ns == before


def test_a_manifest_that_claims_any_number_of_images_does_not_hang(tmp_path: Path) -> None:
    generate(tmp_path, train=1, test=0, workers=1)
    manifest = read(tmp_path / "scenes.json")
    (tmp_path / "scenes.json").write_text(json.dumps({**manifest, "train": 10**15}))
    assert generate(tmp_path, train=1, test=0, workers=1, force=True).is_new


def test_the_first_world_is_pinned(tmp_path: Path) -> None:
    # The shipped model was trained on scenes sampled in this way.
    generate(tmp_path, train=2, test=0, seed=0, workers=1)
    lines = records(tmp_path, "captions.jsonl")
    assert [line["caption"] for line in lines[:4]] == [
        "there is a small black circle below a large red ring",
        "a picture of a red ring above a black circle",
        "a circle on the right and a ring on the right",
        "a circle to the left of a blue square",
    ]
    assert lines[0]["meta"]["things"][0] == {
        "look": {"shape": "circle", "color": "black", "size": "small"},
        "x": 47,
        "y": 49,
        "radius": 7,
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"train": 3}', '{"train": true}', "[" * 9999])
def test_a_damaged_report_is_named_and_replaced_on_request(tmp_path: Path, text: str) -> None:
    (tmp_path / "scenes.json").write_text(text)
    with pytest.raises(DataError, match="scenes.json"):
        generate(tmp_path, train=1, test=0, workers=1)
    assert generate(tmp_path, train=1, test=0, workers=1, force=True).is_new


def test_force_replaces_a_world(tmp_path: Path) -> None:
    generate(tmp_path, train=1, test=0, seed=0, workers=1)
    written = generate(tmp_path, train=2, test=0, seed=0, workers=1, force=True)
    assert written == ScenesReport(str(tmp_path), written.files, is_new=True)
    assert written.files["captions.jsonl"] == 6
