"""A file that is joined from parts and survives being killed at any moment.

A worker, on whatever machine, writes a part: a line with its counts and checksum, then its records;
whole or not at all. The parts are appended to `part` in order, each followed by one line to
`journal`: the size of `part` after it, and its counts. What stands in `part` beyond the last whole
line of the journal is cut off when work is resumed, so the bytes are those of an uninterrupted run;
parts that were written and not yet joined are not made again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import write_atomic

PART, JOURNAL = "part", "journal"
PARTS = "parts"  # folder of the parts that wait to be joined


@dataclass(frozen=True, slots=True)
class Part:
    """What a worker wrote.

    Attributes:
        path: its file.
        counts: what was done, as JSON knows it.
    """

    path: Path
    counts: dict[str, Any]


def part_path(folder: Path, start: int, end: int) -> Path:
    """Return where the part of records `start` to before `end` stands in a working folder."""
    return folder / PARTS / f"{start:012d}-{end:012d}"


def write_part(
    path: Path, blocks: Sequence[Sequence[str]], counts: dict[str, Any], *, packed: bool = False
) -> Part:
    """Write a part, whole or not at all.

    Args:
        path: see `part_path`.
        blocks: a record each, without the line end.
        counts: what was done.
        packed: whether the records are compressed.

    Raises:
        OSError: the disk is full; it names the file.
    """
    content = b""
    for lines in blocks:
        plain = "".join(f"{line}\n" for line in lines).encode()
        # Members of a gzip file may follow each other: each block is one, however parts are cut.
        content += gzip.compress(plain, mtime=0) if packed else plain
    head = {"sha256": hashlib.sha256(content).hexdigest(), "counts": counts}
    write_atomic(path, json.dumps(head).encode() + b"\n" + content)
    return Part(path, counts)


def read_part(path: Path) -> tuple[Part, bytes] | None:
    """Return a part that was written before and its records; None if it is not there, whole."""
    try:
        line, _, content = path.read_bytes().partition(b"\n")
        head = json.loads(line)
    except (FileNotFoundError, ValueError):
        return None
    # A shared disk may show a file before all of it.
    if hashlib.sha256(content).hexdigest() != head["sha256"]:
        return None
    return Part(path, head["counts"]), content


class Journal:
    """Joins parts; knows what was joined before.

    Args:
        folder: of the two files.
        note: adds the counts of a part to those of the whole; called with every part's, those of
            earlier runs included.

    Attributes:
        part: the file of records so far.
        size: its bytes.
    """

    def __init__(self, folder: Path, note: Callable[[dict[str, Any]], None]) -> None:
        self.part, self._path = folder / PART, folder / JOURNAL
        self._parts = folder / PARTS
        self._note = note
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

    def append(self, part: Part) -> None:
        """Write a part's records, then its entry, and remove the part.

        Raises:
            DataError: the part is damaged.
            OSError: the disk is full; it names the file of records.
        """
        whole = read_part(part.path)
        if whole is None:
            hint = "Run the same command again; it is made anew."
            raise DataError("a damaged part of the work", where=str(part.path), hint=hint)
        self._write(self._records, whole[1])
        self.size = self._records.tell()
        entry = {"size": self.size, "counts": part.counts}
        self._write(self._entries, json.dumps(entry).encode() + b"\n")
        self._note(part.counts)
        part.path.unlink()

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
        if error is None:
            # Parts that were cut otherwise, by an earlier run with another batch size.
            shutil.rmtree(self._parts, ignore_errors=True)


def _entry(line: bytes) -> dict[str, Any] | None:
    """A line of the journal, None if it is only half there."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return entry
