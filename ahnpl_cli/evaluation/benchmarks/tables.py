"""Tables of benchmarks: Parquet and Arrow of Hugging Face, CSV; zip files. Images unpacked once.

What is unpacked lies in a folder named by the SHA-256 of the archive, so that another archive of
the same name never shows the images of the first.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ahnpl_cli.data.images import SUFFIXES, file_sha256
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import FETCH_AGAIN, LocalCopy
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.files import write_atomic

ROWS = 64  # read at once: images are large
TABLE = "table"  # begins the role of a table among a benchmark's files
TABLE_SUFFIXES = (".parquet", ".arrow")
LARGEST_IMAGE = 1 << 26  # bytes of an image in an archive, unpacked: 64 MiB
LARGEST_ARCHIVE = 1 << 35  # bytes of all images together: 32 GiB
# What Python's zipfile raises for damaged, encrypted and exotic archives.
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    UnicodeDecodeError,
    ValueError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a benchmark's file, and what finds the images that they name.

    Attributes:
        rows: each with its place, for messages.
        images: finder of their images.
        embedded: whether the images came inside the file.
    """

    rows: list[tuple[str, Any]]
    images: ImageFinder
    embedded: bool = False


def find_tables(folders: DataFolders, name: str, split: str = "test") -> dict[str, Path]:
    """Return every shard of a Hugging Face data set, from the first folder that has one.

    Args:
        folders: where to look.
        name: part of the path of the folder, such as `bivlc`: `test-0.parquet` says little.
        split: part of the name of the file, or of its folder.
    """
    for folder, contents in folders.items():
        # The last parts alone: a home folder may be called like a benchmark.
        if not any(name in part.lower() for part in folder.parts[-4:]):
            continue
        shards = [
            folders.path(folder, file)
            for file in sorted(contents)
            if file.endswith(TABLE_SUFFIXES) and split in f"{folder.name}/{file}"
        ]
        if shards:
            return {f"{TABLE} {number}": path for number, path in enumerate(shards)}
    return {}


def read_tables(
    copy: LocalCopy,
    images: Sequence[str],
    places: Sequence[Path] = (),
    paths: Sequence[Path] | None = None,
) -> Records:
    """Return the rows of every table of a copy, their images unpacked.

    Args:
        copy: says where images are unpacked to.
        images: columns that hold images.
        places: where images lie that a table only names.
        paths: the tables; None reads those files of the copy whose role begins with `table`.

    Raises:
        BenchmarkError: pyarrow is not installed, or a file is not such a table.
    """
    rows: list[tuple[str, Any]] = []
    unpacked: list[Path] = []
    if paths is None:
        paths = [path for role, path in copy.files.items() if role.startswith(TABLE)]
    for path in paths:
        folder = unpacked_folder(path, copy.options.cache / copy.name)
        written = None if copy.options.peek else folder
        # Images are found by name, so the rows of a second shard must not begin at 0 again.
        for record in table_records(path, images, written, start=len(rows)):
            rows.append((f"{path}: row {len(rows)}", record))
        unpacked.append(folder)
    # After unpacking, since a finder looks only into folders that are there.
    return Records(rows, copy.image_finder([*unpacked, *places]), embedded=True)


def unpacked_folder(archive: Path, cache: Path) -> Path:
    """Return the folder of an archive's images: named by its content, not by its name."""
    return cache / file_sha256(archive)[:16]


def table_records(
    path: Path, images: Sequence[str], folder: Path | None, *, start: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, each image replaced by the name of its file.

    Args:
        path: a Parquet export, or an Arrow file as `datasets` keeps them.
        images: columns that hold `{"bytes", "path"}`; without bytes the name of `path` counts.
        folder: where the images are written, unless they are there; None writes none.
        start: number of the first row, by which its images are called.

    Raises:
        BenchmarkError: pyarrow is not installed, or the file is not such a table.
    """
    number = start
    for batch in _batches(path):
        for row in batch:
            for column in images:
                if row.get(column) is not None:
                    row[column] = _unpack_cell(row[column], folder, f"row{number}_{column}")
            number += 1
            yield row


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    kind = path.suffix[1:]
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        hint = "pip install pyarrow, or use the benchmark's JSONL and images."
        raise BenchmarkError(f"{kind} needs pyarrow", where=str(path), hint=hint) from error
    try:
        if path.suffix == ".arrow":
            with pa.memory_map(str(path)) as source:
                for batch in pa.ipc.open_stream(source):
                    yield batch.to_pylist()
        else:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS):
                yield batch.to_pylist()
    except (OSError, ValueError, LookupError, TypeError, NotImplementedError) as error:
        raise BenchmarkError(f"not {kind}: {error}", where=str(path), hint=FETCH_AGAIN) from error


def _unpack_cell(cell: Any, folder: Path | None, stem: str) -> str:
    """Write one image and return its name."""
    if isinstance(cell, str):
        return cell
    if not isinstance(cell, dict):
        return stem
    original = PurePosixPath(str(cell.get("path") or "image.png"))
    if cell.get("bytes") is None:
        return original.name
    # Two rows may hold images of one name, so the row's number names the file.
    name = f"{stem}{original.suffix}"
    if folder is not None and not (folder / name).is_file():
        write_atomic(folder / name, cell["bytes"])
    return name


def unpack_zip(archive: Path, folder: Path) -> None:
    """Write the images of a zip file into one folder, by base name, once.

    Raises:
        BenchmarkError: it is damaged, encrypted or too large, or two images have one name.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            _check_names(packed, archive)
            for member in packed.infolist():
                target = folder / PurePosixPath(member.filename).name
                if _is_image(member) and not target.exists():
                    write_atomic(target, _content(packed, member, archive))
    except _BROKEN_ZIP as error:
        raise BenchmarkError(f"not a usable zip file: {error}", where=str(archive)) from error


def zip_names(archive: Path) -> frozenset[str]:
    """Return the base names in a zip file, for a look that unpacks nothing.

    Raises:
        BenchmarkError: it is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            return frozenset(PurePosixPath(name).name for name in packed.namelist())
    except _BROKEN_ZIP as error:
        raise BenchmarkError(f"not a usable zip file: {error}", where=str(archive)) from error


def _is_image(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not member.is_dir() and not hidden and path.suffix.lower() in SUFFIXES


def _check_names(packed: zipfile.ZipFile, archive: Path) -> None:
    """Refuse two different images of one name, and more bytes than any test set has."""
    members: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for member in packed.infolist():
        if not _is_image(member):
            continue
        total += member.file_size
        first = members.setdefault(PurePosixPath(member.filename).name, member)
        if (first.CRC, first.file_size) != (member.CRC, member.file_size):
            what = f"holds two images of one name: {first.filename} and {member.filename}"
            raise BenchmarkError(what, where=str(archive), hint="Unpack it beside test.jsonl.")
    if total > LARGEST_ARCHIVE:
        what = f"unpacks to {total >> 30} GiB"
        raise BenchmarkError(what, where=str(archive), hint="Is this the right file?")


def _content(packed: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path) -> bytes:
    # The size in the header may lie, so no more is read than is allowed.
    with packed.open(member) as stream:
        content = stream.read(LARGEST_IMAGE + 1)
    if len(content) > LARGEST_IMAGE:
        where = f"{archive}: {member.filename}"
        raise BenchmarkError("more than 64 MiB of an image", where=where)
    return content
