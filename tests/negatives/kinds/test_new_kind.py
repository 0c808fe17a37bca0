"""A new kind is one file and one line: the flag, the slots, the output and the tables follow."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ahnpl_cli

KIND = '''
"""Negatives by a toy: every dog becomes a robot dog."""

from ahnpl_cli.negatives.candidates import Candidate, Change, Rejected
from ahnpl_cli.records import Edit


def robots(caption, stream, weigh, corpus):
    for word in caption.words:
        if word.lemma == "dog":
            new = f"robot {word.text}"
            edit = Edit(word.start, word.end, word.text, new)
            yield Candidate((Change(word, new, "robot dog"),), (edit,))
        elif word.lemma == "cat":
            yield Rejected("cats are no dogs")
'''
LINE = '    "robot": "ahnpl_cli.negatives.kinds.robot:robots",\n'
CAPTIONS = ["A man is chasing a dog.", "a cat sleeps near a dog", "a red car"]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The package as it is, with one more file and one more line, in a folder of its own."""
    folder = tmp_path_factory.mktemp("house")
    package = folder / "ahnpl_cli"
    ignore = shutil.ignore_patterns("__pycache__")
    source = Path(ahnpl_cli.__file__).parent
    shutil.copytree(source, package, copy_function=os.symlink, ignore=ignore)
    (package / "negatives" / "kinds" / "robot.py").write_text(KIND)
    table = package / "records" / "captions.py"
    text = table.read_text()
    table.unlink()
    end = text.index("}\n", text.index("KIND_MODULES"))
    table.write_text(text[:end] + LINE + text[end:])
    return folder


def run(program, folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "ahnpl_cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(program), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_flag_names_it_last(program, tmp_path):
    shown = " ".join(run(program, tmp_path, "negatives", "--help").split())
    assert re.search(r"Kinds to make, of relation, .*, order, robot\b", shown)


def test_its_negatives_stand_in_the_output_and_its_rows_in_the_tables(program, tmp_path):
    with (tmp_path / "c.jsonl").open("w") as file:
        for n, caption in enumerate(CAPTIONS):
            file.write(json.dumps({"id": str(n), "image": f"{n}.jpg", "caption": caption}) + "\n")
    kinds = ["--kinds", "robot,swap", "--filler", "corpus"]
    shown = run(program, tmp_path, "negatives", "c.jsonl", *kinds)
    lines = (tmp_path / "negatives.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    # In slot order, whatever the order of the flag: the new kind comes after the old ones.
    assert [n["kind"] for n in records[0]["negatives"]] == ["swap", "robot"]
    assert records[0]["negatives"][1]["caption"] == "A man is chasing a robot dog."
    assert re.search(r"robot\s+│\s+2\s", shown)
    assert re.search(r"cats are no dogs\s+│\s+1\s", shown)
    inspected = run(program, tmp_path, "inspect", "negatives.jsonl", "-f", "csv")
    assert re.search(r"^robot,2,", inspected, re.M)
