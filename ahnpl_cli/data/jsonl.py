"""Our JSON Lines files: captions and negatives, one record a line, checked as they stream by."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import logging
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from ahnpl_cli.config import OnError
from ahnpl_cli.data.files import atomic_path
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import CaptionRecord

log = logging.getLogger(__name__)
STDIN = Path("-")
_adapter = TypeAdapter(CaptionRecord)


class _Unpacked(gzip.GzipFile):
    """A gzip file that says which file is damaged, whoever reads it."""

    def _checked(self, read: Callable[[int | None], bytes], size: int | None) -> bytes:
        try:
            return read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            hint = "Copy or download the file again."
            what = f"damaged file: {str(error)[:1].lower()}{str(error)[1:]}"
            raise DataError(what, where=str(self.name), hint=hint) from error

    def read(self, size: int | None = -1) -> bytes:
        return self._checked(super().read, size)

    def read1(self, size: int | None = -1) -> bytes:
        return self._checked(super().read1, size)  # type: ignore[arg-type]

    def readline(self, size: int | None = -1) -> bytes:
        return self._checked(super().readline, size)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked if it is gzip; `-` is standard input.

    Raises:
        DataError: there is no such file, or it is a folder.
    """
    if path == STDIN:
        return sys.stdin.buffer
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "no such file"
        raise DataError(what, where=str(path), hint="Check the path.")
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    return _Unpacked(path) if packed else path.open("rb")  # type: ignore[return-value]


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, bytes without the line end) of the lines that are not blank.

    Raises:
        DataError: as `open_bytes`, or the gzip stream is damaged.
    """
    with open_bytes(path) as lines:
        for number, line in enumerate(lines, 1):
            if stripped := line.strip():
                yield number, stripped


def not_utf8(where: str, error: UnicodeDecodeError) -> DataError:
    """The error for bytes that are not UTF-8."""
    what = f"not UTF-8 at byte {error.start} (0x{error.object[error.start]:02x})"
    return DataError(what, where=where, hint="Convert the file, e.g. `iconv -f latin1 -t utf-8`.")


def bad_json(where: str, error: json.JSONDecodeError) -> DataError:
    """The error for text that is not JSON."""
    hint = "Every line must be one JSON object."
    return DataError(
        f"not JSON, {error.msg.lower()} at column {error.colno}", where=where, hint=hint
    )


def parse_record(line: bytes, where: str) -> CaptionRecord:
    """Return the record of one line of JSON.

    Args:
        line: without its end.
        where: file and line, for the message.

    Raises:
        DataError: it is no record; the message names the field.
    """
    try:
        return _adapter.validate_json(line, strict=True)
    except ValidationError as error:
        raise _explain(error, line, where) from error


def _explain(error: ValidationError, line: bytes, where: str) -> DataError:
    """Name the first field that is wrong, as `file:line: field`."""
    try:
        json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as broken:
        return not_utf8(where, broken)
    except json.JSONDecodeError as broken:
        return bad_json(where, broken)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    what = "missing" if first["type"] == "missing" else first["msg"][:1].lower() + first["msg"][1:]
    needed = field in ("id", "image", "caption")
    hint = "Every record has an id, an image and a caption." if needed else None
    return DataError(what, where=f"{where}: {field}" if field else where, hint=hint)


def read_records(path: Path, *, on_error: OnError = "stop") -> Iterator[CaptionRecord]:
    """Stream the records of a captions or negatives file, gzip or not; `-` is standard input.

    Args:
        path: the file.
        on_error: stop at a broken line, or skip it with a warning.

    Raises:
        DataError: a line is not a record; the message names file, line and field.
    """
    for number, line in read_lines(path):
        try:
            yield parse_record(line, f"{path}:{number}")
        except DataError as error:
            if on_error == "stop":
                raise
            log.warning("Skipped %s", error)


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass as a mapping in field order, without what is empty or None."""
    made = {}
    kind: type = value.__class__
    for name in _names(kind):
        item = getattr(value, name)
        if isinstance(item, tuple):
            item = [_plain(part) for part in item]
        if item is not None and item != [] and item != {}:
            made[name] = item
    return made


def dump(record: CaptionRecord) -> str:
    """Return a record as one line of JSON, without the line end.

    Keys stand in the order of the dataclass; empty lists and None are left out.
    """
    return json.dumps(_plain(record), ensure_ascii=False)


def write_records(path: Path, records: Iterable[CaptionRecord]) -> None:
    """Write a file at once: it is complete, or it is not there. `.gz` is packed."""
    with atomic_path(path) as part, part.open("wb") as raw:
        # No name and no time in the gzip header: equal records give equal bytes.
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else raw
        for record in records:
            packed.write(dump(record).encode() + b"\n")
        if packed is not raw:
            packed.close()
