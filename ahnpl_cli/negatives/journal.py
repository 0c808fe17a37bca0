"""A file that grows block by block and survives being killed at any moment.

Each block is appended to `part`, then one line to `journal`: the size of `part` after it, and its
counts. What stands in `part` beyond the last whole line of the journal is cut off when work is
resumed, so the bytes are those of an uninterrupted run.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

PART, JOURNAL = "part", "journal"


@dataclass(frozen=True, slots=True)
class BlockResult:
    """The records of a block with their negatives, and what was counted on the way.

    Attributes:
        lines: a record each, without the line end.
        negatives: kind -> how many.
        rejected: (kind, reason) -> how many candidates.
    """

    lines: tuple[str, ...]
    negatives: Counter[str]
    rejected: Counter[tuple[str, str]]


class Journal:
    """Appends blocks; knows what was appended before.

    Attributes:
        part: the file of records so far.
        size: its bytes.
        done: captions whose blocks are complete.
        negatives: kind -> negatives so far.
        rejected: (kind, reason) -> candidates so far.
    """

    def __init__(self, folder: Path, *, packed: bool) -> None:
        self.part, self._path = folder / PART, folder / JOURNAL
        self._packed = packed
        self.size = self.done = 0
        self.negatives: Counter[str] = Counter()
        self.rejected: Counter[tuple[str, str]] = Counter()
        kept = self._read()
        for path, size in ((self.part, self.size), (self._path, kept)):
            path.touch()
            os.truncate(path, size)
        self._records = self.part.open("ab")
        self._entries = self._path.open("ab")

    def _read(self) -> int:
        """Sum up the complete entries; return how many bytes of the journal they take."""
        if not self.part.exists() or not self._path.exists():
            return 0
        written = self.part.stat().st_size
        kept = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            entry = _entry(line)
            if entry is None or entry["size"] > written:
                break
            kept += len(line)
            self.size = entry["size"]
            self._add(entry["captions"], entry["negatives"], entry["rejected"])
        return kept

    def _add(self, captions: int, negatives: dict[str, int], rejected: list[Any]) -> None:
        self.done += captions
        self.negatives.update(negatives)
        for kind, reason, count in rejected:
            self.rejected[kind, reason] += count

    def append(self, block: BlockResult) -> None:
        """Write a block, then note it."""
        content = "".join(f"{line}\n" for line in block.lines).encode()
        # Members of a gzip file may follow each other: each block is one.
        packed = gzip.compress(content, mtime=0) if self._packed else content
        self._write(self._records, packed)
        self.size = self._records.tell()
        rejected = [[kind, reason, n] for (kind, reason), n in block.rejected.items()]
        entry = {
            "captions": len(block.lines),
            "size": self.size,
            "negatives": dict(block.negatives),
            "rejected": rejected,
        }
        self._write(self._entries, json.dumps(entry).encode() + b"\n")
        self._add(len(block.lines), block.negatives, rejected)

    def _write(self, stream: IO[bytes], content: bytes) -> None:
        try:
            stream.write(content)
            stream.flush()
        except OSError as error:
            error.filename = str(self.part)  # a failed write alone names no file
            raise

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


def _entry(line: bytes) -> dict[str, Any] | None:
    """A line of the journal, None if it is only half there."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return entry
