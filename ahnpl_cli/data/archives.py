"""Images inside zip and tar files, named by a path that goes on behind the archive's name.

`val2017.zip/000000000139.jpg` is a member of val2017.zip; `--image-root val2017.zip` makes such
paths of a file's image names. Members are read at random, so a tar must not be compressed.
"""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol

from ahnpl_cli.errors import DataError

_SUFFIXES = (".zip", ".tar")
HINT = "Copy or download the archive again."


class _Archive(Protocol):
    """Members of an archive by name."""

    def read(self, name: str) -> bytes | None:
        """Return a member's bytes; None if there is no such member."""

    def has(self, name: str) -> bool:
        """Whether there is such a member."""

    def names(self) -> Iterable[str]:
        """Return the names of all members."""


class _Zip:
    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._names = frozenset(self._zip.namelist())

    def has(self, name: str) -> bool:
        return name in self._names

    def names(self) -> Iterable[str]:
        return self._names

    def read(self, name: str) -> bytes | None:
        return self._zip.read(name) if name in self._names else None


class _Tar:
    def __init__(self, path: Path) -> None:
        # A descriptor, which Python does not complain of when it is open to the end.
        self._file = os.open(path, os.O_RDONLY)
        self._places: dict[str, tuple[int, int]] = {}
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                if info.isfile():
                    name = info.name.removeprefix("./")
                    self._places[name] = (info.offset_data, info.size)

    def has(self, name: str) -> bool:
        return name in self._places

    def names(self) -> Iterable[str]:
        return self._places

    def read(self, name: str) -> bytes | None:
        if name not in self._places:
            return None
        offset, size = self._places[name]
        # Not seek and read: threads of one process share the file.
        return os.pread(self._file, size, offset)


# An open file belongs to the process that opened it: a fork would share its position.
_open: dict[tuple[int, Path], _Archive] = {}


def _archive(path: Path) -> _Archive:
    key = (os.getpid(), path)
    if key not in _open:
        try:
            _open[key] = _Zip(path) if path.suffix.lower() == ".zip" else _Tar(path)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
            what = f"not an archive that can be read ({error})"
            raise DataError(what, where=str(path), hint=HINT) from error
    return _open[key]


def split(path: Path) -> tuple[Path, str] | None:
    """Return an archive and the name of a member that a path means; None if it means a file."""
    for parent in path.parents:
        if is_archive(parent):
            return parent, path.relative_to(parent).as_posix()
    return None


def folders(archive: Path) -> dict[Path, frozenset[str]]:
    """Return the folders inside an archive that hold files, and the names in each.

    Raises:
        DataError: it is damaged.
    """
    contents: dict[Path, set[str]] = {}
    for member in _archive(archive).names():
        place = PurePosixPath(member)
        # Zip files list their folders as well.
        if not member.endswith("/"):
            contents.setdefault(archive / place.parent, set()).add(place.name)
    return {folder: frozenset(names) for folder, names in sorted(contents.items())}


def is_archive(path: Path) -> bool:
    """Whether a path is that of a zip or tar file."""
    return path.suffix.lower() in _SUFFIXES and path.is_file()


def is_shards(pattern: str) -> bool:
    """Whether a `--data` value names tar shards."""
    return pattern.endswith((".tar", ".tar.gz", ".tgz"))


def exists(path: Path) -> bool:
    """Whether a path is that of a file, or of a member of an archive."""
    if path.is_file():
        return True
    place = split(path)
    return place is not None and _archive(place[0]).has(place[1])


def open_member(path: Path) -> io.BytesIO | None:
    """Open a member of an archive; None if the path means a file.

    Raises:
        DataError: the archive has no such member, or it is damaged.
    """
    place = split(path)
    if place is None:
        return None
    archive, name = place
    try:
        content = _archive(archive).read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"damaged ({error})", where=str(path), hint=HINT) from error
    if content is None:
        hint = f"Members are named such as: unzip -l {archive}" if archive.suffix == ".zip" else ""
        raise DataError(f"no such image in {archive}", where=name, hint=hint or None)
    return io.BytesIO(content)
