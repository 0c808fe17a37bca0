"""`ahnpl embed` as a user meets it: files, exit codes, and the exact words on stderr."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app

CAPTIONS = '{"id": "r0", "image": "a.png", "caption": "a red cube"}\n'


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 9), "red").save("a.png")
    (tmp_path / "captions.jsonl").write_text(CAPTIONS)
    return tmp_path


def test_it_writes_to_embeddings_and_prints_the_counts(
    world: Path, tiny_model_folder: Path
) -> None:
    options = ["--checkpoint", str(tiny_model_folder), "--device", "cpu", "--workers", "0"]
    done = CliRunner().invoke(app, ["embed", "captions.jsonl", *options])
    assert done.exit_code == 0, done.stderr
    assert "Model: tiny, quick_gelu, on cpu." in done.stderr
    assert "Embeddings go to embeddings." in done.stderr
    assert "image_features" in done.stdout
    assert done.stderr.splitlines()[-1] == "Next: ahnpl inspect embeddings"
    assert CliRunner().invoke(app, ["inspect", "embeddings"]).exit_code == 0
    assert (world / "embeddings" / "index.json").is_file()


def test_json_is_one_object_and_quiet_is_quiet(world: Path, tiny_model_folder: Path) -> None:
    options = ["--checkpoint", str(tiny_model_folder), "--device", "cpu", "--json", "-q"]
    done = CliRunner().invoke(app, ["embed", "captions.jsonl", "-o", "out", *options])
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert (report["folder"], report["images"], report["texts"]) == ("out", 1, 1)


def test_standard_input_is_read(world: Path, tiny_model_folder: Path) -> None:
    options = ["--checkpoint", str(tiny_model_folder), "--device", "cpu", "--json"]
    done = CliRunner().invoke(app, ["embed", "-", *options], input=CAPTIONS)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["none.jsonl"],
            3,
            "Error: none.jsonl: no such file. Check the path.\n",
        ),
        (
            ["captions.jsonl", "--shard", "4/4"],
            2,
            "Error: --shard 4/4 is not I/N with I below N. Write 0/4 for the first.\n",
        ),
        (
            ["captions.jsonl", "--image-root", "photos"],
            3,
            "Error: photos/a.png (record 'r0'): no such image. It is in another folder: "
            "pass --image-root .\n",
        ),
        (
            ["captions.jsonl", "--perturb"],
            2,
            "Error: --perturb needs images, captions and negatives. "
            "Make negatives first: ahnpl negatives captions.jsonl.\n",
        ),
        (
            ["captions.jsonl", "--checkpoint", "none"],
            4,
            "Error: none: no such folder. Name a folder such as runs/ahnpl/last.\n",
        ),
    ],
)
def test_a_mistake_is_one_line_and_its_exit_code(
    world: Path, tiny_model_folder: Path, arguments: list[str], code: int, message: str
) -> None:
    defaults = ["embed", "--checkpoint", str(tiny_model_folder), "--device", "cpu", "-q"]
    done = CliRunner().invoke(app, [*defaults, *arguments])
    assert (done.exit_code, done.stderr) == (code, message)


def test_skipped_records_are_shown(world: Path, tiny_model_folder: Path) -> None:
    (world / "a.png").write_bytes(b"no image")
    options = ["--checkpoint", str(tiny_model_folder), "--device", "cpu", "--on-error", "skip"]
    done = CliRunner().invoke(app, ["embed", "captions.jsonl", *options])
    assert done.exit_code == 0, done.stderr
    assert "Skipped a.png: cannot be decoded (not an image)." in done.stderr
    assert "Skipped" in done.stdout
    assert "r0" in done.stdout
