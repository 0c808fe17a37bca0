"""A folder of embeddings: how its files are named, written at the end and read, and its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ahnpl_cli.data.tensors import Array, open_tensors
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import atomic_path, read_json, write_json
from ahnpl_cli.records import EmbedReport
from ahnpl_cli.reporting.tables import Cell, Table

SHOWN = 20  # records of a table

WHAT = "embeddings"
INDEX = "index.json"
JOB = ".job.json"  # the options of unfinished work
ITEMS = ".items.sqlite"
EXTRACTED = "images"  # folder of pictures that lay inside parquet or arrow files
# Bytes: a line per row, so it grows with the rows, unlike other JSON.
LARGEST_INDEX = 1 << 34
_AGAIN = "Write it again with `ahnpl embed --force`."
FEATURES = {
    "image": "image_features",
    "text": "text_features",
    "negative": "negative_features",
    "perturbed": "image_negative_features",
}
STEMS = (*FEATURES, "records")
LISTED = {"image": "images", "text": "texts", "negative": "negatives"}


def shard_path(folder: Path, stem: str, number: int) -> Path:
    """Return where a shard stands; names sort by number."""
    return folder / f"{stem}-{number:05d}.safetensors"


def shard_paths(folder: Path, stem: str) -> list[Path]:
    """Return the shards of a tensor, in order."""
    return sorted(folder.glob(f"{stem}-[0-9]*.safetensors"))


def written_files(folder: Path) -> list[Path]:
    """Return the files that stand where `ahnpl embed` writes: the index and every shard."""
    index = folder / INDEX
    shards = [path for stem in STEMS for path in shard_paths(folder, stem)]
    return [index, *shards] if index.exists() else shards


def sweep(folder: Path) -> None:
    """Delete what a process that was killed had not yet put in place."""
    for stem in (*STEMS, "index", "job"):
        for path in (*folder.glob(f".{stem}*.tmp*"), *folder.glob(f"..{stem}*.tmp*")):
            path.unlink()


def write_job(folder: Path, job: Mapping[str, Any]) -> None:
    """Note the options of the work that begins."""
    write_json(folder / JOB, job, indent=None)


def read_job(folder: Path) -> dict[str, Any] | None:
    """Return the options that the embeddings in a folder are made with; None if it has none.

    Raises:
        DataError: the file that holds them is damaged.
    """
    if (folder / JOB).is_file():
        return _read_object(folder / JOB)
    if not (folder / INDEX).is_file():
        return None
    index = _read_object(folder / INDEX)
    job = index.get("job")
    return job if index.get("what") == WHAT and isinstance(job, dict) else None


def _write_list(file: IO[str], name: str, items: Iterable[Any]) -> None:
    file.write(f",\n{json.dumps(name)}: [")
    for number, item in enumerate(items):
        file.write(("," if number else "") + "\n" + json.dumps(item, ensure_ascii=False))
    file.write("]")


def write_index(folder: Path, head: Mapping[str, Any], lists: Mapping[str, Iterable[Any]]) -> None:
    """Write `index.json` line by line, so that it never stands in memory as a whole."""
    with atomic_path(folder / INDEX) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False, indent=1)[:-2])
        for name, items in lists.items():
            _write_list(file, name, items)
        file.write("}\n")


def _read_object(path: Path) -> dict[str, Any]:
    content = read_json(path, hint=_AGAIN, most=LARGEST_INDEX)
    if not isinstance(content, dict):
        raise DataError("not a JSON object", where=str(path), hint=_AGAIN)
    return content


def read_index(folder: Path) -> dict[str, Any]:
    """Return `index.json` of a folder that `ahnpl embed` finished.

    Raises:
        DataError: there is none, or it is damaged.
    """
    path = folder / INDEX
    index = _read_object(path)
    for name in ("model", "job"):
        if not isinstance(index.get(name, {}), dict):
            raise DataError("not a JSON object", where=f"{path}: {name}", hint=_AGAIN)
    for name in (*LISTED.values(), "records", "files", "skipped"):
        if not isinstance(index.get(name, []), list):
            raise DataError("not a list", where=f"{path}: {name}", hint=_AGAIN)
    for name in LISTED.values():
        if not all(isinstance(row, list) and len(row) == 2 for row in index.get(name, [])):
            raise DataError("not a list of pairs", where=f"{path}: {name}", hint=_AGAIN)
    if not all(isinstance(name, str) for name in index.get("files", [])):
        raise DataError("not a list of names", where=f"{path}: files", hint=_AGAIN)
    return index


class StoredRows:
    """The rows of one tensor over all its shards, read as they are needed.

    Args:
        folder: of the embeddings.
        stem: `image`, `text`, `negative` or `perturbed`.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self.name = FEATURES[stem]
        self.paths = shard_paths(folder, stem)
        shapes = [self._shape(path) for path in self.paths]
        self.dim = shapes[0][1] if shapes else 0
        for path, (_, dim) in zip(self.paths, shapes, strict=True):
            if dim != self.dim:
                what = f"{dim} columns, unlike the {self.dim} of the first shard"
                raise DataError(what, where=str(path), hint=_AGAIN)
        self.starts = np.cumsum([0, *(rows for rows, _ in shapes)])

    def _shape(self, path: Path) -> tuple[int, int]:
        with open_tensors(path) as reader:
            shape = reader.get_slice(self.name).get_shape()
        if len(shape) != 2:
            raise DataError(f"{self.name} is no table", where=str(path), hint=_AGAIN)
        return int(shape[0]), int(shape[1])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def shards(self) -> Iterator[Array]:
        """Yield the features shard by shard: (rows, D) as they are stored."""
        for path in self.paths:
            with open_tensors(path) as reader:
                yield reader.get_tensor(self.name)

    def take(self, rows: Array) -> Array:
        """Return features (N, D), float32, of row numbers (N,)."""
        shard_of = np.searchsorted(self.starts, rows, side="right") - 1
        features = np.empty((len(rows), self.dim), dtype=np.float32)
        for shard in np.unique(shard_of):
            with open_tensors(self.paths[shard]) as reader:
                stored = reader.get_tensor(self.name)
            inside = shard_of == shard
            features[inside] = stored[rows[inside] - self.starts[shard]]
        return features


def _note(report: EmbedReport) -> str:
    what = f"{report.model}, D = {report.dim}, {report.dtype}, {report.bytes / 1e6:,.1f} MB"
    if report.dry_run:
        return f"{what}. Nothing was written."
    if report.shard is not None:
        what = (
            f"Part {report.shard}: {report.shards} shards of features, {report.bytes / 1e6:,.1f} MB"
        )
        return f"{what}. When all are there, the same command without --shard joins them."
    kept = f", {report.kept} already up to date" if report.kept else ""
    return f"{what} in {report.shards} files{kept}, {report.seconds:.1f} s."


def counts(report: EmbedReport) -> Table:
    """Return how many distinct rows of each tensor there are."""
    rows: list[tuple[Cell, ...]] = [
        ("image_features", "distinct images", report.images),
        ("text_features", "distinct captions", report.texts),
        ("negative_features", "distinct negative captions", report.negatives),
    ]
    if report.image_negatives:
        rows.append(("image_negative_features", "Eqs. 1-2", report.image_negatives))
    rows = [row for row in rows if row[2]]
    rows.append(("records", "each with its rows", report.records))
    return Table(report.folder, ("tensor", "of", "rows"), tuple(rows), _note(report))


def skipped(report: EmbedReport) -> Table:
    """Return the records left out for their image, the first few by name."""
    count = len(report.skipped)
    note = f"{count:,} in all; all are in index.json." if count > SHOWN else ""
    rows = tuple(report.skipped[:SHOWN])
    return Table("Skipped", ("record", "image", "why"), rows, note)


def tables(report: EmbedReport) -> list[Table]:
    """Return what `ahnpl embed` prints."""
    return [counts(report), *([skipped(report)] if report.skipped else [])]
