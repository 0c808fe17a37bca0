"""Every command takes a folder of transformers, by the command line, on scenes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app
from ahnpl_cli.scenes.generate import generate


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "world"
    generate(folder, train=16, test=2, workers=0)
    return folder


@pytest.mark.parametrize("kind", ["clip", "siglip2"])
def test_a_folder_is_trained_resumed_embedded_inspected_and_evaluated(
    kind: str,
    transformers_folder: Callable[[str], Path],
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    here = ("--device", "cpu", "--workers", 0, "--json", "--quiet")
    sizes = ("--batch-size", 8, "--accumulate", 2, "--steps", 2, "--warmup", 0, "--save-every", 1)
    model = transformers_folder(kind)
    start = ("train", "--data", world / "captions.jsonl", "--model", model, "--objective", "clip")
    run(*start, *sizes, *here)
    last = Path("runs/clip/last")
    assert (last / "model.safetensors").is_file()
    assert json.loads(run(*start, *sizes, *here))["resumed_from"] == 2

    Path("texts.txt").write_text("a red ring\na blue circle\n")
    run("embed", "texts.txt", "--checkpoint", last, "--output", "features", *here)
    features = load_file("features/text-00000.safetensors")["text_features"]
    assert features.shape == (2, {"clip": 24}.get(kind, 32))

    report = json.loads(run("inspect", last, "--json"))
    assert report["findings"][0]["text"].startswith("loads as ")
    assert [f["level"] for f in report["findings"]] == ["fine"] * 3

    run(
        "eval",
        "sugarcrepe",
        "--checkpoint",
        last,
        "--model",
        model,
        "--data",
        world,
        *here,
        "-o",
        "results.json",
    )
    results = json.loads(Path("results.json").read_text())
    assert [m["name"] for m in results["models"]] == [f"tiny-{kind}", "clip"]


def test_matching_models_are_rows_of_an_evaluation(
    transformers_folder: Callable[[str], Path],
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    here = ("--data", world, "--device", "cpu", "--workers", 0, "--json", "--quiet")
    names = [f"itm:{transformers_folder('blip')}", f"itc:{transformers_folder('blip')}"]
    names += [f"caption:{transformers_folder('blip-captions')}"]
    flags = [word for name in names for word in ("--model", name)]
    run(
        "eval",
        "sugarcrepe",
        "winoground",
        *flags,
        "--model",
        "scenes-tiny",
        *here,
        "-o",
        "results.json",
    )
    models = json.loads(Path("results.json").read_text())["models"]
    labels = ["itm:tiny-blip", "itc:tiny-blip", "caption:tiny-blip-captions", "scenes-tiny"]
    assert [model["name"] for model in models] == labels
    assert models[0]["info"]["architecture"] == "BlipForImageTextRetrieval"
    for model in models:
        assert sum(row["n"] for row in model["suites"]["sugarcrepe"]["subsets"]) == 14
        assert "group" in json.dumps(model["suites"]["winoground"])

    asked = ["eval", "retrieval", "--model", names[0], "-o", "other.json", *map(str, here)]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2
    assert refused.stderr == (
        "Error: retrieval needs features, and itm:tiny-blip only scores pairs. "
        "Leave the suite out, or evaluate dual encoders on it.\n"
    )
    features = ["embed", str(world / "captions.jsonl"), "--model", names[0]]
    assert CliRunner().invoke(app, features).stderr == (
        f"Error: --model {names[0]} scores pairs, and this needs features of a dual encoder. "
        "Such models are for: ahnpl eval, and itm: also for ahnpl train.\n"
    )
