"""Files of text and JSON: read with one clear error for whatever is wrong, written whole or not.

Whoever reads a file that a user could have touched reads it here, so that a broken byte, a cut
archive, nesting without end or a device in the place of a file is one line that says what and
where, in the error class of the caller.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gzip
import json
import math
import os
import re
import sqlite3
import stat
import sys
import tomllib
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

from ahnpl_cli.errors import AhnplError, DataError

STDIN = Path("-")
# Generous for anything real, and small beside the memory of the machines we run on.
LONGEST_LINE = 1 << 26  # bytes of a line: 64 MiB
LARGEST_DOCUMENT = 1 << 28  # bytes of a document that is read at once: 256 MiB
UTF8_HINT = "Convert the file, e.g. `iconv -f latin1 -t utf-8`."
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")

ErrorClass = type[AhnplError]
E = TypeVar("E", bound=AhnplError)


# Reading


class _Unpacked(gzip.GzipFile):
    """A gzip file that names itself when it is damaged, whoever reads it."""

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


def check_regular(
    path: Path, *, error: ErrorClass = DataError, hint: str | None = "Check the path."
) -> None:
    """Refuse what is no regular file: a FIFO or a device could be read without end.

    Raises:
        error: it is missing, a folder, or something else.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as refused:  # ValueError: a NUL in the name
        missing = isinstance(refused, FileNotFoundError | NotADirectoryError | ValueError)
        reason = "" if missing else (getattr(refused, "strerror", None) or str(refused)).lower()
        what = "no such file" if missing else f"cannot be read: {reason}"
        raise error(what, where=str(path), hint=hint) from refused
    if stat.S_ISDIR(mode):
        raise error("is a folder, not a file", where=str(path), hint=hint)
    if not stat.S_ISREG(mode):
        raise error("not a regular file", where=str(path), hint=hint)


def open_bytes(
    path: Path, *, error: ErrorClass = DataError, hint: str | None = "Check the path."
) -> IO[bytes]:
    """Open a file for reading, unpacked if it is gzip; `-` is standard input.

    Raises:
        error: there is no such file, or it is not a regular one.
    """
    if path == STDIN:
        return sys.stdin.buffer
    check_regular(path, error=error, hint=hint)
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    return _Unpacked(path) if packed else path.open("rb")  # type: ignore[return-value]


def read_lines(
    path: Path, *, error: ErrorClass = DataError, hint: str | None = "Check the path."
) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, bytes without the line end) of the lines that are not blank.

    Raises:
        error: as `open_bytes`, or a line is longer than `LONGEST_LINE`.
        DataError: the gzip stream is damaged.
    """
    with open_bytes(path, error=error, hint=hint) as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                what = f"a line of more than {LONGEST_LINE >> 20} MiB"
                raise error(what, where=f"{path}:{number}", hint="Is this the right file?")
            if stripped := line.strip():
                yield number, stripped


def read_text(
    path: Path,
    *,
    error: ErrorClass = DataError,
    hint: str | None = None,
    most: int = LARGEST_DOCUMENT,
) -> str:
    """Return a whole file as text, unpacked if it is gzip; a byte order mark is dropped.

    Args:
        path: the file.
        error: class of the error.
        hint: what to do when the file cannot be read.
        most: bytes allowed, after unpacking.

    Raises:
        error: the file is missing, not regular, too large, or not UTF-8.
    """
    with open_bytes(path, error=error, hint=hint or "Check the path.") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        what = f"more than {most >> 20} MiB" if most >> 20 else f"more than {most:,} bytes"
        raise error(what, where=str(path), hint="Is this the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        raise not_utf8(str(path), broken, error) from broken


def not_utf8(where: str, broken: UnicodeDecodeError, error: type[E]) -> E:
    """Return the error for bytes that are not UTF-8."""
    what = f"not UTF-8 at byte {broken.start} (0x{broken.object[broken.start]:02x})"
    return error(what, where=where, hint=UTF8_HINT)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON knows")


def _why_not_json(broken: Exception) -> str:
    if isinstance(broken, json.JSONDecodeError):
        place = f"column {broken.colno}"
        if broken.lineno > 1:
            place = f"line {broken.lineno}, {place}"
        return f"not JSON, {broken.msg.lower()} at {place}"
    if isinstance(broken, RecursionError):
        return "not usable JSON, nested too deeply"
    return f"not usable JSON, {str(broken).split(';')[0]}"  # Python adds a hint for programmers.


def parse_json(
    text: str | bytes,
    where: str,
    *,
    error: ErrorClass = DataError,
    hint: str | None = None,
    constants: bool = False,
) -> Any:
    """Return the value of a JSON text.

    Args:
        text: the document; bytes are UTF-8.
        where: file, or file and line, for the message.
        error: class of the error.
        hint: what to do about it.
        constants: whether NaN and Infinity, which JSON does not know, are numbers.

    Raises:
        error: it is not UTF-8, not JSON, nested too deeply, has a number of thousands of digits, or
            half of a surrogate pair, which no file or database could take.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as broken:
            raise not_utf8(where, broken, error) from broken
    refuse = None if constants else _refuse_constant
    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as broken:
        raise error(_why_not_json(broken), where=where, hint=hint) from broken
    check_surrogates(text, value, where, error=error, hint=hint)
    return value


def check_surrogates(
    text: str, value: Any, where: str, *, error: ErrorClass = DataError, hint: str | None = None
) -> None:
    """Refuse half of a surrogate pair, which no file or database could take.

    Args:
        text: JSON.
        value: what it stands for.
        where: file and line, for the message.
        error: class of the error.
        hint: what to do about it.

    Raises:
        error: there is one.
    """
    if not _SURROGATE.search(text):
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as broken:
        half = f"\\u{ord(broken.object[broken.start]):04x}"
        raise error(f"half of a surrogate pair, {half}", where=where, hint=hint) from broken


def read_json(
    path: Path,
    *,
    error: ErrorClass = DataError,
    hint: str | None = None,
    most: int = LARGEST_DOCUMENT,
) -> Any:
    """Return what a JSON file holds, unpacked if it is gzip.

    Raises:
        error: see `read_text` and `parse_json`.
    """
    text = read_text(path, error=error, hint=hint, most=most)
    return parse_json(text, str(path), error=error, hint=hint)


def read_object(
    path: Path, *, error: ErrorClass = DataError, hint: str | None = None
) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        error: see `read_json`, or it holds something else.
    """
    value = read_json(path, error=error, hint=hint)
    if not isinstance(value, dict):
        raise error("not a JSON object", where=str(path), hint=hint)
    return value


def read_jsonl(
    path: Path,
    *,
    error: ErrorClass = DataError,
    hint: str | None = None,
    constants: bool = False,
) -> Iterator[tuple[str, Any]]:
    """Yield (file:line, value) of a JSON Lines file, blank lines left out.

    Raises:
        error: see `read_lines` and `parse_json`.
    """
    for number, line in read_lines(path, error=error, hint=hint or "Check the path."):
        where = f"{path}:{number}"
        yield where, parse_json(line, where, error=error, hint=hint, constants=constants)


def read_toml(
    path: Path, *, error: ErrorClass = DataError, hint: str | None = None
) -> dict[str, Any]:
    """Return what a TOML file holds; it may be 1 MiB long.

    Raises:
        error: see `read_text`, or it is not TOML.
    """
    text = read_text(path, error=error, hint=hint, most=1 << 20)
    try:
        return tomllib.loads(text)
    except RecursionError as broken:
        raise error("nested too deeply", where=str(path), hint=hint) from broken
    except ValueError as broken:
        raise error(f"not TOML: {broken}", where=str(path), hint=hint) from broken


# Writing


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    A link is kept, and what it names is replaced; a file that is replaced keeps its mode.

    Args:
        path: the file; its folders are made.

    Raises:
        OSError: the system refuses; it names `path`, which a failed write alone does not.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    # Two processes may write the same file; each has a temporary one of its own.
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise what libraries say of a full disk as the system's own error, with the file's name.

    SQLite, safetensors and torch each have an exception of their own for it, which says neither
    which file nor what to do.

    Raises:
        OSError: the disk is full, or the system refused to write for another reason.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise _os_error(errno.ENOSPC, path) from error
    except Exception as error:
        number = _system_error_number(error)
        if number is None:
            raise
        raise _os_error(number, path) from error


def _system_error_number(error: Exception) -> int | None:
    """The errno that a library's own exception stands for; named, so that nothing is imported."""
    if type(error).__name__ == "SafetensorError":
        refused = re.search(r"os error (\d+)", str(error))
        return int(refused[1]) if refused else None
    # torch.save says of a full disk no more than a position in the file.
    if isinstance(error, RuntimeError) and "inline_container" in str(error):
        return errno.ENOSPC
    return None


def _os_error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file at once; text is UTF-8.

    Raises:
        OSError: see `atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def to_json(value: Any) -> Any:
    """Return dataclasses, tuples and paths as what JSON knows; NaN and infinities become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def write_json(path: Path, value: Any, *, indent: int | None = 1, sort_keys: bool = False) -> None:
    """Write a value, see `to_json`, as a JSON file with a final line end.

    Raises:
        OSError: see `atomic_path`.
    """
    text = json.dumps(
        to_json(value), ensure_ascii=False, indent=indent, sort_keys=sort_keys, allow_nan=False
    )
    write_atomic(path, text + "\n")
