"""What the cache of features and unpacked files holds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.backbones.load import default_folder
from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS
from ahnpl_cli.reporting.tables import Table

# What stages write below the cache's folder, beside what a benchmark unpacks under its own name.
FEATURES = "features"  # a folder a model, called by the hash that `feature_cache.model_key` gives
ORDERS = "orders"  # frozen shuffles of captions
INDICES = "coco"  # of its annotation files
_MODEL = re.compile(r"[0-9a-f]{16}")


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
    """Return the folder of the cache, whether it is there or not.

    Raises:
        DataError: what was named is no folder.
    """
    if folder is None:
        return default_folder().parent
    if not folder.is_dir():
        raise DataError("no such folder", where=str(folder), hint="Leave --cache out for ours.")
    return folder


def _contents(root: Path) -> list[Path]:
    """Return what we wrote into a folder, and nothing else that lies there.

    A variable or an option may name any folder, such as a home, and `--yes` removes what this
    returns.
    """
    places = [root / name for name in (ORDERS, INDICES, *BENCHMARKS)]
    features = root / FEATURES
    places += [place for place in features.glob("*") if _MODEL.fullmatch(place.name)]
    # A link may lead anywhere.
    return sorted(place for place in places if place.is_dir() and not place.is_symlink())


def measure(folder: Path | None = None) -> list[CacheEntry]:
    """Return what the cache holds: features by model, and what was unpacked or indexed.

    Raises:
        DataError: what was named is no folder.
    """
    root = cache_root(folder)
    entries = []
    for place in _contents(root):
        files = [path for path in place.rglob("*") if path.is_file()]
        size = sum(file.lstat().st_size for file in files)
        entries.append(CacheEntry(place.relative_to(root).as_posix(), len(files), size))
    return entries


def empty(folder: Path | None = None) -> None:
    """Remove what we wrote into the cache; the folder, and what is not ours in it, stay.

    Raises:
        DataError: what was named is no folder.
    """
    for place in _contents(cache_root(folder)):
        shutil.rmtree(place, ignore_errors=True)


def cache_table(entries: Sequence[CacheEntry]) -> Table:
    """Return the cache as a table with its sum."""
    rows = [(entry.what, entry.files, f"{entry.bytes / 1e6:,.1f}") for entry in entries]
    files = sum(entry.files for entry in entries)
    total = sum(entry.bytes for entry in entries)
    rows.append(("all", files, f"{total / 1e6:,.1f}"))
    return Table("Cache", ("what", "files", "MB"), tuple(rows))
