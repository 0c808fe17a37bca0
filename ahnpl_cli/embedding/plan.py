"""What is distinct in the input, and which row each will have; on disk, so memory stays flat."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.config import OnError
from ahnpl_cli.data.images import file_sha256, text_key
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import KINDS, CaptionRecord

# Rows are numbered from 1 in order of first sight; `place` is the row written, from 0.
_SCHEMA = """
CREATE TABLE image(n INTEGER PRIMARY KEY, key TEXT UNIQUE, content TEXT, place INTEGER, why TEXT);
CREATE TABLE text(n INTEGER PRIMARY KEY, key TEXT UNIQUE, content TEXT);
CREATE TABLE negative(n INTEGER PRIMARY KEY, key TEXT UNIQUE, content TEXT);
CREATE TABLE path(n INTEGER PRIMARY KEY, content TEXT UNIQUE, image INTEGER, why TEXT);
CREATE TABLE record(n INTEGER PRIMARY KEY, id TEXT UNIQUE, path INTEGER, text INTEGER);
CREATE TABLE pair(record INTEGER, negative INTEGER, kind INTEGER);
"""
_IMAGES = "LEFT JOIN path ON path.n = record.path LEFT JOIN image ON image.n = path.image "
_WHY = "COALESCE(path.why, image.why)"
TABLES = ("image", "text", "negative")
HASH_AT_ONCE = 512


class Item(NamedTuple):
    """A distinct image, caption or negative."""

    n: int
    key: str
    content: str


class Row(NamedTuple):
    """A record whose parts all have rows; -1 where it has no such part."""

    id: str
    image: int
    text: int
    negatives: list[int]
    kinds: list[int]


def in_shard(record: CaptionRecord, index: int, count: int) -> bool:
    """Whether a record is of part `index`; captions of one image are never parted."""
    digest = hashlib.sha256((record.image or record.caption).encode()).digest()
    return int.from_bytes(digest[:8], "big") % count == index


class Plan:
    """Distinct images, captions and negatives of an input, and its records as their numbers.

    Args:
        path: file to keep it in; one that is there is overwritten.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        self.db = sqlite3.connect(path, isolation_level=None)
        # Not needed after an interruption, so neither journal nor waiting for the disk.
        self.db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)

    def close(self) -> None:
        """Forget the plan."""
        self.db.close()
        self.path.unlink(missing_ok=True)

    def _number(self, table: str, content: str) -> int:
        """Return the number of a text or path, a new one at first sight."""
        if table == "path":
            self.db.execute("INSERT OR IGNORE INTO path(content) VALUES (?)", (content,))
            found = self.db.execute("SELECT n FROM path WHERE content = ?", (content,))
        else:
            key = text_key(content)
            insert = f"INSERT OR IGNORE INTO {table}(key, content) VALUES (?,?)"
            self.db.execute(insert, (key, content))
            found = self.db.execute(f"SELECT n FROM {table} WHERE key = ?", (key,))
        return int(found.fetchone()[0])

    def add(self, record: CaptionRecord) -> None:
        """Take a record in.

        Raises:
            DataError: its id was seen before.
        """
        path = self._number("path", record.image) if record.image else None
        text = self._number("text", record.caption) if record.caption else None
        try:
            row = (record.id, path, text)
            n = self.db.execute("INSERT INTO record(id, path, text) VALUES (?,?,?)", row).lastrowid
        except sqlite3.IntegrityError as error:
            hint = "Ids name rows, so each must be there once."
            raise DataError(
                "id is there twice", where=f"record '{record.id}'", hint=hint
            ) from error
        pairs = [
            (n, self._number("negative", made.caption), KINDS.index(made.kind))
            for made in record.negatives
        ]
        self.db.executemany("INSERT INTO pair VALUES (?,?,?)", pairs)

    def add_all(self, records: Iterable[CaptionRecord]) -> None:
        """Take records in, in one transaction."""
        self.db.execute("BEGIN")
        for record in records:
            self.add(record)
        self.db.execute("COMMIT")

    def hash_images(self, root: Path, on_error: OnError) -> None:
        """Find equal images by content, whatever their names.

        Raises:
            DataError: an image is missing, with `stop`.
        """
        names = self.db.execute("SELECT n, content FROM path ORDER BY n")
        self.db.execute("BEGIN")
        with ThreadPoolExecutor() as pool:
            while batch := names.fetchmany(HASH_AT_ONCE):
                sums = pool.map(lambda item: _sum(root / item[1], on_error), batch)
                for (n, content), (key, why) in zip(batch, sums, strict=True):
                    self._place_image(n, content, key, why)
        self.db.execute("COMMIT")

    def _place_image(self, path: int, content: str, key: str, why: str | None) -> None:
        if why is None:
            insert = "INSERT OR IGNORE INTO image(key, content) VALUES (?,?)"
            self.db.execute(insert, (key, content))
        image = "(SELECT n FROM image WHERE key = ?)"
        self.db.execute(f"UPDATE path SET image = {image}, why = ? WHERE n = ?", (key, why, path))

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self.db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    def count_images(self) -> int:
        """Return how many distinct images are not known to be broken."""
        query = "SELECT COUNT(*) FROM image WHERE why IS NULL"
        return int(self.db.execute(query).fetchone()[0])

    def count_pairs(self) -> int:
        """Return how many record-negative pairs there are whose image is not known to be broken."""
        query = "SELECT COUNT(*) FROM pair JOIN record ON record.n = pair.record "
        return int(self.db.execute(query + _IMAGES + f"WHERE {_WHY} IS NULL").fetchone()[0])

    def items(self, table: str, start: int, stop: int) -> list[Item]:
        """Return distinct items `start` to `stop` of a table, from 0."""
        query = f"SELECT n, key, content FROM {table} WHERE n > ? AND n <= ? ORDER BY n"
        return [Item(*row) for row in self.db.execute(query, (start, stop))]

    def set_places(self, items: Iterable[Item], why: dict[str, str], first: int) -> int:
        """Number the images that could be read from `first`; return the next free number."""
        place = itertools.count(first)
        good = 0
        for item in items:
            reason = why.get(item.key)
            row = (None, reason, item.n) if reason else (next(place), None, item.n)
            good += reason is None
            self.db.execute("UPDATE image SET place = ?, why = ? WHERE n = ?", row)
        return first + good

    def listing(self, table: str) -> Iterator[tuple[str, str]]:
        """Yield (content, key) of every row written, in row order."""
        only = "WHERE place IS NOT NULL" if table == "image" else ""
        yield from self.db.execute(f"SELECT content, key FROM {table} {only} ORDER BY n")

    def rows(self) -> Iterator[Row]:
        """Yield the records that lack no image, in their order."""
        records = self.db.execute(
            "SELECT record.n, id, path, image.place, text FROM record "
            + _IMAGES
            + "ORDER BY record.n"
        )
        pairs = self.db.execute("SELECT record, negative, kind FROM pair ORDER BY rowid")
        grouped = itertools.groupby(pairs, key=lambda pair: pair[0])
        group = next(grouped, None)
        for n, id, path, place, text in records:
            own: list[tuple[int, int, int]] = []
            if group is not None and group[0] == n:
                own = list(group[1])
                group = next(grouped, None)
            if path is None or place is not None:
                yield Row(
                    id,
                    -1 if path is None else place,
                    -1 if text is None else text - 1,
                    [negative - 1 for _, negative, _ in own],
                    [kind for _, _, kind in own],
                )

    def skipped(self) -> Iterator[tuple[str, str, str]]:
        """Yield (id, image, reason) of the records left out for their image."""
        yield from self.db.execute(
            f"SELECT record.id, path.content, {_WHY} FROM record "
            + _IMAGES
            + f"WHERE {_WHY} IS NOT NULL ORDER BY record.n"
        )


def _sum(path: Path, on_error: OnError) -> tuple[str, str | None]:
    """Return a file's hash, or why there is none."""
    try:
        return file_sha256(path), None
    except DataError as error:
        if on_error == "stop":
            raise
        return "", error.what
