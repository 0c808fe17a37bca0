"""Captions that lie in several files, in folders or in containers, joined to one file of ours.

What is read in one stream, any text file, is left where it is; the rest is gathered once, since
captions are read more than once.
"""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ahnpl_cli.data.archives import exists
from ahnpl_cli.data.captions import Layout, read_captions
from ahnpl_cli.data.jsonl import write_records
from ahnpl_cli.data.tabular import columns_hint
from ahnpl_cli.data.tar_shards import is_shards, read_shards
from ahnpl_cli.errors import ConfigError, DataError, OnError
from ahnpl_cli.files import STDIN, write_atomic
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)

# What a folder of images may keep its captions in, as Hugging Face's image folders do.
FOLDER_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet", "captions.jsonl")
ROWS = 1024  # read at once from a columnar file
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"GIF8": ".gif"}


def caption_file(path: Path) -> Path:
    """Return the file of captions that a folder holds; any other path as it is.

    Raises:
        DataError: a folder holds none.
    """
    if path == STDIN or not path.is_dir() or _is_saved_dataset(path):
        return path
    for name in FOLDER_FILES:
        if (path / name).is_file():
            return path / name
    hint = f"Name the file of captions; in a folder these are looked for: {', '.join(FOLDER_FILES)}"
    raise DataError("is a folder, not a file", where=str(path), hint=f"{hint}.")


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
        output: the file.
        images: folder for pictures that lie inside parquet or arrow files.
        on_error: stop at a broken record, or leave it out.

    Raises:
        DataError: a record is broken.
        ConfigError: pyarrow is needed and not installed.
    """
    many = len(paths) > 1

    def records() -> Iterator[CaptionRecord]:
        for path in paths:
            for record in _read(path, layout, images, on_error):
                # Rows are numbered in each file; together they need a name before the number.
                if many and not is_shards(path.name):
                    image = _as_seen_from(output.parent, path.parent, record.image)
                    record = replace(record, id=f"{path.stem}/{record.id}", image=image)
                yield record

    write_records(output, records())


def _as_seen_from(folder: Path, parent: Path, image: str) -> str:
    """Return an image's path as seen from another folder, if it lies beside its captions."""
    if not exists(parent / image):
        return image
    return Path(os.path.relpath(parent / image, folder)).as_posix()


def _read(path: Path, layout: Layout, images: Path, on_error: OnError) -> Iterator[CaptionRecord]:
    if is_shards(path.name):
        for record, _, _ in read_shards([str(path)], on_error=on_error):
            yield record
    elif _is_container(path):
        yield from _columnar(path, layout, images)
    else:
        yield from read_captions(path, layout, on_error=on_error)


def _columnar(path: Path, layout: Layout, images: Path) -> Iterator[CaptionRecord]:
    """Yield the records of a parquet file, an arrow file, or a folder of these."""
    number = 0
    for row in _rows(path):
        number += 1
        where = f"{path}: row {number}"
        image_column, caption_column = layout.columns.find(row)
        if image_column is None or caption_column is None:
            wanted = "caption" if image_column else "image"
            hint = columns_hint(row, path, layout.columns)
            raise DataError(f"no column '{wanted}'", where=str(path), hint=hint)
        image = _image(row[image_column], number, images, where)
        captions = row[caption_column]
        identity = str(row.get(layout.id_column or "id") or number)
        if isinstance(captions, str):
            yield CaptionRecord(identity, image, captions)
            continue
        if not isinstance(captions, list):
            raise DataError("not a text or a list of texts", where=f"{where}: {caption_column}")
        for k, caption in enumerate(captions):
            text = caption.get("raw") if isinstance(caption, dict) else caption
            yield CaptionRecord(f"{identity}-{k}", image, str(text))


def _image(cell: Any, number: int, images: Path, where: str) -> str:
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
            return _write_image(content, number, images)
    if isinstance(cell, bytes):
        return _write_image(cell, number, images)
    raise DataError("neither a path nor a picture", where=where)


def _write_image(content: bytes, number: int, images: Path) -> str:
    # Names in such files repeat, so that the number of the row counts.
    ending = next((end for mark, end in _ENDINGS.items() if content.startswith(mark)), ".img")
    name = f"{number:08d}{ending}"
    if not (images / name).exists():
        write_atomic(images / name, content)
    return name


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


def training_line(negatives: Path, root: Path | None, shards: str | None = None) -> str:
    """Return the command that trains on what was made, ready to copy."""
    if shards is not None:
        return f"ahnpl train --data {shlex.quote(shards)}"
    own = "" if str(negatives) == "negatives.jsonl" else f" --data {shlex.quote(str(negatives))}"
    place = "" if root in (None, Path()) else f" --image-root {shlex.quote(str(root))}"
    return f"ahnpl train{own}{place}"
