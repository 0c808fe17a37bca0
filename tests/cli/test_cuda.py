"""The commands on a GPU give what they give on a CPU; skipped where there is none."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [*map(str, words), "-q"])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    run("scenes", folder, "--train", 8, "--test", 24)
    return folder


def evaluated(world: Path, out: Path, *options: object) -> dict[str, Any]:
    run("eval", "sugarcrepe", "retrieval", "--data", world, "-o", out, *options)
    (model,) = json.loads(out.read_text())["models"]
    return model


def test_an_evaluation_agrees_with_the_cpu(world: Path, tmp_path: Path) -> None:
    values = []
    for device in ("cuda", "cpu"):
        out = tmp_path / f"{device}.json"
        options = ("--model", "scenes-tiny", "--device", device)
        model = evaluated(world, out, *options)
        values.append({name: suite["averages"] for name, suite in model["suites"].items()})
    assert values[0] == values[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_features_agree_with_the_cpu(world: Path, tmp_path: Path, workers: int) -> None:
    features = []
    for device in ("cuda", "cpu"):
        out = tmp_path / device
        inputs = (world / "captions.jsonl", "--image-root", world, "--model", "scenes-tiny")
        run("embed", *inputs, "-o", out, "--device", device, "--workers", workers)
        shards = {path.name: load_file(path) for path in out.rglob("*.safetensors")}
        features.append(shards)
    assert features[0].keys() == features[1].keys() != set()
    for name, shard in features[0].items():
        torch.testing.assert_close(shard, features[1][name], rtol=1e-3, atol=1e-4)
