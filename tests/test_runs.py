"""The layout of a run's folder."""

import json
import os
from pathlib import Path

import pytest

from ahnpl_cli import runs
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import RunStart


def make_run(root: Path, name: str, time: int, steps: tuple[int, ...] = ()) -> Path:
    run = root / name
    for folder in [*(runs.step_folder(run, step) for step in steps), run / runs.LAST]:
        folder.mkdir(parents=True)
        (folder / runs.INFO_FILE).write_text("{}")
        os.utime(folder / runs.INFO_FILE, (time, time))
    (run / runs.START).write_text(json.dumps({"model": name}))
    return run


def test_the_newest_run_is_the_one_that_saved_last(tmp_path: Path) -> None:
    make_run(tmp_path, "late", 2000)
    make_run(tmp_path, "early", 1000)
    (tmp_path / "other").mkdir()
    assert runs.newest_run(tmp_path) == tmp_path / "late"


def test_no_run_is_none(tmp_path: Path) -> None:
    assert runs.newest_run(tmp_path / "absent") is None


def test_checkpoints_come_oldest_first_and_end_with_the_last(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a", 1, steps=(1000, 20))
    names = [folder.name for folder in runs.run_checkpoints(run)]
    assert names == ["step-000020", "step-001000", "last"]


def test_a_run_knows_its_start(tmp_path: Path) -> None:
    assert runs.read_start(make_run(tmp_path, "a", 1)) == RunStart(model="a")


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="start.json: not a training run. Name a folder"):
        runs.read_start(tmp_path)


@pytest.mark.parametrize(
    "content",
    [{"checkpoint": 1.5}, {"model": []}, {"data": "n.jsonl"}, {"data": [1]}, {"sha256": True}],
)
def test_a_start_of_another_type_is_named(tmp_path: Path, content: dict[str, object]) -> None:
    (tmp_path / runs.START).write_text(json.dumps(content))
    (name,) = content
    with pytest.raises(DataError, match=f"start.json: {name} cannot be"):
        runs.read_start(tmp_path)


def test_a_start_named_by_a_path_is_found_where_run_and_model_were_moved(tmp_path: Path) -> None:
    run = tmp_path / "project" / "runs" / "a"
    run.mkdir(parents=True)
    (run / "start.json").write_text('{"checkpoint": "./../../models/clip", "model": "RN50"}')
    moved = tmp_path / "elsewhere"
    (tmp_path / "project").rename(moved)
    start = runs.read_start(moved / "runs" / "a")
    assert (start.checkpoint, start.model) == (str(moved / "models" / "clip"), "RN50")
