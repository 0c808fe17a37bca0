"""A folder with everything that can be wrong with a file, and what `ahnpl` answers there."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app

RECORD = {"id": "a", "image": "a.png", "caption": "a red dog on a bed"}
NEGATIVE = {
    "kind": "object",
    "caption": "a red cat on a bed",
    "edits": [{"start": 6, "end": 9, "old": "dog", "new": "cat"}],
    "filler": "corpus",
}
SUGARCREPE = (
    *("add_obj", "add_att", "replace_obj", "replace_att", "replace_rel"),
    *("swap_obj", "swap_att"),
)


@pytest.fixture(scope="module")
def mess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that can be wrong with a file."""
    here = tmp_path_factory.mktemp("mess")
    line = json.dumps(RECORD) + "\n"
    full = json.dumps({**RECORD, "negatives": [NEGATIVE]}) + "\n"
    texts = {
        "ok.jsonl": line,
        "full.jsonl": full,
        "no-image.jsonl": line.replace("a.png", "gone.png"),
        "broken.jsonl": line.replace("a.png", "broken.png"),
        "twice.jsonl": line * 2,
        "bad.jsonl": line + "{oops\n",
        "field.jsonl": '{"id": "a", "caption": "x"}\n',
        "columns.csv": "datei,wort\na.png,a dog\n",
        "others.csv": "filepath,title\na.png,a dog\n",
        "broken.toml": "lr = \n",
        "unknown.toml": "lrr = 1\n",
        "type.toml": 'lr = "fast"\n',
        "list.json": "[1]",
        **dict.fromkeys(("empty.jsonl", "empty.txt"), ""),
        **dict.fromkeys(("file", "x.txt", "broken.png"), "x"),
    }
    for name, text in texts.items():
        (here / name).write_text(text)
    latin = '{"id": "b", "image": "b", "caption": "caf\xe9"}\n'.encode("latin1")
    (here / "latin.jsonl").write_bytes(line.encode() + latin)
    (here / "cut.jsonl.gz").write_bytes(gzip.compress(line.encode() * 99)[:-20])
    Image.new("RGB", (40, 40), "red").save(here / "a.png")
    torch.save({"weight": torch.ones(2)}, here / "plain.pt")
    (here / "folder").mkdir()
    (here / "photos").mkdir()
    (here / "photos" / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "a dog"}\n')
    item = json.dumps({"0": {"filename": "x.jpg", "caption": "a", "negative_caption": "b"}})
    for root in ("sc", "damaged"):
        (here / root / "sugarcrepe").mkdir(parents=True)
        (here / root / "val2017").mkdir()
        for name in SUGARCREPE:
            (here / root / "sugarcrepe" / f"{name}.json").write_text(item)
    (here / "damaged" / "sugarcrepe" / "add_obj.json").write_text("{oops")
    return here


@pytest.fixture(autouse=True)
def offline(mess: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mess)
    # The variable is read when the hub package is imported, which another test may have done.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.delenv("AHNPL_DATA", raising=False)


@pytest.fixture
def answer(tiny_model_folder: Path) -> Callable[[str], tuple[int, str]]:
    """Runs a command line, and returns its exit code and what it wrote on stderr.

    `MODEL` in the line stands for a tiny model.
    """

    def run(line: str) -> tuple[int, str]:
        words = line.replace("MODEL", f"--checkpoint {tiny_model_folder} --device cpu").split()
        result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stderr

    return run


@pytest.fixture
def check(answer: Callable[[str], tuple[int, str]]) -> Callable[[str, int, str], None]:
    """Checks that a mistake is answered with one line; `...` stands for what differs."""

    def check(line: str, code: int, expected: str) -> None:
        answered, stderr = answer(line)
        last = stderr.strip().splitlines()[-1]
        pattern = ".*".join(map(re.escape, f"Error: {expected}".split("...")))
        assert re.fullmatch(pattern, last), last
        assert answered == code

    return check


@pytest.fixture
def check_usage(answer: Callable[[str], tuple[int, str]]) -> Callable[[str, str], None]:
    """Checks that a mistyped line is answered with one line that leads to its help."""

    def check(line: str, expected: str) -> None:
        code, stderr = answer(line)
        pattern = ".*".join(map(re.escape, f"Error: {expected}".split("...")))
        assert re.fullmatch(rf"{pattern}.* Try 'ahnpl ?\w* --help' for help\.\n", stderr), stderr
        assert code == 2

    return check
