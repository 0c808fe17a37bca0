"""What the cache of features and unpacked files holds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.errors import DataError
from ahnpl_cli.reporting.tables import Table


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One thing in the cache.

    Attributes:
        what: its path below the cache's folder.
        files: how many files it has.
        bytes: their size.
    """

    what: str
    files: int
    bytes: int


def cache_root(folder: Path | None) -> Path:
    """Return the folder of the cache.

    Raises:
        DataError: a folder was named that is no cache of ours.
    """
    if folder is None:
        from ahnpl_cli.backbones.feature_cache import default_folder

        return default_folder().parent
    if folder.exists() and not (folder / "features").is_dir():
        hint = "It would hold a folder called features."
        raise DataError("not a cache of ahnpl", where=str(folder), hint=hint)
    return folder


def measure(folder: Path | None = None) -> list[CacheEntry]:
    """Return what the cache holds: features by model, and what was unpacked."""
    root = cache_root(folder)
    places = [place for place in sorted(root.glob("*")) if place.name != "features"]
    places += sorted((root / "features").glob("*"))
    entries = []
    for place in places:
        files = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
        size = sum(file.stat().st_size for file in files)
        entries.append(CacheEntry(place.relative_to(root).as_posix(), len(files), size))
    return entries


def empty(folder: Path | None = None) -> None:
    """Remove everything in the cache; the folder stays."""
    root = cache_root(folder)
    for place in root.glob("*"):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


def cache_table(entries: Sequence[CacheEntry]) -> Table:
    """Return the cache as a table with its sum."""
    rows = [(entry.what, entry.files, f"{entry.bytes / 1e6:,.1f}") for entry in entries]
    files = sum(entry.files for entry in entries)
    total = sum(entry.bytes for entry in entries)
    rows.append(("all", files, f"{total / 1e6:,.1f}"))
    return Table("Cache", ("what", "files", "MB"), tuple(rows))
