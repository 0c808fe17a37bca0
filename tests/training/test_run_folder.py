"""What a run's folder survives: foreign files, kills at any moment, two writers, other images."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.config import TrainConfig, to_toml
from ahnpl_cli.errors import BusyError, ConfigError, TrainingError
from ahnpl_cli.outputs import lock
from ahnpl_cli.runs import read_metrics
from ahnpl_cli.training.checkpoints import RunFolder
from ahnpl_cli.training.distributed import StopRequest
from ahnpl_cli.training.loop import evaluate_if_due, fit, train
from ahnpl_cli.training.run import open_run
from ahnpl_cli.training.schedule import Milestones

Make = Callable[..., TrainConfig]


class Killed(BaseException):
    """Stands for a kill: nothing catches it, and nothing is cleaned up after it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, method: str, call: int = 1) -> None:
    """Die instead of a call of a method of the run's folder."""
    calls = []
    real = getattr(RunFolder, method)

    def dying(self: RunFolder, *args: object, **options: object) -> object:
        calls.append(method)
        if len(calls) == call:
            raise Killed
        return real(self, *args, **options)

    monkeypatch.setattr(RunFolder, method, dying)


@pytest.mark.parametrize(
    "name", ["best", "last", "evals", "step-000001", "metrics.jsonl", "config.toml"]
)
def test_what_is_no_run_of_ours_is_left_alone(name: str, make_config: Make) -> None:
    config = make_config()
    path = Path(config.output) / name
    path.parent.mkdir()
    if "." in name:
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError) as caught:
        fit(config)
    assert str(caught.value) == (
        f"{path}: exists, and was not written by `ahnpl train`. Choose another --output, or "
        "overwrite it with --force."
    )
    kept = path if path.is_file() else path / "thesis.txt"
    assert kept.read_text() == "mine"
    assert fit(make_config(force=True, steps=1)).steps == 1


def test_other_files_in_the_folder_do_not_matter(make_config: Make) -> None:
    config = make_config(steps=1)
    Path(config.output).mkdir()
    note = Path(config.output) / "slurm-17.out"
    note.write_text("mine")
    assert fit(config).steps == 1
    assert note.read_text() == "mine"


def test_a_run_that_lost_its_start_is_not_begun_again(make_config: Make) -> None:
    config = make_config(steps=2)
    fit(config)
    (Path(config.output) / "start.json").unlink()
    with pytest.raises(ConfigError, match="exists, and was not written by `ahnpl train`"):
        fit(config)
    assert (Path(config.output) / "last" / "ahnpl.json").is_file()


@pytest.mark.parametrize("method", ["save", "keep", "append"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_kill_between_two_writes_is_repaired(
    method: str,
    call: int,
    make_config: Make,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    options = {"save_every": 2, "keep": 2}
    fit(make_config(output=str(tmp_path / "whole"), **options))
    config = make_config(**options)
    with monkeypatch.context() as patch:
        kill_at(patch, method, call)
        with pytest.raises(Killed):
            fit(config)
    fit(config)
    for name in ("step-000004", "step-000006", "last"):
        file = f"{name}/open_clip_model.safetensors"
        whole, cut = tmp_path / "whole" / file, Path(config.output) / file
        assert whole.read_bytes() == cut.read_bytes()
    assert [step.step for step in read_metrics(Path(config.output))] == [1, 2, 3, 4, 5, 6]


def test_a_kill_between_last_and_its_kept_copy_loses_no_copy(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(save_every=3)
    with monkeypatch.context() as patch:
        kill_at(patch, "keep", 2)
        with pytest.raises(Killed):
            fit(config)
    assert not (Path(config.output) / "step-000006").exists()
    assert fit(config).resumed_from == 6
    info = json.loads((Path(config.output) / "step-000006" / "ahnpl.json").read_text())
    assert info["step"] == 6


def test_left_overs_of_killed_processes_are_swept(make_config: Make) -> None:
    config = make_config(steps=1)
    fit(config)
    run = Path(config.output)
    (run / ".last.4711.tmp").mkdir()
    (run / ".last.4711.tmp" / "training_state.pt").write_bytes(b"half")
    (run / ".config.toml.4711.tmp").write_text("half")
    shutil.copytree(run / "last", run / ".step-000001.old")
    # Killed between its two renames: the old folder is all there is.
    (run / "last").rename(run / ".last.old")
    assert fit(config).resumed_from == 1
    assert sorted(path.name for path in run.iterdir()) == [
        *("config.toml", "images.txt", "last", "metrics.jsonl", "start.json", "step-000001"),
    ]


def test_a_run_killed_as_it_began_begins_again(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(steps=1)
    fit(config)
    for name in ("config.toml", "metrics.jsonl"):
        (Path(config.output) / name).unlink()
    shutil.rmtree(Path(config.output) / "last")
    report = fit(config)
    assert (report.resumed_from, report.steps) == (0, 1)


def test_two_processes_do_not_train_into_one_folder(make_config: Make, tmp_path: Path) -> None:
    config = make_config(steps=1)
    with lock(Path(config.output)), pytest.raises(BusyError, match="another process is writing"):
        # A thread stands for a process: the lock is of whoever took it first.
        fit(config)
    assert not (Path(config.output) / "last").exists()
    assert fit(config).steps == 1
    assert not (tmp_path / ".run.lock").exists()


def test_a_second_process_is_one_line(make_config: Make, tmp_path: Path) -> None:
    config = make_config(steps=1)
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config))
    command = [sys.executable, "-m", "ahnpl_cli", "train", "--config", str(file), "-q"]
    with lock(Path(config.output)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1
    assert "another process is writing here" in done.stderr


def exchanged(data: Path, tmp_path: Path, make_config: Make) -> tuple[TrainConfig, Path]:
    """A run stopped in the middle, on a copy of the images."""
    shutil.copytree(data.parent / "images", tmp_path / "images")
    config = make_config(image_root=str(tmp_path), steps=2)
    fit(config)
    return config, tmp_path / "images" / "3.png"


def test_an_image_that_was_exchanged_stops_the_resume(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    config, image = exchanged(data, tmp_path, make_config)
    Image.new("RGB", (32, 32), (1, 2, 3)).save(image)
    with pytest.raises(TrainingError) as caught:
        fit(config)
    assert str(caught.value) == (
        f"{image} (record 'r6'): 1 of 12 images changed since this run began. Put the old ones "
        "back, or start over with --force."
    )


def test_two_images_that_changed_places_are_noticed(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    config, image = exchanged(data, tmp_path, make_config)
    other = image.with_name("4.png")
    first, second = image.read_bytes(), other.read_bytes()
    image.write_bytes(second)
    other.write_bytes(first)
    with pytest.raises(TrainingError, match="2 of 12 images changed"):
        fit(config)


def test_images_that_were_copied_are_the_same(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    config, image = exchanged(data, tmp_path, make_config)
    content = image.read_bytes()
    image.unlink()
    image.write_bytes(content)
    assert fit(config).resumed_from == 2


def test_no_thread_outlives_a_run(make_config: Make) -> None:
    before = threading.active_count()
    fit(make_config(steps=1))
    assert threading.active_count() <= before


def test_a_caption_that_changed_inside_a_shard_is_noticed(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    shard = tmp_path / "0.tar"

    def write(old: str = "", new: str = "") -> None:
        with tarfile.open(shard, "w") as tar:
            for number, line in enumerate(data.read_text().splitlines()):
                image = (data.parent / json.loads(line)["image"]).read_bytes()
                text = line.replace(old, new) if old else line
                for name, content in (("png", image), ("json", text.encode())):
                    member = tarfile.TarInfo(f"{number:03d}.{name}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))

    write()
    config = make_config(data=(str(shard),), steps=1)
    fit(config)
    size = shard.stat().st_size
    write("a photo of", "a drawing!")
    assert shard.stat().st_size == size
    with pytest.raises(TrainingError, match="this run was started from another data"):
        fit(config)


def test_an_image_that_changed_inside_a_shard_is_noticed(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    shard = tmp_path / "0.tar"
    with tarfile.open(shard, "w") as tar:
        for number, line in enumerate(data.read_text().splitlines()):
            content = (data.parent / json.loads(line)["image"]).read_bytes()
            for name, held in (("png", content), ("json", line.encode())):
                member = tarfile.TarInfo(f"{number:03d}.{name}")
                member.size = len(held)
                tar.addfile(member, io.BytesIO(held))
    config = make_config(data=(str(shard),), steps=1)
    fit(config)
    before = shard.read_bytes()
    place = before.index(b"\x89PNG") + 60
    shard.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
    with pytest.raises(TrainingError, match="1 of 24 images changed"):
        fit(config)


def test_the_state_of_another_run_is_one_line(make_config: Make, tmp_path: Path) -> None:
    config = make_config(steps=1)
    fit(config)
    other = make_config(output=str(tmp_path / "other"), lora=2, steps=1)
    fit(other)
    last = Path(config.output) / "last"
    shutil.rmtree(last)
    shutil.copytree(Path(other.output) / "last", last)
    with pytest.raises(TrainingError) as caught:
        fit(config)
    assert str(caught.value) == (
        f"{last}: the training state is of another run, or damaged. Start over with --force."
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_for_an_image_holds_nobody_up(make_config: Make, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data.parent / "images", tmp_path / "images")
    (tmp_path / "images" / "3.png").unlink()
    os.mkfifo(tmp_path / "images" / "3.png")
    report = fit(make_config(image_root=str(tmp_path), on_error="skip", steps=1))
    assert report.skipped == 2


def test_an_evaluation_belongs_to_the_line_of_its_own_step(make_config: Make) -> None:
    run = open_run(make_config(steps=2))
    lines = [report for report in train(run) if report]
    later = replace(run, parts=replace(run.parts, milestones=Milestones(3, 1, 9, 3)))
    later.state.step = 3
    evaluate_if_due(later, StopRequest())  # the newest line is of step 2
    assert later.state.metrics == lines
