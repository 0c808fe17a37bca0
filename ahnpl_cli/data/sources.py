"""What `--data` names: files, shards, and several sources of training pairs at once.

A shard is a file of this machine, or an address of a scheme that fsspec knows. `s3://`, `gs://`,
`hf://`, `https://` and others are reached only where `--data` names them; the package of a scheme,
such as s3fs, is the user's to install.
"""

from __future__ import annotations

import glob
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import IO, Any, TypeAlias

from ahnpl_cli.errors import ConfigError, DataError

Place: TypeAlias = Path | str  # an address stays a text, for a path would lose its slashes
HINT = "Check --data, and that this machine may read it."


def place_of(name: str) -> Place:
    """Return what a name stands for."""
    return name if "://" in name else Path(name)


_turn = RLock()


def _guard(address: str) -> AbstractContextManager[object]:
    """Let threads take turns where fsspec keeps local copies, as of `filecache::`.

    It counts a copy as there before it is whole, and reads its list of copies again every few
    seconds.
    """
    return _turn if "::" in address else nullcontext()


def _located(address: str) -> tuple[Any, str]:
    """Return fsspec's file system of an address, and the path in it.

    Raises:
        DataError: no such scheme, or its package is not installed.
    """
    return _located_here(address, os.getpid())


@lru_cache(maxsize=1024)
def _located_here(address: str, process: int) -> tuple[Any, str]:
    """Do so once for all threads of a process: fsspec would give each thread a cache of its own."""
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(address)
    except (ImportError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"cannot be reached: {reason}", where=address, hint=HINT) from error
    return system, str(path)


def _unreadable(address: str, error: Exception) -> DataError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f"cannot be read: {reason}", where=address, hint=HINT)


def size_of(place: Place) -> int | None:
    """Return the bytes of a file; None if there is none.

    Raises:
        DataError: its place cannot be reached.
    """
    if isinstance(place, Path):
        return place.stat().st_size if place.is_file() else None
    system, path = _located(place)
    try:
        return int(system.size(path))
    except FileNotFoundError:
        return None
    except Exception as error:
        # Each scheme has exceptions of its own.
        raise _unreadable(place, error) from error


def open_place(place: Place) -> IO[bytes]:
    """Open a file for reading from its start, with jumps forward.

    Raises:
        DataError: its place cannot be reached.
    """
    if isinstance(place, Path):
        return place.open("rb")
    system, path = _located(place)
    try:
        with _guard(place):
            opened: IO[bytes] = system.open(path, "rb")
    except Exception as error:
        raise _unreadable(place, error) from error
    return opened


def read_stretch(address: str, start: int, size: int) -> IO[bytes]:
    """Fetch a stretch of a file in one request.

    Raises:
        DataError: it cannot be read.
    """
    system, path = _located(address)
    try:
        with _guard(address):
            return io.BytesIO(system.cat_file(path, start=start, end=start + size))
    except Exception as error:
        raise _unreadable(address, error) from error


def expand_braces(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern such as `a/{000..099}.tar` or `{a,b}-{1..3}.tar` stands for.

    One at a time: a pattern of a few characters can stand for billions.
    """
    braces = re.search(r"\{([^{}]*)\}", pattern)
    inner = braces[1] if braces else ""
    span = re.fullmatch(r"(\d+)\.\.(\d+)", inner)
    if braces is None or not (span or "," in inner):
        yield pattern
        return
    before = pattern[: braces.start()]
    after = pattern[braces.end() :]
    for choice in _span(span[1], span[2]) if span else inner.split(","):
        yield from expand_braces(f"{before}{choice}{after}")


def _span(first: str, last: str) -> Iterator[str]:
    """Yield the numbers from one to another; written with zeros in front, they keep their width."""
    padded = first.startswith("0") or last.startswith("0")
    width = max(len(first), len(last)) if padded else 0
    step = 1 if int(first) <= int(last) else -1
    for number in range(int(first), int(last) + step, step):
        yield f"{number:0{width}d}"


def expand(pattern: str) -> Iterator[str]:
    """Yield the names of a pattern with braces, and of each with `*` those that are there."""
    for name in expand_braces(pattern):
        found = sorted(glob.glob(name)) if "*" in name else []
        yield from found or [name]


_SOURCE = re.compile(r"(?:([A-Za-z][\w.-]*)=)?(.+?)(?::(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True)
class DataSource:
    """One source of training pairs.

    Attributes:
        name: what its ids begin with; empty for a source alone.
        data: a file of negatives, or a pattern of tar shards.
        root: folder that its image paths are relative to.
        weight: how often each of its pairs is seen in an epoch; 0.5 takes half of the pairs.
    """

    name: str
    data: str
    root: Path
    weight: float = 1.0


def parse_sources(data: Sequence[str], image_root: str | None) -> list[DataSource]:
    """Return what `--data` and `--image-root` name.

    Args:
        data: `FILE`, or `NAME=FILE` with a `:WEIGHT` behind it if wanted.
        image_root: a folder for all of them, or `NAME=FOLDER,NAME=FOLDER`.

    Raises:
        ConfigError: a name stands twice, a root is of no source, or a weight is of no name.
    """
    sources: list[DataSource] = []
    roots = _roots(image_root)
    for text in data:
        # A file may be called so.
        matched = None if Path(text).exists() else _SOURCE.fullmatch(text)
        name, path, weight = matched.groups() if matched else (None, text, None)
        if name is None:
            # Without a name there is nothing to weigh it against.
            sources.append(DataSource("", text, _root(roots, "", text)))
            continue
        place = _root(roots, name, path)
        sources.append(DataSource(name, path, place, float(weight or 1)))
    names = [source.name for source in sources if source.name]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"--data names two sources {twice}", hint="Give each a name of its own.")
    for name in roots:
        if name and name not in names:
            known = ", ".join(names) or "none"
            hint = f"Names given with --data: {known}."
            raise ConfigError(f"--image-root of {name}, which is no source", hint=hint)
    return sources


def _roots(image_root: str | None) -> dict[str, str]:
    """Return image roots by source; under the empty name the one for all."""
    if image_root is None:
        return {}
    parts = [part.partition("=") for part in image_root.split(",")]
    if Path(image_root).exists() or not all(separator for _, separator, _ in parts):
        return {"": image_root}
    return {name.strip(): folder for name, _, folder in parts}


def _root(roots: dict[str, str], name: str, data: str) -> Path:
    folder = roots.get(name, roots.get(""))
    return Path(folder) if folder is not None else Path(data).parent
