"""`ahnpl negatives` as a user meets it: files, exit codes, and the exact words on stderr."""

import json

import pytest
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app

CAPTIONS = [
    "A man is chasing a dog.",
    "a small red circle to the left of a large blue square",
    "a small green star above a large red ring",
    "three yellow stars",
] * 4
CORPUS = ["--filler", "corpus", "--kinds", "swap,attribute,object,spatial,quantity"]


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("captions.jsonl", "w", encoding="utf-8") as file:
        for n, caption in enumerate(CAPTIONS):
            record = {"id": str(n), "image": f"{n}.jpg", "caption": caption}
            file.write(json.dumps(record) + "\n")
    return tmp_path


def run(*arguments, **more):
    return CliRunner().invoke(app, ["negatives", *arguments], **more)


def test_it_writes_to_negatives_jsonl_and_shows_tables_and_examples(world):
    done = run("captions.jsonl", *CORPUS)
    assert done.exit_code == 0, done.stderr
    assert "output: negatives.jsonl, the default" in done.stderr
    assert (done.stdout + done.stderr).count("Filler: corpus, as requested.") == 1
    assert "Hard negatives in negatives.jsonl" in done.stdout
    assert "Examples" in done.stdout and "symmetric" not in done.stdout
    first = json.loads((world / "negatives.jsonl").read_text().splitlines()[0])
    texts = [negative["caption"] for negative in first["negatives"]]
    assert "A dog is chasing a man." in texts
    meta = json.loads((world / "negatives.meta.json").read_text())
    assert meta["captions"] == len(CAPTIONS) and meta["negatives"]["swap"] >= 4
    assert meta["versions"]["spacy"] and len(meta["input_sha256"]) == 64


def test_the_same_command_again_finds_it_done(world):
    run("captions.jsonl", *CORPUS)
    done = run("captions.jsonl", *CORPUS)
    assert done.exit_code == 0
    assert "negatives.jsonl is complete: nothing to do." in done.stderr


def test_json_is_one_object_and_quiet_is_quiet(world):
    done = run("captions.jsonl", *CORPUS, "--json", "-q")
    assert done.stderr == ""
    assert json.loads(done.stdout)["captions"] == len(CAPTIONS)


def test_standard_input_is_read(world):
    text = (world / "captions.jsonl").read_text()
    done = run("-", *CORPUS, "-o", "out.jsonl", input=text)
    assert done.exit_code == 0, done.stderr
    assert len((world / "out.jsonl").read_text().splitlines()) == len(CAPTIONS)


def test_a_dry_run_writes_nothing(world):
    done = run("captions.jsonl", *CORPUS, "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert "Dry run, nothing was written" in " ".join(done.stdout.split())
    said = " ".join((done.stdout + done.stderr).split())
    assert said.count("Filler: corpus, as requested.") == 1
    assert [path.name for path in world.iterdir()] == ["captions.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.jsonl"], 3, "Error: none.jsonl: no such file. Check the path.\n"),
        (
            ["captions.jsonl", "--kinds", "relatoin"],
            2,
            "Error: unknown kind of negative 'relatoin'. Did you mean 'relation'? Known: relation, "
            "attribute, action, object, attribute_swap, quantity, spatial, swap, addition, "
            "negation, order.\n",
        ),
        (
            ["captions.jsonl", "--filler", "bert"],
            2,
            "Error: unknown filler 'bert'. Did you mean 'roberta'? "
            "Known: auto, roberta, corpus, llm.\n",
        ),
        (
            ["captions.jsonl", "--shard", "4/4"],
            2,
            "Error: --shard 4/4 is not I/N with I below N. Write 0/4 for the first.\n",
        ),
    ],
)
def test_mistakes_are_one_line_and_an_exit_code(world, arguments, code, message):
    done = run(*arguments)
    assert (done.exit_code, done.stderr.splitlines(True)[-1]) == (code, message)


def test_a_broken_line_is_named_with_exit_code_3(world):
    (world / "captions.jsonl").write_text('{"id": "1", "image": "a", "caption": 5}\n')
    done = run("captions.jsonl", *CORPUS)
    assert done.exit_code == 3
    assert done.stderr.splitlines()[-1] == "Error: captions.jsonl:1: caption: not a string"
