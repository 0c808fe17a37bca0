"""A table of pictures, filled in by a person and taken back."""

import csv
from dataclasses import replace

import pytest

from ahnpl_cli.config import ImagesConfig
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.imaging.generate import generate
from ahnpl_cli.imaging.review import review, reviewed_path


@pytest.fixture
def records(scenes, tmp_path):
    generate(scenes / "negatives.jsonl", tmp_path, ImagesConfig(workers=1, limit=6))
    return tmp_path / "images.jsonl"


def fill_in(table, verdicts):
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, verdict in zip(rows, verdicts, strict=False):
        row["verdict"] = verdict
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return [row["picture"] for row in rows]


def pictures(path):
    return [n.image for record in read_records(path) for n in record.negatives if n.image]


def test_what_is_dropped_loses_its_picture_and_nothing_else(records, tmp_path):
    table = tmp_path / "review.csv"
    written = review(records, table)
    assert written.written and written.open == written.pictures == len(pictures(records))
    names = fill_in(table, ["drop", "keep", " Drop "])
    report = review(records, table)
    assert (report.kept, report.dropped, report.open) == (1, 2, len(names) - 3)
    assert pictures(reviewed_path(records)) == [names[1], *names[3:]]
    before = [record.caption for record in read_records(records)]
    assert [record.caption for record in read_records(reviewed_path(records))] == before


def test_a_caption_is_no_formula(records, tmp_path):
    changed = []
    for record in read_records(records):
        changed.append(replace(record, caption="=1+1"))
    write_records(records, changed)
    review(records, tmp_path / "review.csv")
    with (tmp_path / "review.csv").open(newline="") as file:
        assert {row["caption"] for row in csv.DictReader(file)} == {"'=1+1"}


def test_another_word_is_one_line(records, tmp_path):
    table = tmp_path / "review.csv"
    review(records, table)
    fill_in(table, ["perhaps"])
    with pytest.raises(DataError, match="review.csv:2: verdict 'perhaps'. Write keep or drop"):
        review(records, table)


def test_a_table_of_other_pictures_is_refused(records, tmp_path):
    table = tmp_path / "review.csv"
    table.write_text("picture,verdict\nother.png,drop\n")
    with pytest.raises(DataError, match="names no picture of"):
        review(records, table)
    assert not reviewed_path(records).exists()
    table.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no columns `picture` and `verdict`"):
        review(records, table)
