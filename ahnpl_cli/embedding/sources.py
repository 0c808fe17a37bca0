"""What can be embedded: captions with or without negatives, a folder of images, a list of texts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.data.image_root import check_image_root
from ahnpl_cli.data.images import find_images
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import STDIN, not_utf8, open_bytes, read_lines
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)


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


def check_source(path: Path) -> None:
    """Return if there is something at `path`, before anything slow is done.

    Raises:
        DataError: there is not.
    """
    if path != STDIN and not path.is_dir():
        open_bytes(path).close()


def check_images(path: Path, asked: str | None) -> None:
    """Refuse an image root below which no image of a file of captions is.

    Raises:
        DataError: none is; the message names the folder where they are, if that is near.
    """
    is_texts = path.name.removesuffix(".gz").endswith(".txt")
    if path != STDIN and path.is_file() and not is_texts:
        check_image_root(read_records(path), image_root(path, asked))


def read_source(path: Path, *, on_error: OnError = "stop") -> Iterator[CaptionRecord]:
    """Stream what is to be embedded; an empty image or caption means that there is none.

    Args:
        path: captions.jsonl or negatives.jsonl (`-` is standard input), a folder of images, or a
            `.txt` file with a text a line.
        on_error: stop at a broken line, or skip it with a warning.

    Raises:
        DataError: the path is none of these, or holds nothing.
    """
    if path.is_dir():
        records = _images(path, on_error)
    elif path.name.removesuffix(".gz").endswith(".txt"):
        records = _texts(path, on_error)
    else:
        records = read_records(path, on_error=on_error)
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        hint = "Give captions.jsonl, a folder of images, or a .txt file with a text a line."
        raise DataError("holds nothing to embed", where=str(path), hint=hint)


def image_root(path: Path, asked: str | None) -> Path:
    """Return the folder that image paths are relative to."""
    if asked is not None:
        return Path(asked)
    if path == STDIN:
        return Path()
    return path if path.is_dir() else path.parent
