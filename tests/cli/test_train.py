"""`ahnpl train` as a user types it."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ahnpl_cli.cli.app import app

RECORDS = [
    {
        "id": f"r{number}",
        "image": f"{number}.png",
        "caption": f"a {one} square left of a {other} one, number {number}",
        "negatives": [
            {
                "kind": "relation",
                "caption": f"a {other} square left of a {one} one, number {number}",
                "edits": [],
                "filler": "swap",
            }
        ],
    }
    for number, (one, other) in enumerate([("red", "blue"), ("green", "red"), ("blue", "white")])
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        Image.new("RGB", (32, 32), (80 * number, 0, 0)).save(f"{number}.png")
    lines = [json.dumps(record) + "\n" for record in RECORDS]
    Path("negatives.jsonl").write_text("".join(lines))
    return tmp_path


def run(model: Path, *arguments: str) -> Result:
    fixed = ("--checkpoint", str(model), "--device", "cpu", "--workers", "0", "--batch-size", "3")
    return CliRunner().invoke(app, ["train", *fixed, *arguments])


def test_defaults_chain_from_the_negatives_to_a_run(folder: Path, tiny_model_folder: Path) -> None:
    result = run(tiny_model_folder, "--steps", "2", "--log-every", "1")
    assert result.exit_code == 0, result.stderr
    assert (folder / "runs/ahnpl/last/open_clip_model.safetensors").is_file()
    assert "Training ahnpl" in result.stdout
    assert "L_neg visual" in result.stdout
    assert "Gradient share by loss term" in result.stdout
    assert "2 steps. The checkpoint is in runs/ahnpl/last." in result.stderr
    assert "Next: ahnpl eval aro valse sugarcrepe --checkpoint runs/ahnpl" in result.stderr


def test_the_resolved_options_bring_the_run_back(folder: Path, tiny_model_folder: Path) -> None:
    run(tiny_model_folder, "--steps", "2", "--objective", "ce-clip")
    config = folder / "runs/ce-clip/config.toml"
    again = CliRunner().invoke(app, ["train", "--config", str(config), "--json"])
    assert again.exit_code == 0, again.stderr
    report = json.loads(again.stdout)
    assert report["resumed_from"] == report["steps"] == 2
    assert [step["step"] for step in report["metrics"]] == [2]


def test_a_dry_run_prints_a_plan_and_writes_nothing(folder: Path, tiny_model_folder: Path) -> None:
    result = run(tiny_model_folder, "--dry-run", "--epochs", "3", "--json")
    assert result.exit_code == 0, result.stderr
    plan = json.loads(result.stdout)
    assert (plan["records"], plan["steps"], plan["problems"]) == (3, 3, [])
    assert not (folder / "runs").exists()


def test_a_device_that_is_not_there_is_one_line(folder: Path, tiny_model_folder: Path) -> None:
    import torch

    missing = "mps" if torch.cuda.is_available() else "cuda"
    result = run(tiny_model_folder, "--device", missing)
    assert result.exit_code == 2
    line = f"Error: --device {missing} is not on this machine. Use --device auto.\n"
    assert result.stderr.endswith(line)


def test_a_missing_file_is_one_line(folder: Path, tiny_model_folder: Path) -> None:
    result = run(tiny_model_folder, "--data", "nothing.jsonl")
    assert result.exit_code == 3
    assert result.stderr.endswith("Error: nothing.jsonl: no such file. Check --data.\n")


def test_other_options_for_a_run_that_is_there_are_refused(
    folder: Path, tiny_model_folder: Path
) -> None:
    run(tiny_model_folder, "--steps", "1")
    result = run(tiny_model_folder, "--steps", "1", "--lr", "1e-3")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: runs/ahnpl: made with other options: lr 2e-05, now 0.001. Choose another --output, "
        "or overwrite it with --force.\n"
    )


def test_only_the_first_of_several_processes_prints(
    folder: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny_model_folder, "--steps", "1")
    monkeypatch.setenv("RANK", "1")
    assert run(tiny_model_folder, "--steps", "1").stdout == ""


LINE = (
    r"\d\d:\d\d:\d\d epoch (\d+)/4, step (\d+)/4, loss [\d.]+, S\(I,T\) [-\d.]+, "
    r"S\(I,Tn\) [-\d.]+, gap [+-][\d.]+, lr [\d.e-]+, [\d.,]+ images/s, [\d.]+ GB(, \d+ s left)?"
)


def lines_of(stderr: str) -> list[tuple[int, int]]:
    """Epoch and step of every line of progress."""
    found = [re.fullmatch(LINE, line) for line in stderr.splitlines()]
    return [(int(match[1]), int(match[2])) for match in found if match]


def test_a_log_file_gets_a_line_for_every_logged_step(
    folder: Path, tiny_model_folder: Path
) -> None:
    result = run(tiny_model_folder, "--steps", "4", "--log-every", "1")
    assert lines_of(result.stderr) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    # Before anything is loaded.
    assert result.stderr.startswith("ahnpl on negatives.jsonl: loading PyTorch")


def test_after_a_resume_steps_are_counted_from_the_beginning(
    folder: Path, tiny_model_folder: Path
) -> None:
    run(tiny_model_folder, "--steps", "2")
    result = run(tiny_model_folder, "--steps", "4", "--log-every", "1")
    assert lines_of(result.stderr) == [(3, 3), (4, 4)]
