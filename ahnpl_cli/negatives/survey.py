"""The first pass over the captions: how many, what is said of each image, which are counted.

Everything that grows with the input is kept on disk, in one SQLite file beside the output.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.config import OnError
from ahnpl_cli.data.captions import Items, Layout, read_located
from ahnpl_cli.errors import DataError
from ahnpl_cli.negatives import wordnet
from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.records import CaptionRecord

SAMPLE = 50_000  # captions whose statistics the corpus filler knows, by hash of their ids
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_COMMIT = 10_000
LISTED = 100  # skipped records named in the report


class Survey(NamedTuple):
    """How many captions there are, and the numbers of those sampled for statistics."""

    total: int
    sample: tuple[int, ...]


class Index:
    """What was found, on disk: the words of each image, and the units of sampled captions."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        # A killed survey is made again from the start, so nothing needs to be durable.
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._words = functools.lru_cache(maxsize=512)(self._read_words)

    def create(self) -> None:
        """Make the tables of a new index."""
        self._db.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("CREATE TABLE said (image TEXT PRIMARY KEY, captions TEXT)")
        self._db.execute("CREATE TABLE units (caption INTEGER PRIMARY KEY, units TEXT)")

    def new_ids(self, identities: Sequence[str]) -> list[bool]:
        """Note ids, and return for each whether it is the first of its kind."""
        self._db.execute("BEGIN")
        insert = "INSERT OR IGNORE INTO ids VALUES (?)"
        new = [self._db.execute(insert, (identity,)).rowcount == 1 for identity in identities]
        self._db.execute("COMMIT")
        return new

    def add_captions(self, records: Sequence[CaptionRecord]) -> None:
        """Note what the captions of each image say."""
        rows = [(record.image, record.caption.lower()) for record in records]
        self._many(
            "INSERT INTO said VALUES (?, ?) ON CONFLICT (image) "
            "DO UPDATE SET captions = captions || char(10) || excluded.captions",
            rows,
        )

    def add_units(self, units: Iterable[tuple[int, tuple[Unit, ...]]]) -> None:
        """Keep the units of captions, by number."""
        rows = [(number, json.dumps(made)) for number, made in units]
        self._many("INSERT OR REPLACE INTO units VALUES (?, ?)", rows)

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")

    def units(self, start: int, end: int) -> dict[int, tuple[Unit, ...]]:
        """Return the units kept of captions `start` to `end`, by number."""
        query = "SELECT caption, units FROM units WHERE caption >= ? AND caption < ?"
        rows = self._db.execute(query, (start, end)).fetchall()
        return {number: tuple(map(Unit._make, json.loads(text))) for number, text in rows}

    def image_words(self, image: str) -> frozenset[str]:
        """Return the words that captions of an image use, in every base form they may have."""
        return self._words(image)

    def _read_words(self, image: str) -> frozenset[str]:
        row = self._db.execute("SELECT captions FROM said WHERE image = ?", (image,)).fetchone()
        found: set[str] = set()
        for word in set(_WORD.findall(row[0] if row else "")):
            found.update(_forms(word))
        return frozenset(found)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


@functools.lru_cache(maxsize=1 << 16)
def _forms(word: str) -> tuple[str, ...]:
    return (word, *(wordnet.lemma(word, pos) for pos in ("n", "v", "a")))


class Source:
    """The captions of one file, the same ones in every pass.

    Attributes:
        path: the file.
        skipped: what was left out, at most `LISTED` of it.
        skips: how many records were left out.
    """

    def __init__(self, path: Path, layout: Layout, on_error: OnError, limit: int | None) -> None:
        self.path, self.layout, self.on_error, self.limit = path, layout, on_error, limit
        self.skipped: list[str] = []
        self.skips = 0
        self._twice: set[str] = set()

    def _items(self) -> Items:
        return read_located(self.path, self.layout)

    def skip(self, error: DataError) -> None:
        """Stop at a broken record, or count and list it.

        Raises:
            DataError: with `on_error="stop"`.
        """
        if self.on_error == "stop":
            raise error
        self.skips += 1
        if len(self.skipped) < LISTED:
            self.skipped.append(str(error))

    def first_pass(self, index: Index) -> Iterator[CaptionRecord]:
        """Yield the captions, checking and noting their ids."""
        items = self._items()
        taken = 0
        while chunk := list(islice(items, _COMMIT)):
            good = [(at, r) for at, r in chunk if isinstance(r, CaptionRecord)]
            new = iter(index.new_ids([record.id for _, record in good]))
            for where, item in chunk:
                if taken == self.limit:
                    return
                if isinstance(item, DataError):
                    self.skip(item)
                elif not next(new):
                    self._twice.add(where)
                    hint = "Every caption needs an id of its own."
                    self.skip(DataError(f"duplicate '{item.id}'", where=f"{where}: id", hint=hint))
                else:
                    taken += 1
                    yield item

    def records(self) -> Iterator[CaptionRecord]:
        """Yield the same captions once more."""
        good = (
            item
            for where, item in self._items()
            if isinstance(item, CaptionRecord) and where not in self._twice
        )
        return islice(good, self.limit)


def survey(source: Source, index: Index) -> Survey:
    """Go through the captions once and fill an index.

    Raises:
        DataError: a broken record or a duplicate id, unless these are skipped; or no captions.
    """
    index.create()
    total = 0
    sample: list[tuple[int, int]] = []
    captions = source.first_pass(index)
    while chunk := list(islice(captions, _COMMIT)):
        index.add_captions(chunk)
        for record in chunk:
            # The sample is that of the smallest hashes, whatever the order of the file.
            heapq.heappush(sample, (-_hash(record.id), total))
            if len(sample) > SAMPLE:
                heapq.heappop(sample)
            total += 1
    if not total:
        hint = f"{source.skips} broken records were skipped." if source.skips else "Is it empty?"
        raise DataError("no captions", where=str(source.path), hint=hint)
    return Survey(total, tuple(sorted(number for _, number in sample)))


def _hash(identity: str) -> int:
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "little")
