"""What a path is, and the line that says why it is nothing."""

import json
from pathlib import Path

import pytest

from ahnpl_cli.errors import DataError
from ahnpl_cli.inspection.identify import identify

KNOWN = (
    "Name an image with captions, a negatives.jsonl, a folder of embeddings, a checkpoint or run "
    "folder, or a results.json."
)


def write(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("files", "named", "what", "stands_for"),
    [
        (["a.PNG"], "a.PNG", "image", "a.PNG"),
        (["n.jsonl"], "n.jsonl", "negatives", "n.jsonl"),
        (["n.jsonl.gz"], "n.jsonl.gz", "negatives", "n.jsonl.gz"),
        (["n.meta.json"], "n.meta.json", "negatives", "n.jsonl"),
        (["e/index.json"], "e", "embeddings", "e"),
        (["e/index.json"], "e/index.json", "embeddings", "e"),
        (["e/index.json", "e/x.safetensors"], "e/x.safetensors", "embeddings", "e"),
        (["m/open_clip_config.json"], "m", "checkpoint", "m"),
        (["m/open_clip_config.json", "m/w.safetensors"], "m/w.safetensors", "checkpoint", "m"),
        (["r/start.json"], "r", "run", "r"),
        (["r/start.json", "r/metrics.jsonl"], "r/metrics.jsonl", "run", "r"),
    ],
)
def test_a_path_is_known_by_what_is_inside(
    tmp_path: Path, files: list[str], named: str, what: str, stands_for: str
) -> None:
    for name in files:
        write(tmp_path / name)
    assert identify(tmp_path / named) == (what, tmp_path / stands_for)


def test_results_are_known_by_their_models(tmp_path: Path) -> None:
    path = write(tmp_path / "any.json", json.dumps({"models": []}))
    assert identify(path) == ("results", path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.jsonl", None, "no such file or folder. Check the path."),
        ("empty.jsonl", "", "an empty file. Make it again, or name another."),
        ("x.txt", "x", f"not a file that we know. {KNOWN}"),
        ("x.json", "[1]", f"not a file that we know. {KNOWN}"),
        ("x.safetensors", "x", f"not a file that we know. {KNOWN}"),
    ],
)
def test_what_is_nothing_is_said_with_what_to_do(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        write(tmp_path / name, text)
    with pytest.raises(DataError) as caught:
        identify(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {message}"


def test_damaged_json_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", '{"models": [')
    with pytest.raises(DataError, match=r"r.json: not JSON, .*. The file is damaged"):
        identify(path)


def test_a_folder_of_runs_names_them(tmp_path: Path) -> None:
    write(tmp_path / "runs/b/start.json")
    write(tmp_path / "runs/a/start.json")
    with pytest.raises(DataError) as caught:
        identify(tmp_path / "runs")
    folder = tmp_path / "runs"
    assert str(caught.value) == (
        f"{folder}: not an ahnpl output folder. It holds a, b: name one of these, such as "
        f"{folder / 'a'}."
    )
