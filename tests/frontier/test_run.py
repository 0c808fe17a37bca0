"""A frontier of a real run on a drawn world: its points, its choice, and what it writes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.cli.app import app
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.evaluation.output import load_report, read_scores
from ahnpl_cli.evaluation.scoring.items import half_of
from ahnpl_cli.frontier.report import FrontierPoint
from ahnpl_cli.frontier.run import _marked, choose, parse_budget


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn world and a short run on it."""
    folder = tmp_path_factory.mktemp("frontier")
    runner = CliRunner()
    for words in (
        f"scenes {folder}/scenes --train 24 --test 16 -q",
        f"negatives {folder}/scenes/captions.jsonl -o {folder}/n.jsonl --filler corpus -q "
        "--kinds relation,attribute,object",
        f"train --data {folder}/n.jsonl --image-root {folder}/scenes --model scenes-tiny -q "
        f"-o {folder}/runs/short --steps 3 --batch-size 8 --lr 1e-2 --warmup 1 --workers 0",
    ):
        result = runner.invoke(app, words.split())
        assert result.exit_code == 0, result.output
    return folder


def frontier(world: Path, *options: str) -> dict:
    words = ["frontier", str(world / "runs/short"), "--data", str(world / "scenes"), "--json", "-q"]
    words += ["--gain", "sugarcrepe", "--retention", "zeroshot", "--points", "1", "--workers", "0"]
    words += ["--cache", str(world / "cache")]
    result = CliRunner().invoke(app, [*words, *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_ends_are_start_and_run_and_the_chosen_point_is_saved(world: Path) -> None:
    out = world / "out"
    page = out / "frontier.html"
    report = frontier(
        world, "-o", str(out), "--budget", "gain >= -100", "--write", str(world / "kept"), "--html"
    )
    names = [point["name"] for point in report["points"]]
    assert names == ["start", "wise-ft 0.50", "lines 0.50", "short"]
    (chosen,) = [point for point in report["points"] if point["chosen"]]
    best = max(point["tuning_retention"] for point in report["points"])
    assert chosen["tuning_retention"] == best

    # What was saved is the middle of the two checkpoints, weight by weight.
    kept = load_backbone(checkpoint=world / "kept", device="cpu").module.state_dict()
    start = load_backbone(model="scenes-tiny", device="cpu").module.state_dict()
    trained = load_backbone(checkpoint=world / "runs/short/last", device="cpu").module.state_dict()
    if chosen["method"] == "start":
        expected = start["text_projection"]
    elif chosen["method"] == "wise-ft":
        expected = (start["text_projection"] + trained["text_projection"]) / 2
    else:  # LiNeS keeps what training made of projections
        expected = trained["text_projection"]
    torch.testing.assert_close(kept["text_projection"], expected)
    info = json.loads((world / "kept/ahnpl.json").read_text())
    assert info["frontier"]["method"] == chosen["method"]
    assert info["frontier"]["budget"] == "gain >= -100"

    # Every number is the evaluation's own, counted on half of its items.
    measured = load_report(out / "results.json")
    verdicts = read_scores(measured.items, out / "results.json")["short"]["sugarcrepe"]
    reported = [verdict for verdict in verdicts if half_of(verdict.image) == "reported"]
    assert report["n"]["sugarcrepe"] == [len(reported), len(verdicts) - len(reported)]
    per_file: dict[str, list[bool]] = {}
    for verdict in reported:
        # The first is the item's file; others, such as whether only the order differs, follow.
        subset, correct = next(iter(verdict.correct.items()))
        per_file.setdefault(subset, []).append(correct)
    macro = sum(100 * sum(found) / len(found) for found in per_file.values()) / len(per_file)
    assert report["points"][-1]["suites"]["sugarcrepe"] == pytest.approx(macro, abs=1e-3)
    # `ahnpl eval` reports the same half as the same number, and bootstraps no point for nobody.
    assert measured.comparisons == []
    words = f"eval sugarcrepe --data {world / 'scenes'} --checkpoint {world / 'runs/short'} -q"
    words += f" --half reported --workers 0 --cache {world / 'cache'} -o {world / 'half.json'}"
    assert CliRunner().invoke(app, words.split()).exit_code == 0
    (half,) = load_report(world / "half.json").models
    assert half.suites["sugarcrepe"].headline_value == pytest.approx(macro, abs=1e-3)
    text = page.read_text()
    assert "wise-ft 0.50" in text and "<circle" in text


def test_a_budget_that_no_point_keeps_is_one_line(world: Path) -> None:
    command = [sys.executable, "-m", "ahnpl_cli", "frontier", "runs/short", "--data", "scenes"]
    options = ["--gain", "sugarcrepe", "--retention", "zeroshot", "--points", "1", "-o", "out"]
    budget = ["--budget", "gain >= 99", "--cache", "cache", "--workers", "0", "-q"]
    done = subprocess.run(
        [*command, *options, *budget], cwd=world, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        "Error: no point keeps the budget gain >= 99. Loosen it; the points are measured, and the "
        "same command with another is quick.\n"
    )


@pytest.mark.parametrize("text", ["", "retention", "speed >= 1", "gain > 1", "gain >= x"])
def test_a_budget_is_one_of_two_measures_and_a_number(text: str) -> None:
    with pytest.raises(ConfigError, match="--budget"):
        parse_budget(text)
    assert parse_budget(" retention>=-1.5 ") == ("retention", -1.5)


def test_what_is_no_run_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["frontier", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{tmp_path}: not a run of `ahnpl train`." in result.stderr


def point(name: str, gain: float, retention: float, tuning: tuple[float, float]) -> FrontierPoint:
    return FrontierPoint(name, "run", "wise-ft", 0.5, gain, retention, *tuning, suites={})


START = point("start", 50.0, 90.0, (50.0, 90.0))
HALF = point("half", 60.0, 89.5, (70.0, 89.2))
MOST = point("most", 58.0, 80.0, (80.0, 80.0))


def test_the_choice_looks_at_the_tuning_half_alone() -> None:
    points = [START, HALF, MOST]
    assert choose(points, ("retention", -1.0)) is HALF
    assert choose(points, ("retention", -10.0)) is MOST
    assert choose(points, ("gain", 25.0)) is MOST
    assert choose(points, ("gain", 99.0)) is None
    assert choose(points, None) is None


def test_the_front_is_of_the_reported_half() -> None:
    marked = _marked([START, HALF, MOST, replace(HALF, name="twin")], HALF)
    assert [p.pareto for p in marked] == [True, True, False, True]
    assert [p.chosen for p in marked] == [False, True, False, False]
