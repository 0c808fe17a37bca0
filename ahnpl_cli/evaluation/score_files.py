"""Files of every score, one row per model, suite and item: JSON Lines, or Parquet with pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import atomic_path

Row = dict[str, Any]
ROWS = 50_000  # of one Parquet row group
HINT = "pip install pyarrow, or leave --items at jsonl."


def check_format(items: str) -> None:
    """Refuse a format that cannot be written here, before anything is computed.

    Raises:
        ConfigError: Parquet without pyarrow.
    """
    if items == "parquet":
        _pyarrow()


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError("--items parquet needs pyarrow", hint=HINT) from error
    return pyarrow


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows all or nothing, in the format of the file's name."""
    writer = _write_parquet if path.suffix == ".parquet" else _write_jsonl
    with atomic_path(path) as part:
        writer(part, rows)


def _write_jsonl(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    pa = _pyarrow()
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("model", "suite", "id", "image")),
            ("correct", pa.map_(pa.string(), pa.bool_())),
            ("ties", pa.list_(pa.string())),
            ("scores", pa.list_(pa.float32())),
            ("targets", pa.list_(pa.int8())),
        ]
    )
    with pa.parquet.ParquetWriter(path, schema) as writer:
        rest = iter(rows)
        while some := list(islice(rest, ROWS)):
            plain = [{**row, "correct": list(row["correct"].items())} for row in some]
            writer.write_table(pa.Table.from_pylist(plain, schema=schema))


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield (where, row) of a file that `write_rows` wrote.

    Raises:
        DataError: the file cannot be read, or a line is not JSON.
        ConfigError: Parquet without pyarrow.
    """
    try:
        yield from (_read_parquet(path) if path.suffix == ".parquet" else _read_jsonl(path))
    except OSError as error:
        hint = "Keep the items file beside its results.json."
        raise DataError("no scores of single items", where=str(path), hint=hint) from error


def _read_jsonl(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            try:
                yield where, json.loads(line)
            except ValueError as error:
                raise DataError("not a line of scores", where=where) from error


def _read_parquet(path: Path) -> Iterator[tuple[str, Row]]:
    pa = _pyarrow()
    number = 0
    for batch in pa.parquet.ParquetFile(path).iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield f"{path}: row {number}", {**row, "correct": dict(row["correct"])}
