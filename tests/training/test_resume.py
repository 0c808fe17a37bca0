"""A run that is killed and started again ends in the same weights, bit for bit."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import SLOW, same, wait_for_steps
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app
from ahnpl_cli.config import TrainConfig, to_toml
from ahnpl_cli.errors import ConfigError, DataError, TrainingError
from ahnpl_cli.training.checkpoints import STATE
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.run import open_run


def settled(run: Path) -> list[dict[str, object]]:
    """The metrics without what a clock or the machine decides."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    clock = ("images_per_second", "memory_mb")
    return [{k: v for k, v in json.loads(ln).items() if k not in clock} for ln in lines]


def test_a_run_killed_with_kill_9_ends_in_the_same_bits(
    make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    options = {"steps": 20, "save_every": 2, "ema": 0.9, "keep": 1}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    # With EMA the checkpoint holds the mean, so the trained weights have to survive beside it.
    fit(make_config(output=str(whole), **options))
    config = tmp_path / "config.toml"
    config.write_text(to_toml(make_config(output=str(cut), **options)))
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "train", "--config", str(config), "-q"],
        stdout=subprocess.DEVNULL,
    )
    wait_for_steps(cut, [process], more_than=4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    report = fit(make_config(output=str(cut), **options))
    assert 2 <= report.resumed_from < 20
    assert same(whole, cut)
    assert settled(whole) == settled(cut)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"objective": "gnm", "random_crop": 0.5},
        {"objective": "trohn"},
        {"objective": "degla", "lora": 2, "teacher_decay": 0.5, "plain_every": 3},
        {"teacher": "start", "weight_teacher_similarity": 0.5, "shift_model": "start"},
        {"objective": "negclip", "image_neighbors": 2},
        {"objective": "clic"},
        {"objective": "cs-clip", "units_drawn": 1, "plain_every": 3},
    ],
    ids=str,
)
def test_a_run_goes_on_in_the_middle_of_an_epoch(
    options: dict[str, object], make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = make_config(steps=7, save_every=4, **options)
    fit(make_config(steps=7, save_every=4, output=str(tmp_path / "whole"), **options))
    run = open_run(config)
    steps = train(run)
    for _ in range(5):  # epochs have three steps or so: the fifth is in the second
        next(steps)
    del steps, run
    report = fit(config)
    assert report.resumed_from == 4
    assert same(tmp_path / "whole", Path(config.output))
    assert [step.step for step in report.metrics] == [1, 2, 3, 4, 5, 6, 7]
    seen = {"unit", "foil"} if options.get("objective") == "cs-clip" else set()
    assert report.metrics[1].units.keys() == seen
    assert not report.metrics[3].units


def test_a_finished_run_is_left_as_it_is(make_config: Callable[..., TrainConfig]) -> None:
    config = make_config()
    before = fit(config)
    written = (Path(config.output) / "last" / STATE).stat().st_mtime_ns
    again = fit(config)
    assert again.steps == again.resumed_from == before.steps
    assert again.metrics == before.metrics
    assert (Path(config.output) / "last" / STATE).stat().st_mtime_ns == written


def test_other_options_do_not_overwrite_a_run(make_config: Callable[..., TrainConfig]) -> None:
    fit(make_config())
    with pytest.raises(ConfigError) as caught:
        fit(make_config(lr=5e-4, objective="clip"))
    assert "lr" in caught.value.what and "objective" in caught.value.what
    assert str(caught.value).endswith("Choose another --output, or overwrite it with --force.")
    assert fit(make_config(lr=5e-4, force=True)).resumed_from == 0


def test_incidental_options_may_change_on_resume(make_config: Callable[..., TrainConfig]) -> None:
    fit(make_config())
    assert fit(make_config(log_every=2, image_cache=0.0, keep=0)).resumed_from == 6


def test_no_resume_starts_over(make_config: Callable[..., TrainConfig]) -> None:
    fit(make_config())
    assert fit(make_config(resume=False)).resumed_from == 0


@pytest.mark.parametrize(("name", "what"), [("sha256", "model"), ("data_sha256", "data")])
def test_another_start_is_refused(
    name: str, what: str, make_config: Callable[..., TrainConfig]
) -> None:
    config = make_config(steps=1)
    fit(config)
    start = Path(config.output) / "start.json"
    start.write_text(json.dumps({**json.loads(start.read_text()), name: "other"}))
    with pytest.raises(TrainingError) as caught:
        fit(config)
    assert str(caught.value) == (
        f"{config.output}: this run was started from another {what}. Start over with --force, or "
        "choose another --output."
    )


def test_half_a_line_of_metrics_is_dropped(make_config: Callable[..., TrainConfig]) -> None:
    config = make_config()
    fit(config)
    metrics = Path(config.output) / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + '{"step": 7, "epo')
    assert len(fit(config).metrics) == 6


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("last/training_state.pt", b"PK\x03\x04 cut off", ": no training state to resume from"),
        ("last/training_state.pt", b"garbage", ": no training state to resume from"),
        ("last/training_state.pt", b"", ": no training state to resume from"),
        ("start.json", b"[", ": not JSON, expecting value at column 2"),
        ("config.toml", b"x = =", ": not TOML: Invalid value (at line 1, column 5)"),
        ("metrics.jsonl", b"7\n", ":1: not a step's report"),
        ("metrics.jsonl", b"[\n", ":1: not JSON, expecting value at column 2"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(
    name: str, content: bytes, message: str, make_config: Callable[..., TrainConfig]
) -> None:
    config = make_config(steps=1)
    fit(config)
    path = Path(config.output) / name
    path.write_bytes(content)
    with pytest.raises((DataError, TrainingError)) as caught:
        fit(config)
    assert str(caught.value).startswith(f"{path}{message}")
    assert str(caught.value).endswith("Start over with --force.")


def test_a_run_in_its_warmup_may_become_longer_and_ends_in_the_same_bits(
    make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    whole, grown = tmp_path / "whole", tmp_path / "grown"
    fit(make_config(output=str(whole), steps=6, warmup=4))
    fit(make_config(output=str(grown), steps=3, warmup=4))
    report = fit(make_config(output=str(grown), steps=6, warmup=4))
    assert (report.resumed_from, report.steps) == (3, 6)
    assert same(whole, grown)
    assert "steps = 6" in (grown / "config.toml").read_text()


def test_a_run_behind_its_warmup_names_the_command_that_goes_on(
    make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    fit(make_config(output=str(run), steps=3, warmup=2))
    with pytest.raises(ConfigError, match="steps 3, now 6") as refused:
        fit(make_config(output=str(run), steps=6, warmup=2))
    command = str(refused.value).partition("Train on from its end: ")[2].split()
    assert command[:4] == ["ahnpl", "train", "--checkpoint", str(run / "last")]
    assert command[4:6] == ["-o", f"{run}-longer"]
    arguments = [word for word in command[2:] if word]
    done = CliRunner().invoke(app, ["train", *arguments])
    assert done.exit_code == 0, done.stderr
    assert "6 steps." in done.stderr


def test_another_picture_of_a_negative_is_other_data(
    make_config: Callable[..., TrainConfig], data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data.parent, tmp_path / "copy")
    copied = (str(tmp_path / "copy" / data.name),)
    fit(make_config(data=copied, image_negatives="real"))
    picture = tmp_path / "copy" / "painted" / "1-0.png"
    shutil.copy(tmp_path / "copy" / "painted" / "2-0.png", picture)
    with pytest.raises(TrainingError) as caught:
        fit(make_config(data=copied, image_negatives="real"))
    assert str(caught.value) == (
        f"{picture} (record 'r1'): 1 of 63 images changed since this run began. Put the old ones "
        "back, or start over with --force."
    )
