"""A file of records that grows block by block and survives being killed at any moment.

Each block is appended to `part`, then one line to `journal`: the size of `part` after it and the
block's counts. What stands in `part` beyond the last whole line of the journal is cut off when work
continues, so the bytes are those of an uninterrupted run.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

PART, JOURNAL = "part", "journal"
MOST_SKIPPED = 20  # broken images that are named


@dataclass(slots=True)
class Counts:
    """What has been done.

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

    def add(self, other: Counts) -> None:
        """Add what another block did."""
        self.records += other.records
        self.negatives += other.negatives
        self.painted.update(other.painted)
        self.rejected.update(other.rejected)
        # A long list helps nobody, and would grow with the input.
        self.skipped = (self.skipped + other.skipped)[:MOST_SKIPPED]

    def entry(self) -> dict[str, Any]:
        """Return the counts as JSON knows them."""
        return {
            "records": self.records,
            "negatives": self.negatives,
            "painted": dict(self.painted),
            "rejected": [[kind, reason, n] for (kind, reason), n in self.rejected.items()],
            "skipped": self.skipped,
        }


def _counts(entry: dict[str, Any]) -> Counts:
    rejected = Counter({(kind, reason): n for kind, reason, n in entry["rejected"]})
    painted = Counter(entry["painted"])
    return Counts(entry["records"], entry["negatives"], painted, rejected, entry["skipped"])


class Journal:
    """Appends blocks; knows what was appended before.

    Attributes:
        part: the records so far.
        counts: what has been done, earlier runs included.
        size: bytes of the records.
    """

    def __init__(self, folder: Path) -> None:
        self.part, self._path = folder / PART, folder / JOURNAL
        self.counts = Counts()
        self.size = 0
        journal_size = self._read()
        for path, size in ((self.part, self.size), (self._path, journal_size)):
            path.touch()
            os.truncate(path, size)
        self._records, self._entries = self.part.open("ab"), self._path.open("ab")

    def _read(self) -> int:
        """Sum up the complete entries; return the good size of the journal."""
        good = 0
        size = self.part.stat().st_size if self.part.exists() else 0
        lines = self._path.read_bytes().splitlines(keepends=True) if self._path.exists() else []
        for line in lines:
            # A line without its end was cut off, and so is what follows it.
            if not line.endswith(b"\n"):
                break
            entry = json.loads(line)
            if entry["size"] > size:
                break
            self.size, good = entry["size"], good + len(line)
            self.counts.add(_counts(entry))
        return good

    def append(self, lines: list[str], counts: Counts) -> None:
        """Write a block, then note it."""
        self._records.write("".join(f"{line}\n" for line in lines).encode())
        self._records.flush()
        self.size = self._records.tell()
        self.counts.add(counts)
        entry = {"size": self.size, **counts.entry()}
        self._entries.write(json.dumps(entry).encode() + b"\n")
        self._entries.flush()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._records.close()
        self._entries.close()
