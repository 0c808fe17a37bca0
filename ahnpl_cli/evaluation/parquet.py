"""Parquet exports of Hugging Face data sets: images unpacked once into the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.data.files import write_whole
from ahnpl_cli.errors import BenchmarkError


def parquet_records(path: Path, images: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet file, each image replaced by the name of a file in `folder`.

    Args:
        path: the export.
        images: columns that hold `{"bytes", "path"}`.
        folder: where the images are written, unless they are there.

    Raises:
        BenchmarkError: pyarrow is not installed, or the file is not parquet.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        hint = "pip install pyarrow, or use the benchmark's JSONL and images."
        raise BenchmarkError("parquet needs pyarrow", where=str(path), hint=hint) from error
    folder.mkdir(parents=True, exist_ok=True)
    try:
        table = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"not parquet: {error}", where=str(path)) from error
    number = 0
    for batch in table.iter_batches(batch_size=64):
        for row in batch.to_pylist():
            for column in images:
                if row.get(column) is not None:
                    row[column] = _unpack(row[column], folder, f"row{number}_{column}.png")
            number += 1
            yield row


def _unpack(cell: Any, folder: Path, default: str) -> str:
    """Write one image and return its name."""
    name = Path(cell.get("path") or default).name
    target = folder / name
    if not target.is_file():
        write_whole(target, cell["bytes"])
    return name
