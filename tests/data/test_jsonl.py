import gzip
import logging

import pytest

from ahnpl_cli.data.jsonl import dump, read_records, write_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import open_bytes
from ahnpl_cli.records import CaptionRecord, Edit, Negative

CAT = CaptionRecord(
    "1",
    "a.jpg",
    "a cat",
    (Negative("object", "a dog", (Edit(2, 5, "cat", "dog"),), "corpus", 0.5),),
    {"split": "val"},
)
LINE = (
    '{"id": "1", "image": "a.jpg", "caption": "a cat", "negatives": [{"kind": "object", '
    '"caption": "a dog", "edits": [{"start": 2, "end": 5, "old": "cat", "new": "dog"}], '
    '"filler": "corpus", "score": 0.5}], "meta": {"split": "val"}}'
)


def test_a_record_is_one_line_in_field_order_without_what_is_empty():
    assert dump(CAT) == LINE
    plain = CaptionRecord("2", "b.jpg", "déjà vu")
    assert dump(plain) == '{"id": "2", "image": "b.jpg", "caption": "déjà vu"}'


@pytest.mark.parametrize("name", ["n.jsonl", "n.jsonl.gz"])
def test_what_is_written_is_read_back(tmp_path, name):
    records = [CAT, CaptionRecord("2", "b.jpg", "déjà vu")]
    write_records(tmp_path / name, iter(records))
    assert list(read_records(tmp_path / name)) == records


def test_packed_files_have_equal_bytes_and_no_part_is_left(tmp_path):
    write_records(tmp_path / "a.gz", [CAT])
    write_records(tmp_path / "b.gz", [CAT])
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gz", "b.gz"]
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode() == LINE + "\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            b'{"id": "1", "image": "a.jpg"}',
            "{path}:2: caption: missing. Every record has an id, an image and a caption.",
        ),
        (
            b'{"id": 1, "image": "a", "caption": "c"}',
            "{path}:2: id: input should be a valid string. "
            "Every record has an id, an image and a caption.",
        ),
        (
            b'{"id": "1", "image": "a", "caption": "c", "negatives": [{"kind": "x"}]}',
            "{path}:2: negatives.0.kind: input should be 'relation', 'attribute', 'action', "
            "'object', 'attribute_swap', 'quantity', 'spatial', 'swap', 'addition', 'negation' or "
            "'order'",
        ),
        (
            b'{"id": "1", "image"',
            "{path}:2: not JSON, expecting ':' delimiter at column 20. "
            "Every line must be one JSON object.",
        ),
        (
            b'{"id": "1", "caption": "caf\xe9"}',
            "{path}:2: not UTF-8 at byte 27 (0xe9). "
            "Convert the file, e.g. `iconv -f latin1 -t utf-8`.",
        ),
    ],
)
def test_a_broken_line_is_named_with_file_line_and_field(tmp_path, line, message):
    path = tmp_path / "n.jsonl"
    path.write_bytes(LINE.encode() + b"\n" + line + b"\n")
    with pytest.raises(DataError) as error:
        list(read_records(path))
    assert str(error.value) == message.format(path=path)


def test_a_broken_line_can_be_skipped(tmp_path, caplog):
    path = tmp_path / "n.jsonl"
    path.write_text(f"{LINE}\nno\n\n{LINE}\n")
    with caplog.at_level(logging.WARNING):
        assert list(read_records(path, on_error="skip")) == [CAT, CAT]
    assert caplog.messages == [
        f"Skipped {path}:2: not JSON, expecting value at column 1. "
        "Every line must be one JSON object."
    ]


def test_a_missing_file_and_a_cut_gzip_are_named(tmp_path):
    with pytest.raises(DataError, match="no.jsonl: no such file. Check the path."):
        list(read_records(tmp_path / "no.jsonl"))
    with pytest.raises(DataError, match="is a folder, not a file"):
        list(read_records(tmp_path))
    write_records(tmp_path / "a.gz", [CAT] * 9)
    cut = tmp_path / "cut.gz"
    cut.write_bytes((tmp_path / "a.gz").read_bytes()[:-12])
    with pytest.raises(DataError, match="damaged file"):
        list(read_records(cut))


def test_a_gzip_file_cut_short_is_named_whoever_reads_it(tmp_path):
    path = tmp_path / "n.jsonl.gz"
    path.write_bytes(gzip.compress((LINE + "\n").encode() * 99)[:-20])
    expected = (
        f"{path}: damaged file: compressed file ended before the end-of-stream marker was reached. "
        "Copy or download the file again."
    )
    with pytest.raises(DataError) as by_line:
        list(read_records(path))
    with open_bytes(path) as stream, pytest.raises(DataError) as at_once:
        stream.read()
    assert str(by_line.value) == str(at_once.value) == expected
