"""A wrong invocation is answered before torch is imported, which takes seconds."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"torch", "open_clip", "torchvision", "transformers", "spacy", "sklearn"}
# Each in the folder of `mess`: a word mistyped, a file or folder that is not there.
LINES = [
    "train --objective anhpl",
    "train --data nope.jsonl",
    "train --data ok.jsonl --model scenes-tiny",
    "train --data others.csv --model scenes-tiny",
    "train --data full.jsonl --checkpoint nope",
    "train --data full.jsonl --device mps",
    "train --data full.jsonl --model ViT-B-23",
    "train --data full.jsonl --model ViT-B-32",
    "train --data full.jsonl --model RN50 --pretrained laion9b",
    "train --data full.jsonl --image-root nope --model scenes-tiny",
    "train --data bad.jsonl --image-root folder --model scenes-tiny",
    "train --data full.jsonl --tracker wandb",
    "train --data full.jsonl --model scenes-tiny -o file",
    "train --data full.jsonl --model scenes-tiny --eval-every 5 --eval-suites sugercrepe",
    "embed nope.jsonl",
    "embed no-image.jsonl --model scenes-tiny",
    "embed ok.jsonl --checkpoint nope",
    "embed columns.csv --model scenes-tiny",
    "embed ok.jsonl --model open_clip:ViT-B-32 --pretrained nope",
    "eval sugarcrepe --data sc --model ViT-B-23",
    "inspect a.png a b --model ViT-B-32",
    "eval",
    "eval sugercrepe",
    "eval nope.jsonl",
    "eval sugarcrepe --data nowhere --model scenes-tiny",
    "eval sugarcrepe --data folder --model scenes-tiny",
    "eval sugarcrepe --data sc --model scenes-tiny --device mps",
    "eval sugarcrepe --data sc --model scenes-tiny --image-root nope",
    "eval half-truths --captions nope.json --model scenes-tiny",
    "eval sugarcrepe --data sc --model RN50 --pretrained laion9b",
    "eval sugarcrepe --checkpoint nope",
    "images nope.jsonl",
    "negatives nope.jsonl",
    "negatives columns.csv",
    "export nope",
    "inspect nope",
    "inspect --checkpoint nope",
    "inspect a.png a b --model RN50 --pretrained nope.pt",
    "compare nope.json nope.json",
]
PROBE = """
import contextlib, io, json, sys
from ahnpl_cli.cli.app import app
answers = {}
for line in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            app(line.split())
        except SystemExit as end:
            code = end.code
    answers[line] = [code, sorted({name.partition(".")[0] for name in sys.modules})]
json.dump(answers, sys.stdout)
"""


def imported(lines: list[str], folder: Path) -> dict[str, tuple[int, set[str]]]:
    """Run lines one after the other in one process; return code and heavy modules after each."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    answers = json.loads(done.stdout).items()
    return {line: (code, HEAVY & set(modules)) for line, (code, modules) in answers}


def test_mistakes_are_answered_without_torch(mess: Path) -> None:
    answers = imported(LINES, mess)
    assert {line: code for line, (code, _) in answers.items() if not code} == {}
    # In order: of lines that come after a heavy one nothing could be said.
    assert [line for line, (_, heavy) in answers.items() if heavy] == []


def test_the_count_of_modules_can_fail(mess: Path) -> None:
    line = "train --data full.jsonl --model scenes-tiny --device cpu --dry-run"
    assert "torch" in imported([line], mess)[line][1]
