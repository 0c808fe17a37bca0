"""A file that grows block by block and survives being killed at any moment.

Each block is appended to `part`, then one line to `journal`: the size of `part` after it, and its
counts. What stands in `part` beyond the last whole line of the journal is cut off when work is
resumed, so the bytes are those of an uninterrupted run.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

PART, JOURNAL = "part", "journal"


class Journal:
    """Appends blocks; knows what was appended before.

    Args:
        folder: of the two files.
        note: adds the counts of a block to those of the whole; called with every block's, those of
            earlier runs included.
        packed: whether the records are compressed.

    Attributes:
        part: the file of records so far.
        size: its bytes.
    """

    def __init__(
        self, folder: Path, note: Callable[[dict[str, Any]], None], *, packed: bool = False
    ) -> None:
        self.part, self._path = folder / PART, folder / JOURNAL
        self._note, self._packed = note, packed
        self.size = 0
        journal_size = self._read()
        for path, size in ((self.part, self.size), (self._path, journal_size)):
            path.touch()
            os.truncate(path, size)
        self._records = self.part.open("ab")
        self._entries = self._path.open("ab")

    def _read(self) -> int:
        """Note the complete entries; return how many bytes of the journal they take."""
        if not self.part.exists() or not self._path.exists():
            return 0
        written = self.part.stat().st_size
        complete = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            entry = _entry(line)
            # The journal may have reached the disk before the records that it tells of.
            if entry is None or entry["size"] > written:
                break
            complete += len(line)
            self.size = entry["size"]
            self._note(entry["counts"])
        return complete

    def append(self, lines: Sequence[str], counts: dict[str, Any]) -> None:
        """Write a block, then its entry.

        Args:
            lines: a record each, without the line end.
            counts: what was done, as JSON knows it.

        Raises:
            OSError: the disk is full; it names the file of records.
        """
        content = "".join(f"{line}\n" for line in lines).encode()
        # Members of a gzip file may follow each other: each block is one.
        self._write(self._records, gzip.compress(content, mtime=0) if self._packed else content)
        self.size = self._records.tell()
        entry = {"size": self.size, "counts": counts}
        self._write(self._entries, json.dumps(entry).encode() + b"\n")
        self._note(counts)

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
