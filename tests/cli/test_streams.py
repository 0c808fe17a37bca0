"""Surroundings that lack something: the work is done, and what can be shown is shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RECORD = {
    "id": "é✓",
    "image": "a.png",
    "caption": "a dog",
    "negatives": [{"kind": "object", "caption": "a cat"}],
}


def ahnpl(folder: Path, script: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell line in which `ahnpl` is this program."""
    program = f'ahnpl() {{ "{sys.executable}" -m ahnpl_cli "$@"; }}; '
    (folder / "n.jsonl").write_text(json.dumps(RECORD), encoding="utf-8")
    root = str(Path(__file__).parent.parent.parent)
    return subprocess.run(
        ["bash", "-c", program + script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "COLUMNS": "100", **environment},
        capture_output=True,
    )


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_obstacle(tmp_path: Path, closed: str) -> None:
    done = ahnpl(tmp_path, f"ahnpl inspect n.jsonl --html {closed}")
    assert (done.returncode, done.stdout) == (0, b"")
    # What is opened later must not get the number of stdout, and the tables with it.
    assert (tmp_path / "n.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_a_narrow_encoding_spells_out_what_it_lacks(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = ahnpl(tmp_path, "ahnpl inspect n.jsonl", **environment)
    assert done.returncode == 0, done.stderr
    assert b"\\u2713" in done.stdout


def test_a_width_of_nothing_still_shows_the_table(tmp_path: Path) -> None:
    done = ahnpl(tmp_path, "ahnpl inspect n.jsonl; ahnpl docs --help", COLUMNS="0")
    assert done.returncode == 0, done.stderr
    assert "a dog" in done.stdout.decode() or "[-dog-]" in done.stdout.decode()
    assert "Read the manual" in done.stdout.decode()
