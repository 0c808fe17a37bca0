"""COCO's instance and panoptic files in SQLite, so that 450 MB are read once and never held."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ahnpl_cli.data.json_stream import elements
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import atomic_path, check_regular, disk_errors

logger = logging.getLogger(__name__)
HINT = "Name instances_*.json or panoptic_*.json of COCO as --annotations."
_SUFFIXES = ("-merged", "-stuff", "-other")
_SCHEMA = """
create table images (id integer primary key, name text, height integer, width integer);
create table things (image integer, category integer, crowd integer, area real, outline text);
create table categories (id integer primary key, name text);
"""


class Thing(NamedTuple):
    """One annotated thing.

    Attributes:
        category: its name, of stuff without COCO's suffixes.
        crowd: whether it stands for an unknown number of things.
        outline: polygons or RLE of COCO's instance files, or {"png", "segment"} of a panoptic one.
        height: of the image, in pixels.
        width: of the image.
    """

    category: str
    crowd: bool
    outline: Any
    height: int
    width: int


def image_key(name: str) -> str:
    """Return what names an image in all years' files: `COCO_val2014_000000000139.jpg` is 139."""
    stem = PurePosixPath(name).stem
    return stem.rpartition("_")[2].lstrip("0") or stem


def index_path(annotations: Path, cache: Path) -> Path:
    """Return where the index of a file is; another file, or a changed one, has another."""
    check_regular(annotations, hint=HINT)
    status = annotations.stat()
    key = f"{annotations.resolve()}\x1f{status.st_size}\x1f{status.st_mtime_ns}\x1f1"
    return cache / "coco" / f"{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.sqlite"


def build_index(annotations: Path, cache: Path) -> Path:
    """Return the index of a file, made now if it is not there.

    Raises:
        DataError: the file is no annotation file of COCO.
        OSError: the cache cannot be written.
    """
    path = index_path(annotations, cache)
    if path.is_file():
        return path
    logger.info("Indexing %s, once.", annotations)
    with atomic_path(path) as temporary, disk_errors(path):
        temporary.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(temporary)) as database:
            # Of no use after an interruption, so no journal that a kill would leave beside it.
            database.executescript("PRAGMA journal_mode=OFF;" + _SCHEMA)
            things = sum(
                _insert(database, *element, annotations) for element in elements(annotations)
            )
            if not things:
                raise DataError("no annotated things", where=str(annotations), hint=HINT)
            database.execute("create index by_image on things (image)")
            database.execute("create index by_name on images (name)")
            database.commit()
    return path


def _insert(database: sqlite3.Connection, key: str, value: Any, source: Path) -> int:
    """Put one element of the document into the tables; return how many things it holds."""
    if isinstance(value, DataError):
        raise value
    try:
        if key == "images":
            image = (value["id"], image_key(value["file_name"]), value["height"], value["width"])
            database.execute("insert or replace into images values (?, ?, ?, ?)", image)
        elif key == "categories":
            category = (value["id"], _plain_name(value["name"]))
            database.execute("insert or replace into categories values (?, ?)", category)
        elif key == "annotations":
            things = list(_things(value))
            database.executemany("insert into things values (?, ?, ?, ?, ?)", things)
            return len(things)
    except (KeyError, TypeError, sqlite3.Error) as error:
        what = f"{key}: not as COCO has them ({error})"
        raise DataError(what, where=str(source), hint=HINT) from error
    return 0


def _things(annotation: dict[str, Any]) -> Iterator[tuple[int, int, int, float, str]]:
    image = annotation["image_id"]
    if "segments_info" not in annotation:
        outline = json.dumps(annotation["segmentation"])
        crowd, area = int(annotation.get("iscrowd", 0)), float(annotation.get("area", 0))
        yield image, annotation["category_id"], crowd, area, outline
        return
    for segment in annotation["segments_info"]:
        outline = json.dumps({"png": annotation["file_name"], "segment": segment["id"]})
        crowd, area = int(segment.get("iscrowd", 0)), float(segment.get("area", 0))
        yield image, segment["category_id"], crowd, area, outline


def _plain_name(name: str) -> str:
    """`sky-other-merged` is sky, `wall-brick` is a wall."""
    while name.endswith(_SUFFIXES):
        name = name.rpartition("-")[0]
    return name.partition("-")[0]


class Index:
    """Reads what `build_index` wrote."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def things(self, image: str) -> Sequence[Thing]:
        """Return the things of an image by its file name; none of an image that is not there."""
        rows = self._database.execute(
            "select c.name, t.crowd, t.outline, i.height, i.width from images i "
            "join things t on t.image = i.id join categories c on c.id = t.category "
            "where i.name = ? order by t.rowid",
            (image_key(image),),
        )
        return [
            Thing(name, bool(crowd), json.loads(outline), height, width)
            for name, crowd, outline, height, width in rows
        ]
