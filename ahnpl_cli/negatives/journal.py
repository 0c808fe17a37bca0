"""A file that grows block by block and survives being killed at any moment.

Each block is appended to `part`, then one line to `journal`: the block's number, the size of
`part` after it, and its counts. What stands in `part` beyond the last whole line of the journal is
cut off when work goes on, so the bytes are those of an uninterrupted run.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from ahnpl_cli.negatives.worker import Lines

PART, JOURNAL = "part", "journal"


class Journal:
    """Appends blocks; knows what was appended before.

    Attributes:
        done: captions whose blocks are complete.
        made: kind -> negatives so far.
        rejected: (kind, reason) -> candidates so far.
    """

    def __init__(self, folder: Path, *, packed: bool) -> None:
        self.part, self._path = folder / PART, folder / JOURNAL
        self._packed = packed
        self.done = 0
        self.made: Counter[str] = Counter()
        self.rejected: Counter[tuple[str, str]] = Counter()
        size, kept = self._read()
        for path, end in ((self.part, size), (self._path, kept)):
            path.touch()
            os.truncate(path, end)
        self._data, self._lines = self.part.open("ab"), self._path.open("ab")
        self._size = size

    def _read(self) -> tuple[int, int]:
        """Sum up the complete entries; return the good sizes of the part and of the journal."""
        size = kept = 0
        there = self.part.stat().st_size if self.part.exists() else 0
        for line in self._path.read_bytes().splitlines(True) if self._path.exists() else ():
            entry = _entry(line)
            if entry is None or entry["size"] > there:
                break
            size, kept = entry["size"], kept + len(line)
            self.done += entry["captions"]
            self.made.update(entry["made"])
            self.rejected.update({(k, r): n for k, r, n in entry["rejected"]})
        return size, kept

    def append(self, block: Lines) -> None:
        """Write a block, then note it."""
        data = "".join(f"{line}\n" for line in block.lines).encode()
        # Members of a gzip file may follow each other: each block is one.
        self._data.write(gzip.compress(data, mtime=0) if self._packed else data)
        self._data.flush()
        self._size = self._data.tell()
        self.done += len(block.lines)
        self.made.update(block.made)
        self.rejected.update(block.rejected)
        entry = {
            "captions": len(block.lines),
            "size": self._size,
            "made": dict(block.made),
            "rejected": [[kind, reason, n] for (kind, reason), n in block.rejected.items()],
        }
        self._lines.write(json.dumps(entry).encode() + b"\n")
        self._lines.flush()

    @property
    def size(self) -> int:
        """Bytes of all blocks."""
        return self._size

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._data.close()
        self._lines.close()


def _entry(line: bytes) -> dict[str, Any] | None:
    """A line of the journal, None if it is only half there."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return entry
