"""The first pass over the captions: counts them, checks ids, collects what images show, samples.

Everything that grows with the input is kept on disk, in one SQLite file in the work folder.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import json
import re
import sqlite3
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.data.captions import Layout, read_located
from ahnpl_cli.data.jsonl import duplicate_id
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import disk_errors
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import CaptionRecord
from ahnpl_cli.stable_hash import stable_hash

SAMPLE = 50_000  # captions whose statistics are known, by hash of their images
INDEX = "index.sqlite"  # in the work folder
WORDS = "words.sqlite"  # beside it: the words of sampled captions
# What SQLite takes back when it opens that file again, after a kill in the middle of a transaction.
UNDONE_WORDS = f"{WORDS}-journal"
CHUNK = 10_000  # captions of a database transaction
BLOCK = 256  # captions tagged and filled together, by their number in the file, in every run
LISTED = 100  # skipped records named in the report
LONGEST = 20_000  # characters of a caption: a text of ten pages describes no picture
BETWEEN = 30  # the character between captions of an image; no caption has this one
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


class Index:
    """What the first pass finds, on disk: ids, captions by image; and words of sampled captions.

    Args:
        folder: where the file is, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / INDEX
        self._db = sqlite3.connect(self.path, isolation_level=None)
        # A killed first pass is made again from the start, so nothing of it needs to be durable.
        # Tagging is most of the work of a small run and is continued, so words are.
        self._words = sqlite3.connect(folder / WORDS, isolation_level=None)
        self._words.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self.image_words = functools.lru_cache(maxsize=512)(self._image_words)
        self.image_captions = functools.lru_cache(maxsize=512)(self._image_captions)
        self.image_texts = functools.lru_cache(maxsize=512)(self._image_texts)

    def create(self) -> None:
        """Make the tables of a new index."""
        self._db.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("CREATE TABLE images (image TEXT PRIMARY KEY, captions TEXT)")
        table = "CREATE TABLE IF NOT EXISTS words (caption INTEGER PRIMARY KEY, words TEXT)"
        self._words.execute(table)

    def new_ids(self, ids: Sequence[str]) -> list[bool]:
        """Note ids, and return for each whether it is new."""
        self._db.execute("BEGIN")
        insert = "INSERT OR IGNORE INTO ids VALUES (?)"
        new = [self._db.execute(insert, (identity,)).rowcount == 1 for identity in ids]
        self._db.execute("COMMIT")
        return new

    def add_captions(self, records: Sequence[CaptionRecord]) -> None:
        """Note what the captions of each image say."""
        rows = [(record.image, record.caption) for record in records]
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO images VALUES (?, ?) ON CONFLICT (image) "
            f"DO UPDATE SET captions = captions || char({BETWEEN}) || excluded.captions",
            rows,
        )
        self._db.execute("COMMIT")

    def add_words(self, captions: Iterable[tuple[int, tuple[Word, ...]]]) -> None:
        """Keep the words of captions, by number."""
        rows = [(number, json.dumps(words)) for number, words in captions]
        with disk_errors(self.path.with_name(WORDS)):
            self._words.execute("BEGIN")
            self._words.executemany("INSERT OR REPLACE INTO words VALUES (?, ?)", rows)
            self._words.execute("COMMIT")

    def tagged(self) -> int:
        """Return of how many captions words are kept."""
        return int(self._words.execute("SELECT count(*) FROM words").fetchone()[0])

    def all_words(self) -> Iterator[tuple[Word, ...]]:
        """Yield the words kept, in the order of their captions."""
        for (text,) in self._words.execute("SELECT words FROM words ORDER BY caption"):
            yield _read_words(text)

    def words(self, start: int, end: int) -> dict[int, tuple[Word, ...]]:
        """Return the words kept of captions `start` to before `end`, by number."""
        query = "SELECT caption, words FROM words WHERE caption >= ? AND caption < ?"
        rows = self._words.execute(query, (start, end)).fetchall()
        return {number: _read_words(text) for number, text in rows}

    def _image_words(self, image: str) -> frozenset[str]:
        """Return the words that captions of an image use, in every base form they may have."""
        lemmas: set[str] = set()
        text = "\n".join(self.image_captions(image))
        for form in set(_WORD.findall(text)):
            lemmas.update(_base_forms(form))
        return frozenset(lemmas)

    def _image_captions(self, image: str) -> tuple[str, ...]:
        """Return all captions of an image in lower case."""
        return tuple(text.lower() for text in self.image_texts(image))

    def _image_texts(self, image: str) -> tuple[str, ...]:
        """Return all captions of an image as they are."""
        query = "SELECT captions FROM images WHERE image = ?"
        row = self._db.execute(query, (image,)).fetchone()
        if row is None:
            return ()
        return tuple(row[0].split(chr(BETWEEN)))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        self._words.close()


def _read_words(text: str) -> tuple[Word, ...]:
    return tuple(map(Word._make, json.loads(text)))


@functools.lru_cache(maxsize=1 << 16)
def _base_forms(form: str) -> tuple[str, ...]:
    # Untagged, "saw" may be a tool or what somebody did.
    return (form, *(wordnet.lemma(form, pos) for pos in ("n", "v", "a")))


@dataclass(frozen=True, slots=True)
class Block:
    """Captions in the order of the file, the first with its number."""

    start: int
    records: tuple[CaptionRecord, ...]


class Captions:
    """The captions of one file, the same ones in each pass.

    Attributes:
        skipped: what was left out, at most `LISTED` of it.
        skips: how many records were left out.
    """

    def __init__(self, path: Path, layout: Layout, on_error: OnError, limit: int | None) -> None:
        self.path, self.layout, self.on_error, self.limit = path, layout, on_error, limit
        self.skipped: list[str] = []
        self.skips = 0
        self._rejected: set[str] = set()

    def chunks(self, index: Index) -> Iterator[list[CaptionRecord]]:
        """Yield the captions in chunks, each id noted and checked; for the first pass.

        Raises:
            DataError: a broken record or a duplicate id, unless these are skipped.
        """
        with contextlib.closing(item for item in read_located(self.path, self.layout)) as located:
            yield from self._chunks(located, index)

    def _chunks(
        self, located: Iterator[tuple[str, CaptionRecord | DataError]], index: Index
    ) -> Iterator[list[CaptionRecord]]:
        remaining = self.limit
        while remaining != 0:
            chunk = list(islice(located, CHUNK))
            if not chunk:
                return
            records = [item for _, item in chunk if isinstance(item, CaptionRecord)]
            new = iter(index.new_ids([record.id for record in records]))
            accepted: list[CaptionRecord] = []
            for where, item in chunk:
                if len(accepted) == remaining:
                    break
                error = item if isinstance(item, DataError) else None
                if isinstance(item, CaptionRecord):
                    error = self._fault(item, where, is_new=next(new))
                    if error is None:
                        accepted.append(item)
                    else:
                        self._rejected.add(where)
                if error is not None:
                    self._skip(error)
            if remaining is not None:
                remaining -= len(accepted)
            yield accepted

    def _fault(self, record: CaptionRecord, where: str, *, is_new: bool) -> DataError | None:
        """What is wrong with a record that could be read, if anything."""
        if not is_new:
            return duplicate_id(record.id, where)
        if len(record.caption) > LONGEST:
            what = f"a caption of {len(record.caption):,} characters"
            return DataError(what, where=f"{where}: caption", hint=f"At most {LONGEST:,} will do.")
        return None

    def _skip(self, error: DataError) -> None:
        if self.on_error == "stop":
            raise error
        self.skips += 1
        if len(self.skipped) < LISTED:
            self.skipped.append(str(error))

    def records(self) -> Iterator[CaptionRecord]:
        """Yield the same captions once more."""
        good = (
            item
            for where, item in read_located(self.path, self.layout)
            if isinstance(item, CaptionRecord) and where not in self._rejected
        )
        if self.limit is None:
            return good
        return islice(good, min(self.limit, sys.maxsize))

    def tasks(self, start: int, end: int, batch_size: int) -> Generator[list[Block], None, None]:
        """Yield captions `start` to before `end` in blocks, some of them to a task."""
        records = islice(self.records(), start, end)
        blocks_per_task = max(1, batch_size // BLOCK)
        task: list[Block] = []
        while block := tuple(islice(records, BLOCK)):
            task.append(Block(start, block))
            start += len(block)
            if len(task) == blocks_per_task:
                yield task
                task = []
        if task:
            yield task


class Sampled(NamedTuple):
    """A caption sampled for statistics, its number in the file and its image."""

    number: int
    image: str
    caption: str


class FirstPass(NamedTuple):
    """How many captions there are, and a sample of them in the order of the file."""

    total: int
    sample: list[Sampled]


def first_pass(captions: Captions, index: Index) -> FirstPass:
    """Go through the captions once and fill an index.

    Raises:
        DataError: a broken record or a duplicate id, unless these are skipped; or no captions.
        OSError: the disk is full.
    """
    total = 0
    # The sample is that of the smallest hashes, whatever the order of the file; of images, so that
    # what the captions of one image say together is counted together.
    smallest: list[tuple[int, Sampled]] = []
    with disk_errors(index.path):
        index.create()
        for chunk in captions.chunks(index):
            index.add_captions(chunk)
            for record in chunk:
                entry = (
                    -stable_hash(record.image),
                    Sampled(total, record.image, record.caption),
                )
                if len(smallest) < SAMPLE:
                    heapq.heappush(smallest, entry)
                else:
                    heapq.heappushpop(smallest, entry)
                total += 1
    if not total:
        skips = captions.skips
        hint = f"{skips} broken records were skipped." if skips else "Is it empty?"
        raise DataError("no captions", where=str(captions.path), hint=hint)
    return FirstPass(total, sorted(sampled for _, sampled in smallest))
