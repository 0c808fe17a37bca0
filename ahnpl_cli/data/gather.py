"""Captions of whatever people keep them in, as one stream, or gathered in one file of ours.

`ahnpl embed` reads the stream. `ahnpl negatives` reads captions more than once: a file of text is
left where it is, and several files, folders and containers are gathered first.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ahnpl_cli.data.archives import exists, is_shards
from ahnpl_cli.data.captions import (
    KARPATHY_TRAIN,
    InputFormat,
    Layout,
    read_captions,
    spool,
)
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.data.tabular import columns_hint
from ahnpl_cli.data.tar_shards import TarMember, read_shards
from ahnpl_cli.errors import ConfigError, DataError, OnError
from ahnpl_cli.files import STDIN, open_bytes, write_atomic
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)

# What a folder of images may keep its captions in, as Hugging Face's image folders do.
FOLDER_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet", "captions.jsonl")
LONGEST_RECORD = 1 << 22  # bytes of a first line that may be one of ours
ROWS = 1024  # read at once from a columnar file
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"GIF8": ".gif"}


class CaptionOptions(Protocol):
    """How a command line says that captions are read; see `config.CaptionsConfig`."""

    @property
    def input_format(self) -> InputFormat:
        """The format, or `auto`."""

    @property
    def id_column(self) -> str | None:
        """Column or field of the id."""

    @property
    def image_column(self) -> str | None:
        """Column or field of the image."""

    @property
    def caption_column(self) -> str | None:
        """Column or field of the caption."""

    @property
    def split(self) -> str | None:
        """Karpathy splits, with commas between them."""


def layout_of(options: CaptionOptions, command: str) -> Layout:
    """Return how files are read.

    Args:
        options: of a command line.
        command: what it begins with, for messages.
    """
    return Layout(
        options.input_format,
        options.id_column,
        options.image_column,
        options.caption_column,
        tuple(options.split.split(",")) if options.split else KARPATHY_TRAIN,
        command,
    )


def captions_in(folder: Path) -> Path | None:
    """Return what holds the captions of a folder: a file, or the folder itself; None if nothing."""
    if _is_saved_dataset(folder):
        return folder
    files = (folder / name for name in FOLDER_FILES)
    return next((path for path in files if path.is_file()), None)


def caption_file(path: Path) -> Path:
    """Return the file of captions that a folder holds; any other path as it is.

    Raises:
        DataError: a folder holds none.
    """
    if path == STDIN or not path.is_dir():
        return path
    file = captions_in(path)
    if file is None:
        names = ", ".join(FOLDER_FILES)
        hint = f"Name the file of captions; in a folder these are looked for: {names}."
        raise DataError("is a folder, not a file", where=str(path), hint=hint)
    return file


def must_be_gathered(paths: Sequence[Path]) -> bool:
    """Whether captions have to be joined to one file before negatives are made of them."""
    return len(paths) > 1 or _is_container(paths[0])


def _is_saved_dataset(path: Path) -> bool:
    return (path / "dataset_info.json").is_file() and any(path.glob("*.arrow"))


def _is_container(path: Path) -> bool:
    return path.suffix in (".tar", ".parquet", ".arrow") or _is_saved_dataset(path)


def gather(
    paths: Sequence[Path], layout: Layout, output: Path, images: Path, *, on_error: OnError = "stop"
) -> None:
    """Write the captions of several files, folders or containers as one file of JSON Lines.

    Args:
        paths: files in any format of `read_captions`, tar shards, parquet, or what
            `datasets.save_to_disk` wrote.
        layout: how they are read.
        output: the file; image paths in it begin in its folder, where images lie beside captions.
        images: folder for pictures that lie inside parquet or arrow files.
        on_error: stop at a broken record, or leave it out.

    Raises:
        DataError: a record is broken.
        ConfigError: pyarrow is needed and not installed.
    """
    image_paths = ImagePaths(output.parent, images)

    def records() -> Iterator[CaptionRecord]:
        for path, name in zip(paths, names_of(paths), strict=True):
            yield from named(read_any(path, layout, image_paths, on_error=on_error), name)

    write_records(output, records())


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return what the ids of each file begin with, since each numbers its rows alike.

    One file alone needs no name, and nor do tar shards, whose keys are counted through.
    """
    if len(paths) == 1:
        return [""]
    stems = [path.stem for path in paths]
    if len(set(stems)) < len(stems):
        stems = [path.with_suffix("").as_posix() for path in paths]
    return ["" if is_shards(path.name) else stem for path, stem in zip(paths, stems, strict=True)]


def named(records: Iterable[CaptionRecord], name: str) -> Iterator[CaptionRecord]:
    """Yield records with a name in front of their ids, if there is one."""
    for record in records:
        yield replace(record, id=f"{name}/{record.id}") if name else record


@dataclass(frozen=True, slots=True)
class ImagePaths:
    """Where the image paths of records begin.

    Attributes:
        root: the folder.
        extracted: folder for pictures that lie inside parquet or arrow files.
        moves: whether paths that begin beside a file of captions are rewritten; else they are
            taken to begin in `root` as they are.
    """

    root: Path
    extracted: Path
    moves: bool = True

    def seen(self, path: Path) -> str:
        """Return a path as seen from the root."""
        return Path(os.path.relpath(path, self.root)).as_posix()


def read_any(
    path: Path, layout: Layout, image_paths: ImagePaths, *, on_error: OnError = "stop"
) -> Iterator[CaptionRecord]:
    """Stream captions of whatever people keep them in; negatives of our own files are kept.

    Args:
        path: a file in any format of `read_captions`, a tar shard, parquet, what
            `datasets.save_to_disk` wrote, or `-` for standard input.
        layout: how it is read.
        image_paths: where image paths are to begin.
        on_error: stop at a broken record, or leave it out.

    Raises:
        DataError: a record is broken.
        ConfigError: pyarrow is needed and not installed.
    """
    if path == STDIN:
        with tempfile.TemporaryDirectory() as folder:
            copy = spool(Path(folder))
            try:
                as_they_are = replace(image_paths, moves=False)
                yield from read_any(copy, layout, as_they_are, on_error=on_error)
            except DataError as error:
                # Nobody knows the copy.
                where = (error.where or "").replace(str(copy), "-")
                raise DataError(error.what, where=where, hint=error.hint) from error
    elif is_shards(path.name):
        shard = image_paths.seen(path)
        for record, picture, _ in read_shards([str(path)], on_error=on_error):
            assert isinstance(picture, TarMember)
            yield replace(record, image=f"{shard}/{picture.name}")
    elif _is_container(path):
        yield from _columnar(path, layout, image_paths)
    else:
        read = read_records if _is_ours(path, layout) else partial(read_captions, layout=layout)
        for record in read(path, on_error=on_error):
            yield _moved(record, path.parent, image_paths)


def _is_ours(path: Path, layout: Layout) -> bool:
    """Whether a file is JSON Lines as we write them, by its first record."""
    others = (layout.id_column, layout.image_column, layout.caption_column)
    if layout.format not in ("auto", "jsonl") or any(others):
        return False
    with open_bytes(path) as stream:
        line = stream.readline(LONGEST_RECORD)
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(fields, dict):
        return False
    if fields.keys() & {"negatives", "positives", "units"}:
        return True  # Its negatives would be lost otherwise, so that it is held to our format.
    known = {field.name for field in dataclasses.fields(CaptionRecord)}
    return fields.keys() <= known and isinstance(fields.get("id"), str)


def _moved(record: CaptionRecord, parent: Path, image_paths: ImagePaths) -> CaptionRecord:
    """Return a record whose image path begins in the root, if it lies beside its captions."""
    if not image_paths.moves or parent == image_paths.root or not exists(parent / record.image):
        return record
    return replace(record, image=image_paths.seen(parent / record.image))


def _columnar(path: Path, layout: Layout, image_paths: ImagePaths) -> Iterator[CaptionRecord]:
    """Yield the records of a parquet file, an arrow file, or a folder of these."""
    folder = path if path.is_dir() else path.parent
    number = 0
    for row in _rows(path):
        number += 1
        where = f"{path}: row {number}"
        image_column, caption_column = layout.columns.find(row)
        if image_column is None or caption_column is None:
            wanted = "caption" if image_column else "image"
            hint = columns_hint(row, path, layout.command)
            raise DataError(f"no column '{wanted}'", where=str(path), hint=hint)
        image = _image(row[image_column], image_paths, where)
        captions = row[caption_column]
        identity = str(row.get(layout.id_column or "id") or number)
        if isinstance(captions, str):
            yield _moved(CaptionRecord(identity, image, captions), folder, image_paths)
            continue
        if not isinstance(captions, list):
            raise DataError("not a text or a list of texts", where=f"{where}: {caption_column}")
        for k, caption in enumerate(captions):
            text = caption.get("raw") if isinstance(caption, dict) else caption
            yield _moved(CaptionRecord(f"{identity}-{k}", image, str(text)), folder, image_paths)


def _image(cell: Any, image_paths: ImagePaths, where: str) -> str:
    """Return the path of an image; one that lies inside the file is written out.

    Raises:
        DataError: the cell holds neither a path nor a picture.
    """
    if isinstance(cell, str) and cell:
        return cell
    if isinstance(cell, dict):  # Hugging Face's feature `Image`: bytes, a path, or both.
        content, name = cell.get("bytes"), cell.get("path")
        if content is None and name:
            return str(name)
        if isinstance(content, bytes):
            return _write_image(content, image_paths)
    if isinstance(cell, bytes):
        return _write_image(cell, image_paths)
    raise DataError("neither a path nor a picture", where=where)


def _write_image(content: bytes, image_paths: ImagePaths) -> str:
    ending = next((end for mark, end in _ENDINGS.items() if content.startswith(mark)), ".img")
    # Names in such files repeat, and rows of several files have one number: the content is a name.
    path = image_paths.extracted / f"{hashlib.sha256(content).hexdigest()[:24]}{ending}"
    if not path.exists():
        write_atomic(path, content)
    return image_paths.seen(path)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of columnar files, one after the other."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        what = f"{path} needs the package pyarrow"
        raise ConfigError(what, hint="Run: pip install pyarrow") from error
    try:
        if path.suffix == ".parquet":
            batches: Iterable[Any] = pyarrow.parquet.ParquetFile(path).iter_batches(ROWS)
            for batch in batches:
                yield from batch.to_pylist()
            return
        for file in sorted(path.glob("*.arrow")) if path.is_dir() else [path]:
            with pyarrow.memory_map(str(file)) as source:
                # `datasets` writes streams, other programs files.
                for batch in _arrow_batches(pyarrow, source):
                    yield from batch.to_pylist()
    except pyarrow.ArrowInvalid as error:
        what = f"not a file that pyarrow reads ({str(error).splitlines()[0]})"
        raise DataError(what, where=str(path), hint="Copy or download it again.") from error


def _arrow_batches(pyarrow: Any, source: Any) -> Iterator[Any]:
    try:
        yield from pyarrow.ipc.open_stream(source)
    except pyarrow.ArrowInvalid:
        reader = pyarrow.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
