"""Our JSON Lines files: captions and negatives, one record a line, checked as they stream by."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import json
import logging
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ahnpl_cli.errors import DataError, OnError
from ahnpl_cli.files import atomic_path, open_bytes, parse_json, read_lines
from ahnpl_cli.records import CaptionRecord, Painting

logger = logging.getLogger(__name__)
LINE_HINT = "Every line must be one JSON object."
_adapter = TypeAdapter(CaptionRecord)


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
        parse_json(line, where, hint=LINE_HINT)
    except DataError as broken:
        return broken
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
            logger.warning("Skipped %s", error)


def duplicate_id(identity: str, where: str | None = None) -> DataError:
    """Return the error for a record whose id an earlier one has.

    Args:
        identity: the id.
        where: file and line, or the option that names the file, as far as known.
    """
    hint = "Ids name records, so each may be used once."
    place = f"{where}: id" if where else "id"
    return DataError(f"duplicate '{identity}'", where=place, hint=hint)


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: Any, kept: Container[str] = ()) -> dict[str, Any]:
    """A dataclass as a mapping in field order, without what is empty or None and not kept."""
    fields = {}
    kind: type = value.__class__
    for name in _names(kind):
        item = getattr(value, name)
        if isinstance(item, tuple):
            item = [_part(part) for part in item]
        elif isinstance(item, Painting):
            item = _plain(item)
        if name in kept or item is not None and item != [] and item != {}:
            fields[name] = item
    return fields


def _part(value: Any) -> Any:
    """An element of a tuple: a dataclass, numbers of a polygon, or one number."""
    return value if isinstance(value, int | float | tuple) else _plain(value)


def dump(record: CaptionRecord, *, kept: Container[str] = ()) -> str:
    """Return a record as one line of JSON, without the line end.

    Keys stand in the order of the dataclass; empty lists and None are left out, but of the fields
    named in `kept`.
    """
    return json.dumps(_plain(record, kept), ensure_ascii=False)


def write_records(path: Path, records: Iterable[CaptionRecord]) -> None:
    """Write a file at once: it is complete, or it is not there. `.gz` is packed."""
    with atomic_path(path) as part, part.open("wb") as raw:
        # No name and no time in the gzip header: equal records give equal bytes.
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else raw
        for record in records:
            packed.write(dump(record).encode() + b"\n")
        if packed is not raw:
            packed.close()


def content_sha256(path: Path) -> str:
    """Return the SHA-256 of what a file holds, unpacked if it is gzip.

    Raises:
        DataError: it is missing, not a regular file, or a damaged archive.
    """
    digest = hashlib.sha256()
    with open_bytes(path) as stream:
        while content := stream.read(1 << 20):
            digest.update(content)
    return digest.hexdigest()


def first_record(records: Iterator[CaptionRecord]) -> CaptionRecord | None:
    """Return the first record of a stream; None if there is none, or if it is broken."""
    try:
        return next(records, None)
    except DataError:
        return None
