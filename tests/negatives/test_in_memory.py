"""Captions in memory are made into the negatives that the command writes."""

from pathlib import Path

import pytest

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.negatives.generate import generate, hard_negatives
from ahnpl_cli.records import CaptionRecord

CAPTIONS = ["a dog on a red bed", "two cats beside a small table", "a man rides a brown horse"]


def test_they_are_those_of_the_command(tmp_path: Path) -> None:
    records = [
        CaptionRecord(str(number), f"image {number}", caption)
        for number, caption in enumerate(CAPTIONS)
    ]
    write_records(tmp_path / "captions.jsonl", records)
    config = NegativesConfig(kinds=("relation", "object"), filler="corpus", seed=3)
    generate(tmp_path / "captions.jsonl", tmp_path / "n.jsonl", config)
    expected = list(read_records(tmp_path / "n.jsonl"))
    kinds = ["relation", "object"]
    assert hard_negatives(CAPTIONS, kinds, filler="corpus", seed=3) == expected
    assert hard_negatives(records, kinds, filler="corpus", seed=3) == expected
    assert any(record.negatives for record in expected)


def test_no_caption_gives_no_record() -> None:
    with pytest.raises(DataError):
        hard_negatives([], filler="corpus")


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown kind of negative 'objekt'"):
        hard_negatives(CAPTIONS, ["objekt"])
    with pytest.raises(TypeError, match="fillerr"):
        hard_negatives(CAPTIONS, fillerr="corpus")
