"""Entities and relations of a caption, each with a foil that changes it alone."""

import dataclasses

import pytest

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.negatives.units import spans
from ahnpl_cli.records import apply_edits

CONFIG = NegativesConfig(filler="corpus", workers=1, units=True)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        (
            "a man riding a brown horse on the beach",
            [
                ("entity", "a man"),
                ("relation", "a man riding a brown horse"),
                ("entity", "a brown horse"),
                ("relation", "a brown horse on the beach"),
                ("entity", "the beach"),
            ],
        ),
        ("a dog and a cat", [("entity", "a dog"), ("entity", "a cat")]),
        ("a slice of pizza", [("entity", "a slice of pizza")]),
        (
            "a cat on top of a car",
            [
                ("entity", "a cat"),
                ("relation", "a cat on top of a car"),
                ("entity", "a car"),
            ],
        ),
        ("a dog while a man sleeps", [("entity", "a dog"), ("entity", "a man")]),
        ("sleeping", []),
    ],
)
def test_what_makes_a_unit(parse, caption, expected):
    words = parse(caption).words
    found = [
        (span.kind, caption[words[span.first].start : words[span.last].end])
        for span in spans(words)
    ]
    assert found == expected


@pytest.fixture(scope="module")
def world(tmp_path_factory, write_captions):
    folder = tmp_path_factory.mktemp("units")
    captions = write_captions(folder / "c.jsonl", 300)
    return folder, captions, generate(captions, folder / "n.jsonl", CONFIG)


def test_each_unit_is_a_part_of_its_caption_and_its_foil_an_edit_of_it(world):
    folder, _, report = world
    kinds = []
    for record in read_records(folder / "n.jsonl"):
        for unit in record.units:
            kinds.append(unit.kind)
            start = unit.start
            assert record.caption[start : start + len(unit.caption)] == unit.caption
            assert apply_edits(unit.caption, unit.edits) == unit.foil != unit.caption
            for edit in unit.edits:
                assert unit.caption[edit.start : edit.end] == edit.old and edit.start >= 0
            # Nothing that a caption of the image says is false of it.
            assert unit.foil.lower() not in record.caption.lower()
    assert report.units == {kind: kinds.count(kind) for kind in ("entity", "relation")}
    assert min(report.units.values()) > 100


def test_they_change_no_negative_and_depend_on_no_other_kind(world, tmp_path):
    folder, captions, _ = world
    without = dataclasses.replace(CONFIG, units=False)
    generate(captions, tmp_path / "without.jsonl", without)
    before = list(read_records(tmp_path / "without.jsonl"))
    after = list(read_records(folder / "n.jsonl"))
    assert [record.negatives for record in before] == [record.negatives for record in after]
    generate(captions, tmp_path / "one.jsonl", dataclasses.replace(CONFIG, kinds=("object",)))
    other = list(read_records(tmp_path / "one.jsonl"))
    assert [record.units for record in other] == [record.units for record in after]


def test_processes_and_shards_make_the_same(world, tmp_path):
    folder, captions, _ = world
    whole = (folder / "n.jsonl").read_bytes()
    generate(captions, tmp_path / "two.jsonl", dataclasses.replace(CONFIG, workers=2))
    assert (tmp_path / "two.jsonl").read_bytes() == whole
    parts = []
    for shard in range(2):
        path = tmp_path / f"{shard}.jsonl"
        generate(captions, path, dataclasses.replace(CONFIG, shard=f"{shard}/2"))
        parts.append(path.read_bytes())
    assert b"".join(parts) == whole
