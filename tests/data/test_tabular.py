"""Tables as people have them: separators, line ends, encodings and quotation marks."""

import io
from pathlib import Path

import pandas as pd
import pytest

from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.errors import DataError

ROWS = [("1", "a.jpg", "a cat"), ("2", "b.jpg", "a dog, asleep")]


def read(path: Path, on_error: str = "stop") -> list[tuple[str, str, str]]:
    return [(r.id, r.image, r.caption) for r in read_captions(path, on_error=on_error)]  # type: ignore[arg-type]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_line_ends_and_encodings(
    tmp_path: Path, separator: str, end: str, encoding: str
) -> None:
    buffer = io.StringIO()
    frame = pd.DataFrame(ROWS, columns=["id", "image", "caption"])
    frame.to_csv(buffer, sep=separator, index=False, lineterminator="\n")
    path = tmp_path / ("t.tsv" if separator == "\t" else "t.csv")
    path.write_bytes(buffer.getvalue().replace("\n", end).encode(encoding))
    assert read(path) == ROWS


CAPTIONS = ["a cat", '"the old dog" sleeps', '"a man rides a horse', 'a 12" pizza', '"quoted"']


def test_tabs_alone_part_the_cells_where_no_quoting_is_proven(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("image\tcaption\n" + "".join(f"a.jpg\t{text}\n" for text in CAPTIONS))
    assert [caption for _, _, caption in read(path)] == CAPTIONS


@pytest.mark.parametrize("captions", [CAPTIONS, ["a\tb", "c"], ["two\nlines", "c"]])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_what_pandas_writes_is_read_as_it_was(
    tmp_path: Path, captions: list[str], separator: str
) -> None:
    frame = pd.DataFrame({"image": "a.jpg", "caption": captions})
    frame.to_csv(tmp_path / "t", sep=separator, index=False)
    assert [caption for _, _, caption in read(tmp_path / "t")] == captions


def test_a_quote_that_is_not_closed_is_one_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('image,caption\na.jpg,a cat\nb.jpg,"a dog\nc.jpg,a cow\nd.jpg,a pig\n')
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f'{path}:3: a quote is not closed. Close it, or double it where it is part of the text: "".'
    )
    assert [image for _, image, _ in read(path, "skip")] == ["a.jpg", "c.jpg", "d.jpg"]


def test_text_behind_a_closing_quote_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('image,caption\na.jpg,"the old dog" sleeps\nb.jpg,a cat\n')
    with pytest.raises(DataError, match=r"t\.csv:2: not a row of CSV"):
        read(path)
    assert [image for _, image, _ in read(path, "skip")] == ["b.jpg"]


def test_a_cell_may_go_over_lines_and_the_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('image,caption\na.jpg,"two\nlines"\nb.jpg\n')
    with pytest.raises(DataError, match=r"t\.csv:4: 1 cells under 2 columns"):
        read(path)


def test_a_stray_carriage_return_is_named_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"image,caption\na.jpg,a\rcat\nb.jpg,a dog\n")
    with pytest.raises(DataError, match=r"t\.csv:2: not a row of CSV"):
        read(path)
    assert [image for _, image, _ in read(path, "skip")] == ["b.jpg"]


def test_utf_16_without_its_mark_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("image,caption\na.jpg,a cat\n".encode("utf-16-le"))
    with pytest.raises(DataError, match="NUL bytes, so not a table of text. Is it UTF-16"):
        read(path)


def test_captions_that_pandas_would_call_missing_are_captions(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("image,caption\na.jpg,None\nb.jpg,NA\nc.jpg,null\n")
    assert [caption for _, _, caption in read(path)] == ["None", "NA", "null"]


def test_quoting_of_every_cell_is_seen_at_the_heading(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('"image"\t"caption"\n"a.jpg"\t"a cat"\n')
    assert [(image, caption) for _, image, caption in read(path)] == [("a.jpg", "a cat")]
