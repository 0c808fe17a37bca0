"""What can be embedded: captions in any format, with or without negatives; images; texts."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ahnpl_cli.config import EmbedConfig
from ahnpl_cli.data.captions import Layout, detect_format
from ahnpl_cli.data.gather import (
    ImagePaths,
    captions_in,
    layout_of,
    named,
    names_of,
    read_any,
)
from ahnpl_cli.data.images import check_image_root, find_images
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import STDIN, not_utf8, open_bytes, read_lines
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)
HINT = "Give captions, a folder of images, or a .txt file with a text a line."


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be embedded, and how it is read.

    Attributes:
        paths: files of captions or negatives, tar shards, parquet, folders of images, or `.txt`
            files with a text a line; `-` is standard input.
        layout: how captions are read.
        root: folder that image paths are relative to.
        moves: whether images that lie beside their captions are found there, wherever `root` is.
        on_error: stop at a broken record, or skip it with a warning.
    """

    paths: tuple[Path, ...]
    layout: Layout
    root: Path
    moves: bool
    on_error: OnError

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths))


def open_source(paths: Sequence[Path], config: EmbedConfig) -> Source:
    """Find out what paths mean, before anything slow is done.

    Raises:
        DataError: there is nothing at one of them.
    """
    files = []
    for path in paths:
        # A folder is its captions, if it has some, else its images.
        file = captions_in(path) if path.is_dir() else None
        if path != STDIN and not path.is_dir():
            open_bytes(path).close()
        files.append(file or path)
    if config.image_root is not None:
        root = Path(config.image_root)
    elif len(files) > 1 or files[0] == STDIN:
        root = Path()
    else:
        root = files[0] if files[0].is_dir() else files[0].parent
    layout = layout_of(config.captions, "ahnpl embed")
    return Source(tuple(files), layout, root, config.image_root is None, config.on_error)


def check_images(source: Source) -> None:
    """Refuse an image root below which no image of a file of captions is.

    Raises:
        DataError: none is; the message names the folder where they are, if that is near.
    """
    for path in source.paths:
        if path != STDIN and not _is_images(path) and not _is_texts(path, source.layout):
            # Pictures inside a file are written out to be found, and here nowhere for long.
            with tempfile.TemporaryDirectory() as folder:
                places = ImagePaths(source.root, Path(folder), source.moves)
                check_image_root(read_any(path, source.layout, places), source.root)


def read_source(source: Source, extracted: Path) -> Iterator[CaptionRecord]:
    """Stream what is to be embedded; an empty image or caption means that there is none.

    Args:
        source: what is read.
        extracted: folder for pictures that lie inside parquet or arrow files.

    Raises:
        DataError: a record is broken, or there is none.
    """
    empty = True
    for path, name in zip(source.paths, names_of(source.paths), strict=True):
        for record in named(_read(path, source, extracted), name):
            empty = False
            yield record
    if empty:
        raise DataError("holds nothing to embed", where=str(source), hint=HINT)


def _read(path: Path, source: Source, extracted: Path) -> Iterator[CaptionRecord]:
    places = ImagePaths(source.root, extracted, source.moves)
    if _is_images(path):
        for record in _images(path, source.on_error):
            image = places.seen(path / record.image) if path != source.root else record.image
            yield replace(record, image=image)
    elif _is_texts(path, source.layout):
        yield from _texts(path, source.on_error)
    else:
        yield from read_any(path, source.layout, places, on_error=source.on_error)


def _is_images(path: Path) -> bool:
    return path.is_dir() and captions_in(path) is None


def _is_texts(path: Path, layout: Layout) -> bool:
    """Whether a file has a text a line; a table of pictures may be a `.txt` too."""
    if layout.format != "auto" or not path.name.removesuffix(".gz").endswith(".txt"):
        return layout.format == "text"
    with open_bytes(path) as stream:
        is_empty = not stream.read(1)
    return is_empty or detect_format(path) == "text"


def _images(folder: Path, on_error: OnError) -> Iterator[CaptionRecord]:
    """One record per image file below a folder, in order of path, without caption."""
    for path in find_images(folder):
        name = path.relative_to(folder).as_posix()
        try:
            name.encode("utf-8")
        except UnicodeEncodeError as broken:
            # Neither the index nor the database could hold it.
            error = DataError("a file name that is not UTF-8", where=repr(str(path)))
            if on_error == "stop":
                raise error from broken
            logger.warning("Skipped %s", error)
            continue
        yield CaptionRecord(id=name, image=name, caption="")


def _texts(path: Path, on_error: OnError) -> Iterator[CaptionRecord]:
    """One record per line that is not blank, named by its number, without image."""
    for number, line in read_lines(path):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as broken:
            error = not_utf8(f"{path}:{number}", broken, DataError)
            if on_error == "stop":
                raise error from broken
            logger.warning("Skipped %s", error)
            continue
        yield CaptionRecord(id=str(number), image="", caption=text)
