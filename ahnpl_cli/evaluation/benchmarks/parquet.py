"""Tables of Hugging Face data sets, Parquet or Arrow: images unpacked once into the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.files import write_atomic

ROWS = 64  # read at once: images are large


def table_records(path: Path, images: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, each image replaced by the name of its file.

    Args:
        path: a Parquet export, or an Arrow file as `datasets` keeps them.
        images: columns that hold `{"bytes", "path"}`; without bytes the name of `path` counts.
        folder: where the images are written, unless they are there.

    Raises:
        BenchmarkError: pyarrow is not installed, or the file is not such a table.
    """
    number = 0
    for batch in _batches(path):
        for row in batch:
            for column in images:
                if row.get(column) is not None:
                    row[column] = _unpack(row[column], folder, f"row{number}_{column}.png")
            number += 1
            yield row


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        hint = "pip install pyarrow, or use the benchmark's JSONL and images."
        raise BenchmarkError(
            f"{path.suffix[1:]} needs pyarrow", where=str(path), hint=hint
        ) from error
    try:
        if path.suffix == ".arrow":
            with pa.memory_map(str(path)) as source:
                for batch in pa.ipc.open_stream(source):
                    yield batch.to_pylist()
        else:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS):
                yield batch.to_pylist()
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"not {path.suffix[1:]}: {error}", where=str(path)) from error


def _unpack(cell: Any, folder: Path, default: str) -> str:
    """Write one image and return its name."""
    if isinstance(cell, str):
        return cell
    name = Path(cell.get("path") or default).name
    if cell.get("bytes") is not None and not (folder / name).is_file():
        write_atomic(folder / name, cell["bytes"])
    return name
