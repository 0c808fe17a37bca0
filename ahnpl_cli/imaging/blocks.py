"""Cuts a file of negatives into blocks: whole images, enough negatives to fill a batch.

Blocks follow from the records alone, so that an interrupted run continues with the very batches
that an uninterrupted one has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ahnpl_cli.data.jsonl import parse_record
from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import read_lines
from ahnpl_cli.records import CaptionRecord, Negative

LONGEST_GROUP = 64  # captions of an image that are held at once
LONGEST_BLOCK = 256  # captions
MOST_SKIPPED = 20  # broken images that are named


@dataclass(frozen=True, slots=True)
class Group:
    """Captions of one image that follow each other, the first with its number in the file."""

    start: int
    records: tuple[CaptionRecord, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """What one process works on at a time."""

    groups: tuple[Group, ...]


@dataclass(slots=True)
class Counts:
    """What has been done with blocks.

    Attributes:
        records: captions written.
        negatives: negatives that were to be shown.
        painted: painter -> pictures kept.
        rejected: (kind, reason) -> negatives without a picture.
        skipped: broken images, with place and reason.
    """

    records: int = 0
    negatives: int = 0
    painted: Counter[str] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)

    def add(self, entry: dict[str, Any]) -> None:
        """Add what `entry` says of another block."""
        self.records += entry["records"]
        self.negatives += entry["negatives"]
        self.painted.update(entry["painted"])
        for kind, reason, count in entry["rejected"]:
            self.rejected[kind, reason] += count
        # A long list helps nobody, and would grow with the input.
        self.skipped = (self.skipped + entry["skipped"])[:MOST_SKIPPED]

    def entry(self) -> dict[str, Any]:
        """Return the counts as JSON knows them."""
        return {
            "records": self.records,
            "negatives": self.negatives,
            "painted": dict(self.painted),
            "rejected": [[kind, reason, n] for (kind, reason), n in self.rejected.items()],
            "skipped": self.skipped,
        }


class Source:
    """The records of a file, read again each time.

    Attributes:
        skipped: broken records, with place and reason, of the latest reading.
    """

    def __init__(self, path: Path, on_error: OnError, limit: int | None) -> None:
        self.path, self.on_error, self.limit = path, on_error, limit
        self.skipped: list[str] = []

    def records(self) -> Iterator[CaptionRecord]:
        """Yield the records up to the limit.

        Raises:
            DataError: one is broken, and `on_error` is `stop`.
        """
        self.skipped = []
        count = 0
        for number, line in read_lines(self.path):
            if count == self.limit:
                return
            try:
                record = parse_record(line, f"{self.path}:{number}")
            except DataError as error:
                if self.on_error == "stop":
                    raise
                if len(self.skipped) < MOST_SKIPPED:
                    self.skipped.append(str(error))
                continue
            count += 1
            yield record

    def groups(self) -> Iterator[Group]:
        """Yield captions that follow each other and share an image."""
        held: list[CaptionRecord] = []
        start = 0
        for record in self.records():
            if held and (record.image != held[0].image or len(held) == LONGEST_GROUP):
                yield Group(start, tuple(held))
                start += len(held)
                held = []
            held.append(record)
        if held:
            yield Group(start, tuple(held))


def is_wanted(negative: Negative, kinds: tuple[str, ...]) -> bool:
    """Whether a picture of a negative is asked for; without kinds, of all."""
    return not kinds or negative.kind in kinds


def count_wanted(records: tuple[CaptionRecord, ...], kinds: tuple[str, ...]) -> int:
    """Return how many negatives are to be shown."""
    return sum(is_wanted(negative, kinds) for record in records for negative in record.negatives)


def cut(
    source: Source, kinds: tuple[str, ...], size: int, start: int, end: int, added: int = 0
) -> Iterator[Block]:
    """Yield the blocks of the groups whose first record lies in a stretch.

    Args:
        source: the records.
        kinds: of negatives that count.
        size: negatives from which a block is full.
        start: number of the first record.
        end: one past the last.
        added: negatives that a language model adds to a caption.
    """
    groups: list[Group] = []
    negatives = records = 0
    for group in source.groups():
        if group.start < start:
            continue
        if group.start >= end:
            break
        groups.append(group)
        negatives += count_wanted(group.records, kinds) + added * len(group.records)
        records += len(group.records)
        if negatives >= size or records >= LONGEST_BLOCK:
            yield Block(tuple(groups))
            groups, negatives, records = [], 0, 0
    if groups:
        yield Block(tuple(groups))
