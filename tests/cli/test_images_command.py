"""`ahnpl images` as it is typed: what it prints, and the line for each mistake."""

import json

import pytest
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.records import CaptionRecord, Edit, Negative
from ahnpl_cli.scenes.generate import generate as draw_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Scenes, with a color changed in each caption that names red."""
    folder = tmp_path_factory.mktemp("world")
    draw_world(folder, train=12, test=1, workers=1)
    records = []
    for record in read_records(folder / "captions.jsonl"):
        at = record.caption.find("red")
        if at >= 0:
            text = record.caption.replace("red", "green", 1)
            negatives = (Negative("attribute", text, (Edit(at, at + 3, "red", "green"),)),)
            records.append(CaptionRecord(record.id, record.image, record.caption, negatives))
    write_records(folder / "negatives.jsonl", records)
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["images", *map(str, arguments)], env={"COLUMNS": "160"})


def test_it_prints_parts_pictures_and_why(world, tmp_path):
    result = run(world / "negatives.jsonl", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "redraw" in result.stdout and "Pictures in" in result.stdout
    assert "since the pictures are synthetic scenes" in result.stderr
    records = tmp_path / "out" / "images.jsonl"
    assert records.is_file()
    assert f"Next: ahnpl train --data {records} --objective trohn" in result.stderr


def test_one_object_for_programs(world, tmp_path):
    result = run(world / "negatives.jsonl", "-o", tmp_path / "out", "--json", "-q")
    report = json.loads(result.stdout)
    assert report["painted"]["redraw"] == report["negatives"] > 5
    assert report["locator"]["name"] == "scenes" and result.stderr == ""


def test_review_and_test_files(world, tmp_path):
    run(world / "negatives.jsonl", "-o", tmp_path / "out", "-q")
    records, table = tmp_path / "out" / "images.jsonl", tmp_path / "review.csv"
    written = run(records, "--review", table)
    assert "Fill in the column `verdict`" in written.stdout
    table.write_text(table.read_text().replace(",redraw,", ",redraw,drop", 1))
    taken = json.loads(run(records, "--review", table, "--json").stdout)
    assert (taken["dropped"], taken["kept"]) == (1, 0)
    exported = run(records, "--as-benchmark", tmp_path / "set", "--image-root", world)
    assert "gnm/test.jsonl" in exported.stdout and exported.exit_code == 0
    assert f"Next: ahnpl eval gnm bivlc --data {tmp_path / 'set'}" in exported.stderr


@pytest.mark.parametrize(
    ("options", "code", "line"),
    [
        (["--locator", "coco"], 2, "the locator coco needs annotations"),
        (["--painter", "inpaint"], 2, "the painter inpaint needs a model"),
        (["--painter", "redrew"], 2, "Did you mean 'redraw'?"),
        (["--judge", "clip"], 2, "the judge clip needs a model"),
        (["--kinds", "objects"], 2, "unknown kind of negative 'objects'"),
        (["--shard", "4/4"], 2, "--shard 4/4 is not I/N"),
        (["--review", "a.csv", "--as-benchmark", "b"], 2, "are two steps"),
        (["--locator", "coco", "--annotations", "gone.json"], 3, "gone.json: no such file"),
        (["--image-root", "nowhere", "--painter", "mirror"], 3, "no such image"),
    ],
)
def test_each_mistake_is_one_line(world, tmp_path, options, code, line):
    if "coco" in options:
        pytest.importorskip("pycocotools", reason="pip install '.[images]'")
    result = run(world / "negatives.jsonl", "-o", tmp_path / "out", "-q", *options)
    assert result.exit_code == code
    assert line in result.stderr and result.stderr.count("\n") == 1
