"""Whether image paths begin in the folder of `--image-root`; if not, in which one near it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from ahnpl_cli.data.archives import exists
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import CaptionRecord

TRIED = 20  # records; a wrong folder lacks the images of all
DEPTH = 3  # folders down that are looked into
MOST_FOLDERS = 2000  # that are looked into for the right one


def check_image_root(records: Iterable[CaptionRecord], root: Path) -> None:
    """Refuse a folder that holds none of the first images, and name the one that does.

    Single missing images are left to whoever opens them all.

    Args:
        records: read no further than `TRIED`; those without an image are passed over.
        root: where their image paths begin.

    Raises:
        DataError: no image of the first records is there.
    """
    named = [record for record in islice(records, TRIED) if record.image]
    if not named or any(exists(root / record.image) for record in named):
        return
    first = named[0]
    place = find_root(first.image, root)
    hint = "Check --image-root, or leave them out with --on-error skip."
    if first.image.startswith(("http://", "https://")):
        hint = "Images by address are not fetched: get them with img2dataset, and name its shards."
    if place is not None:
        hint = f"It is in another folder: pass --image-root {place}"
    where = f"{root / first.image} (record '{first.id}')"
    raise DataError("no such image", where=where, hint=hint)


def find_root(image: str, near: Path) -> Path | None:
    """Return a folder around another below which a path names an image; None if none does."""
    for folder in (near, *_nearby(near)):
        if exists(folder / image):
            return folder
    return None


def _nearby(root: Path) -> Iterator[Path]:
    """Yield folders around one: those above it, then those below it and below this one."""
    yield from (root.parent, root.parent.parent)
    waiting = deque((folder, 0) for folder in dict.fromkeys((root, Path())) if folder.is_dir())
    for _ in range(MOST_FOLDERS):
        if not waiting:
            return
        folder, depth = waiting.popleft()
        yield folder
        if depth == DEPTH:
            continue
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir())
        except OSError:
            continue
        waiting.extend((path, depth + 1) for path in inner if not path.name.startswith("."))
