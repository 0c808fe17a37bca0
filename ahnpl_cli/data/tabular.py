"""CSV and TSV rows with their line numbers, by a dialect that is found once and then held.

pandas would read the captions `None`, `NA` and `null` as missing, and the file as a whole.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import UTF8_HINT, not_utf8, open_bytes

TableFormat = Literal["csv", "tsv"]

_HEAD = 1 << 16  # bytes that decide the dialect
_LONGEST_LINE = 1 << 24  # characters; Python's own limit for a cell is 131,072
_MOST_LINES = 200  # of one cell; more is a quote that is not closed
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# A cell that a writer had to quote: a quotation mark of its own is doubled in it.
_DOUBLED = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')


# What others call these columns: open_clip, Hugging Face, img2dataset, Kaggle, CC3M.
IMAGE_NAMES = (
    *("image", "filepath", "file_name", "filename", "image_path", "img_path", "file", "path"),
    *("img", "image_url", "url"),
)
CAPTION_NAMES = (
    *("caption", "captions", "title", "text", "sentence", "description", "comment", "txt"),
    "raw",
)
# A cell that names a picture: a file by its ending, as `7.jpg#0` too, or an address.
_PICTURE = re.compile(r"https?://\S+|[^\t]+\.(jpe?g|png|webp|gif|bmp|tiff?)(#\d+)?", re.I)
_NUMBERED = re.compile(r"(\.\w+)#\d+$")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold image and caption; None for the first of the names that others use.

    Attributes:
        image: name of the image's column.
        caption: name of the caption's column.
        command: what a message says to read other columns with.
    """

    image: str | None = None
    caption: str | None = None
    command: str = field(default="ahnpl negatives", compare=False)

    def find(self, names: Iterable[str]) -> tuple[str | None, str | None]:
        """Return the names of image and caption among those of a file; None for what is absent."""
        return _find(self.image, IMAGE_NAMES, names), _find(self.caption, CAPTION_NAMES, names)

    def fit(self, names: Iterable[str]) -> bool:
        """Whether both are among some names."""
        return None not in self.find(list(names))


def _find(asked: str | None, usual: Sequence[str], names: Iterable[str]) -> str | None:
    there = list(names)
    if asked is not None:
        return asked if asked in there else None
    by_lower = {name.lower(): name for name in reversed(there)}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def is_picture(cell: str) -> bool:
    """Whether a cell names a picture."""
    return _PICTURE.fullmatch(cell.strip()) is not None


def picture_of(cell: str) -> str:
    """Return a picture's name without the number of its caption, as Flickr8k has it."""
    return _NUMBERED.sub(r"\1", cell.strip())


@dataclass(frozen=True, slots=True)
class _Dialect:
    encoding: str
    line_end: str
    delimiter: str
    quotes: bool


def decode_head(head: bytes) -> str:
    """Return the first bytes of a file as text, UTF-8 or UTF-16 with its mark."""
    encoding = "utf-16" if head.startswith(_UTF16_MARKS) else "utf-8-sig"
    return head.decode(encoding, errors="replace")


def _find_dialect(path: Path, kind: TableFormat, columns: Columns) -> _Dialect:
    """Look into the first bytes of a table.

    Raises:
        DataError: they are no text.
    """
    with open_bytes(path) as stream:
        head = stream.read(_HEAD)
    text = decode_head(head)
    if "\0" in text:
        hint = "Is it UTF-16? Convert it, e.g. `iconv -f utf-16le -t utf-8`."
        raise DataError("NUL bytes, so not a table of text", where=str(path), hint=hint)
    # Macs once ended lines so; else a carriage return is part of the line end or of a cell.
    line_end = "\r" if "\r" in text and "\n" not in text else "\n"
    lines = text.split(line_end)
    if len(head) == _HEAD:
        lines.pop()  # Cut off somewhere.
    delimiter = "\t" if kind == "tsv" else _delimiter(lines[0], columns)
    return _Dialect(
        encoding="utf-16" if head.startswith(_UTF16_MARKS) else "utf-8-sig",
        line_end=line_end,
        delimiter=delimiter,
        quotes=kind == "csv" or _proves_quotes(lines, delimiter, whole=len(head) < _HEAD),
    )


def _delimiter(heading: str, columns: Columns) -> str:
    """Return what parts the cells of a CSV file: a comma, or a semicolon as Excel has it."""
    for delimiter in ",;\t":
        if columns.fit(cell.strip().strip('"') for cell in heading.split(delimiter)):
            return delimiter
    # Names that we do not know: the message shows them parted as most of them are.
    return ";" if heading.count(";") > heading.count(",") else ","


def _proves_quotes(lines: Sequence[str], delimiter: str, *, whole: bool) -> bool:
    """Whether quotation marks in a tab-separated file are quoting, and not part of the text.

    Most such files have no quoting: a caption may begin with a quotation mark, or hold one. Those
    written by pandas or Excel have; there every mark stands in a quoted cell, where it is doubled.
    """
    rows = [line.rstrip("\r").split(delimiter) for line in lines if line.strip()]
    if not rows or not any('"' in cell for row in rows for cell in row):
        return False
    try:
        quoted_rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        # The head may end inside of a quoted cell.
        if whole or "unexpected end" not in str(error):
            return False
        quoted_rows = []
    if any(len(row) not in (0, len(rows[0])) for row in quoted_rows):
        return False
    if any(len(row) != len(rows[0]) for row in rows):
        return True  # Only with quotes do the columns fit: a cell holds a tab or a line end.
    cells = [cell for row in rows for cell in row]
    if any('"' in cell and not cell.startswith('"') for cell in cells):
        return False
    all_quoted = all(cell.startswith('"') for cell in rows[0])
    return all_quoted or any(_DOUBLED.fullmatch(cell) for cell in cells)


def _lines(path: Path, dialect: _Dialect) -> Iterator[str]:
    """Yield the lines; a byte that is no UTF-8 becomes a lone surrogate, found per row.

    Raises:
        DataError: a line is too long, or the text is damaged as a whole.
    """
    with open_bytes(path) as stream:
        text = io.TextIOWrapper(
            stream,
            dialect.encoding,
            errors="strict" if dialect.encoding == "utf-16" else "surrogateescape",
            newline=dialect.line_end,
        )
        number = 0
        while True:
            number += 1
            try:
                line = text.readline(_LONGEST_LINE + 1)
            except UnicodeDecodeError as error:
                what = f"damaged UTF-16 ({error.reason})"
                raise DataError(what, where=f"{path}:{number}", hint=UTF8_HINT) from error
            if not line:
                return
            if len(line) > _LONGEST_LINE:
                what = f"a line of more than {_LONGEST_LINE:,} characters"
                raise DataError(what, where=f"{path}:{number}", hint="Is this the right file?")
            yield line


def _plain_rows(lines: Iterator[str], dialect: _Dialect) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1):
        yield number, line.rstrip("\r\n").split(dialect.delimiter)


def _quoted_rows(
    lines: Iterator[str], dialect: _Dialect, path: Path
) -> Iterator[tuple[int, list[str] | DataError]]:
    """Yield (line number, cells), a quoted cell perhaps over several lines.

    After an error the next line is taken as a row of its own, so that one quotation mark that is
    not closed costs no row but its own.
    """
    ahead: deque[str] = deque()
    number = 0  # of the line that the row begins at
    while True:
        first = ahead.popleft() if ahead else next(lines, None)
        if first is None:
            return
        number += 1
        row = [first]
        while True:
            try:
                cells = _parse(row, dialect)
            except csv.Error as error:
                what = str(error)
                ahead.extendleft(reversed(row[1:]))
                yield number, DataError(f"not a row of CSV, {what}", where=f"{path}:{number}")
                break
            if cells is not None:
                yield number, cells
                number += len(row) - 1
                break
            following = ahead.popleft() if ahead else next(lines, None)
            if following is not None and len(row) < _MOST_LINES:
                row.append(following)
                continue
            ahead.extendleft(reversed(row[1:]))
            if following is not None:
                ahead.insert(len(row) - 1, following)
            hint = 'Close it, or double it where it is part of the text: "".'
            yield number, DataError("a quote is not closed", where=f"{path}:{number}", hint=hint)
            break


def _parse(row: Sequence[str], dialect: _Dialect) -> list[str] | None:
    """Return the cells of a row; None if a quoted cell goes on in the next line.

    Raises:
        csv.Error: there is something behind a closing quote, or a stray carriage return.
    """
    # Within a cell over several lines nothing changes before the next quotation mark.
    if len(row) > 1 and '"' not in row[-1]:
        return None
    text = list(row)
    text[-1] = text[-1].rstrip("\r\n") + "\n"
    try:
        cells = list(csv.reader(text, delimiter=dialect.delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
        raise
    return cells[0] if cells else []


def _check_utf8(row: dict[str, str], where: str) -> DataError | None:
    for name, value in row.items():
        try:
            value.encode("utf-8", errors="surrogateescape").decode("utf-8")
        except UnicodeDecodeError as error:
            return not_utf8(f"{where}: {name}", error, DataError)
    return None


def columns_hint(example: Mapping[str, object], path: Path, command: str) -> str:
    """Return the columns there, and the line that reads them, ready to copy.

    Args:
        example: a record or row of the file, by its own names.
        path: the file.
        command: what is to read them.
    """
    texts = {name: cell for name, cell in example.items() if isinstance(cell, str)}
    image, caption = Columns().find(texts)
    # What looks like a picture's name, and the longest of the other texts.
    image = image or next((name for name, cell in texts.items() if is_picture(cell)), None)
    others = {name: len(cell) for name, cell in texts.items() if name != image}
    caption = caption or max(others, key=others.__getitem__, default=None)
    options = f"--image-column {_word(image)} --caption-column {_word(caption)}"
    line = f"{command} {shlex.quote(str(path))} {options}"
    return f"Columns there: {', '.join(example)}. Read them with: {line}"


def _word(name: str | None) -> str:
    return "COLUMN" if name is None else shlex.quote(name)


def _no_column(
    heading: list[str], row: list[str] | DataError, path: Path, columns: Columns
) -> DataError:
    """Return the error for a table whose columns have names that nobody knows."""
    image, caption = columns.find(heading)
    if image is None:
        what = f"no column '{columns.image or 'image'}'"
    else:
        what = f"no column '{columns.caption or 'caption'}'"
    cells = row if isinstance(row, list) and len(row) == len(heading) else [""] * len(heading)
    # An option that names a column that is not there is no help in finding it.
    hint = columns_hint(dict(zip(heading, cells, strict=True)), path, columns.command)
    return DataError(what, where=f"{path}:1", hint=hint)


def _headless(cells: list[str]) -> list[str] | None:
    """Return names for the columns of a table without a heading; None if it has one."""
    pictures = [number for number, cell in enumerate(cells) if is_picture(cell)]
    others = [number for number in range(len(cells)) if number not in pictures]
    if len(pictures) != 1 or not others:
        return None
    names = [f"column {number + 1}" for number in range(len(cells))]
    names[pictures[0]] = "image"
    names[max(others, key=lambda number: len(cells[number]))] = "caption"
    return names


def read_table(
    path: Path, kind: TableFormat, columns: Columns
) -> Iterator[tuple[int, dict[str, str] | DataError]]:
    """Yield (line number, row by column), or an error in the place of a broken row.

    A table without a heading, such as CC3M's or Flickr8k's, has a picture's name or address in its
    first row; its columns are then called `image` and `caption`.

    Args:
        path: a table of text in UTF-8, or in UTF-16 with its mark; gzip or not.
        kind: cells are parted by commas or semicolons, or by tabs.
        columns: those that have to be there.

    Raises:
        DataError: the file has no heading with these columns, or is no text.
    """
    csv.field_size_limit(_LONGEST_LINE * 2)
    dialect = _find_dialect(path, kind, columns)
    lines = _lines(path, dialect)
    rows: Iterator[tuple[int, list[str] | DataError]] = (
        _quoted_rows(lines, dialect, path) if dialect.quotes else _plain_rows(lines, dialect)
    )
    _, first = next(rows, (1, []))
    if isinstance(first, DataError):
        raise first
    heading = [name.strip() for name in first]
    if not columns.fit(heading):
        names = _headless(heading) if columns == Columns() else None
        if names is None:
            raise _no_column(heading, next(rows, (2, []))[1], path, columns)
        heading = names
        rows = chain([(1, first)], rows)
    for number, values in rows:
        where = f"{path}:{number}"
        if isinstance(values, DataError):
            yield number, values
            continue
        if not any(values):
            continue
        if len(values) != len(heading):
            what = f"{len(values)} cells under {len(heading)} columns"
            yield number, DataError(what, where=where, hint="Quote cells with separators.")
            continue
        row = dict(zip(heading, values, strict=True))
        yield number, _check_utf8(row, where) or row
