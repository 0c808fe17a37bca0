"""What is distinct in the input, and which row each will have; on disk, so memory stays flat."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.data.images import file_sha256, text_key
from ahnpl_cli.data.jsonl import duplicate_id
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.records import KINDS, CaptionRecord

# `n` counts from 1 in order of first sight. Texts are written in that order; images that turn out
# to be broken have no row, so theirs is numbered when all have been read (`number_images`).
_SCHEMA = """
CREATE TABLE image(n INTEGER PRIMARY KEY, key TEXT UNIQUE, content TEXT, row INTEGER, reason TEXT);
CREATE TABLE text(n INTEGER PRIMARY KEY, key TEXT UNIQUE, content TEXT);
CREATE TABLE negative(n INTEGER PRIMARY KEY, key TEXT UNIQUE, content TEXT);
CREATE TABLE path(n INTEGER PRIMARY KEY, content TEXT UNIQUE, image INTEGER, reason TEXT);
CREATE TABLE record(n INTEGER PRIMARY KEY, id TEXT UNIQUE, path INTEGER, text INTEGER);
CREATE TABLE made(job TEXT);
CREATE TABLE pair(record INTEGER, negative INTEGER, kind INTEGER);
"""
_IMAGES = "LEFT JOIN path ON path.n = record.path LEFT JOIN image ON image.n = path.image "
_REASON = "COALESCE(path.reason, image.reason)"
_HASHED_AT_ONCE = 512
TABLES = ("image", "text", "negative")


class Item(NamedTuple):
    """A distinct image, caption or negative."""

    n: int
    key: str
    content: str


class RecordRows(NamedTuple):
    """A record whose parts all have rows; -1 where it has no such part."""

    id: str
    image: int
    text: int
    negatives: list[int]
    kinds: list[int]


class DistinctItems:
    """Distinct images, captions and negatives of an input, and its records as their numbers.

    Args:
        path: file to keep them in; an existing one is overwritten.
        existing: whether it is read instead.
    """

    def __init__(self, path: Path, *, existing: bool = False) -> None:
        self.path = path
        if not existing:
            path.unlink(missing_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        if not existing:
            # Of no use after an interruption, so neither journal nor waiting for the disk.
            self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def finish(self, job: str) -> None:
        """Note what the items were collected from: now all are there."""
        self._db.execute("INSERT INTO made VALUES (?)", (job,))

    def made_from(self) -> str | None:
        """Return what the items were collected from; None if not all are there."""
        try:
            row = self._db.execute("SELECT job FROM made").fetchone()
        except sqlite3.DatabaseError:
            return None
        return str(row[0]) if row else None

    def _number(self, table: str, content: str) -> int:
        """Return the number of a text or path, a new one at first sight."""
        if table == "path":
            column, value = "content", content
            self._db.execute("INSERT OR IGNORE INTO path(content) VALUES (?)", (content,))
        else:
            column, value = "key", text_key(content)
            insert = f"INSERT OR IGNORE INTO {table}(key, content) VALUES (?,?)"
            self._db.execute(insert, (value, content))
        query = f"SELECT n FROM {table} WHERE {column} = ?"
        return int(self._db.execute(query, (value,)).fetchone()[0])

    def _add(self, record: CaptionRecord) -> None:
        path = self._number("path", record.image) if record.image else None
        text = self._number("text", record.caption) if record.caption else None
        insert = "INSERT INTO record(id, path, text) VALUES (?,?,?)"
        try:
            number = self._db.execute(insert, (record.id, path, text)).lastrowid
        except sqlite3.IntegrityError as error:
            raise duplicate_id(record.id) from error
        for negative in record.negatives:
            row = (number, self._number("negative", negative.caption), KINDS.index(negative.kind))
            self._db.execute("INSERT INTO pair VALUES (?,?,?)", row)

    def add_all(self, records: Iterable[CaptionRecord]) -> None:
        """Take records in, in one transaction.

        Raises:
            DataError: an id occurs twice.
        """
        self._db.execute("BEGIN")
        for record in records:
            self._add(record)
        self._db.execute("COMMIT")

    def hash_images(self, root: Path, on_error: OnError) -> None:
        """Find equal images by content, whatever their names.

        Raises:
            DataError: an image is missing, with `stop`.
        """

        def hashed(path: tuple[int, str]) -> tuple[str, str | None]:
            return _file_key(root / path[1], on_error)

        paths = self._db.execute("SELECT n, content FROM path ORDER BY n")
        self._db.execute("BEGIN")
        # Hashing waits for the disk, which several threads may do at once.
        with ThreadPoolExecutor() as pool:
            while batch := paths.fetchmany(_HASHED_AT_ONCE):
                keys = pool.map(hashed, batch)
                for (n, content), (key, reason) in zip(batch, keys, strict=True):
                    self._add_image(n, content, key, reason)
        self._db.execute("COMMIT")

    def _add_image(self, path: int, content: str, key: str, reason: str | None) -> None:
        if reason is None:
            insert = "INSERT OR IGNORE INTO image(key, content) VALUES (?,?)"
            self._db.execute(insert, (key, content))
        image = "(SELECT n FROM image WHERE key = ?)"
        update = f"UPDATE path SET image = {image}, reason = ? WHERE n = ?"
        self._db.execute(update, (key, reason, path))

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self._db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    def count_images(self) -> int:
        """Return how many distinct images are not known to be broken."""
        query = "SELECT COUNT(*) FROM image WHERE reason IS NULL"
        return int(self._db.execute(query).fetchone()[0])

    def count_pairs(self) -> int:
        """Return how many record-negative pairs there are whose image is not known to be broken."""
        query = "SELECT COUNT(*) FROM pair JOIN record ON record.n = pair.record "
        return int(self._db.execute(query + _IMAGES + f"WHERE {_REASON} IS NULL").fetchone()[0])

    def items(self, table: str, start: int, stop: int) -> list[Item]:
        """Return distinct items `start` to `stop` of a table, from 0."""
        query = f"SELECT n, key, content FROM {table} WHERE n > ? AND n <= ? ORDER BY n"
        return [Item(*row) for row in self._db.execute(query, (start, stop))]

    def mark_broken(self, reasons: dict[str, str]) -> None:
        """Note why images, named by their keys, cannot be read."""
        for key, reason in reasons.items():
            self._db.execute("UPDATE image SET reason = ? WHERE key = ?", (reason, key))

    def number_images(self) -> None:
        """Give each image that can be read its row, in order, once all have been tried."""
        usable = (
            "SELECT n, ROW_NUMBER() OVER (ORDER BY n) - 1 AS row FROM image WHERE reason IS NULL"
        )
        update = f"UPDATE image SET row = usable.row FROM ({usable}) AS usable "
        self._db.execute(update + "WHERE usable.n = image.n")

    def listing(self, table: str) -> Iterator[tuple[str, str]]:
        """Yield (content, key) of every row written, in row order."""
        only = "WHERE row IS NOT NULL" if table == "image" else ""
        yield from self._db.execute(f"SELECT content, key FROM {table} {only} ORDER BY n")

    def records(self) -> Iterator[RecordRows]:
        """Yield the records that lack no image, in their order."""
        query = "SELECT record.n, id, path, image.row, text FROM record "
        records = self._db.execute(query + _IMAGES + "ORDER BY record.n")
        pairs = self._db.execute("SELECT record, negative, kind FROM pair ORDER BY rowid")
        # Both come in order of their records, so one walk beside the other finds what belongs.
        grouped = itertools.groupby(pairs, key=lambda pair: pair[0])
        group = next(grouped, None)
        for n, id, path, image, text in records:
            own: list[tuple[int, int, int]] = []
            if group is not None and group[0] == n:
                own = list(group[1])
                group = next(grouped, None)
            if path is None or image is not None:
                yield RecordRows(
                    id,
                    image=-1 if path is None else image,
                    text=-1 if text is None else text - 1,
                    negatives=[negative - 1 for _, negative, _ in own],
                    kinds=[kind for _, _, kind in own],
                )

    def skipped(self) -> Iterator[tuple[str, str, str]]:
        """Yield (id, image, reason) of the records left out for their image."""
        yield from self._db.execute(
            f"SELECT record.id, path.content, {_REASON} FROM record "
            + _IMAGES
            + f"WHERE {_REASON} IS NOT NULL ORDER BY record.n"
        )


def _file_key(path: Path, on_error: OnError) -> tuple[str, str | None]:
    """Return a file's hash, or why there is none."""
    try:
        return file_sha256(path), None
    except DataError as error:
        if on_error == "stop":
            raise
        return "", error.what
