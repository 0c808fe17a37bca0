"""CSV and TSV rows with their line numbers."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import not_utf8, open_bytes

FIELD_LIMIT = 1 << 24  # characters; Python's own limit is 131,072


def _lines(path: Path) -> Iterator[str]:
    """The lines as text; a byte that is no UTF-8 becomes a lone surrogate, found per row."""
    with open_bytes(path) as stream:
        for number, line in enumerate(stream):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
            yield line.decode("utf-8", errors="surrogateescape")


def _check(row: dict[str, str], where: str) -> DataError | None:
    for name, value in row.items():
        try:
            value.encode("utf-8", errors="surrogateescape").decode("utf-8")
        except UnicodeDecodeError as error:
            return not_utf8(f"{where}: {name}", error, DataError)
    return None


def read_table(
    path: Path, delimiter: str, needed: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str] | DataError]]:
    """Yield (line number, row by column), or an error in the place of a broken row.

    Raises:
        DataError: the file has no heading with the columns `needed`.
    """
    csv.field_size_limit(FIELD_LIMIT)
    rows = csv.reader(_lines(path), delimiter=delimiter)
    heading = [name.strip() for name in next(rows, [])]
    for name in needed:
        if name not in heading:
            hint = f"Columns there: {', '.join(heading)}. Choose with --caption-column and others."
            raise DataError(f"no column '{name}'", where=f"{path}:1", hint=hint)
    for values in rows:
        where = f"{path}:{rows.line_num}"
        if not values:
            continue
        if len(values) != len(heading):
            what = f"{len(values)} cells under {len(heading)} columns"
            yield rows.line_num, DataError(what, where=where, hint="Quote cells with separators.")
            continue
        row = dict(zip(heading, values, strict=True))
        yield rows.line_num, _check(row, where) or row
