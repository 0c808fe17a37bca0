"""Finding benchmark files as users have them: by file name, at the root or a few folders down."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ahnpl_cli.errors import BenchmarkError

logger = logging.getLogger(__name__)

DEPTH = 3
# A folder with more sub-folders than this holds classes, not benchmarks.
MANY = 100
# Files that authors keep for provenance and that must not be scored.
SKIPPED = ("data_unrefined", "generated_data", "__MACOSX")
VARIABLE = "AHNPL_DATA"
PACKED = ".gz"


def data_roots(data: str | None, environment: Mapping[str, str] | None = None) -> list[Path]:
    """Return where benchmarks are looked for: `--data`, or those of `data/` and `$AHNPL_DATA`.

    Raises:
        BenchmarkError: the folder named does not exist.
    """
    if data is not None:
        if not Path(data).is_dir():
            raise BenchmarkError("no such folder", where=data, hint="Give --data a folder.")
        return [Path(data)]
    variables = os.environ if environment is None else environment
    roots = [Path("data")]
    if variables.get(VARIABLE):
        roots.append(Path(variables[VARIABLE]))
    return [root for root in roots if root.is_dir()]


class DataFolders:
    """The folders under some roots, nearest first, and what is in each.

    Args:
        roots: where to look; sub-folders are visited `DEPTH` deep, hidden ones are not.

    Attributes:
        contents: by folder, every name in it with its name on disk; `a.json.gz` also answers to
            `a.json`. Folders of 100,000 images are among them, so names are kept and not paths.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)
        self.contents: dict[Path, dict[str, str]] = {}
        level = [(root, 0) for root in roots]
        # Level by level, so that the copy nearest to a root comes first.
        while level:
            folder, depth = level.pop(0)
            names, below = _list(folder)
            self.contents.setdefault(folder, names)
            if depth < DEPTH and len(below) <= MANY:
                level += [(child, depth + 1) for child in below]

    def holding(self, *names: str) -> list[Path]:
        """Return the folders that hold every one of these names, nearest first."""
        needed = frozenset(names)
        return [folder for folder, contents in self.contents.items() if needed <= contents.keys()]

    def holding_any(self, names: Iterable[str]) -> list[Path]:
        """Return the folders that hold any of these names, the fullest first."""
        useful = frozenset(names)
        counts = {folder: len(useful & contents.keys()) for folder, contents in self.items()}
        return sorted((folder for folder in counts if counts[folder]), key=lambda f: -counts[f])

    def items(self) -> Iterable[tuple[Path, dict[str, str]]]:
        """Return every folder with its contents, nearest first."""
        return self.contents.items()

    def named(self, *names: str) -> list[Path]:
        """Return the folders whose own name is one of these, in the order of `names`."""
        found = []
        for name in names:
            found += [folder for folder in self.contents if folder.name.lower() == name.lower()]
        return found

    def below(self, folder: Path) -> list[Path]:
        """Return a folder and the folders below it that were visited, nearest first."""
        return [f for f in self.contents if f == folder or folder in f.parents]

    def files(self, folder: Path, names: Mapping[str, str]) -> dict[str, Path]:
        """Return the paths of a folder's files by role, those that are there.

        Args:
            folder: one of `contents`.
            names: file name by role.
        """
        contents = self.contents[folder]
        return {role: folder / contents[name] for role, name in names.items() if name in contents}

    def path(self, folder: Path, name: str) -> Path:
        """Return the path of a name in one of `contents`."""
        return folder / self.contents[folder][name]


def _list(folder: Path) -> tuple[dict[str, str], list[Path]]:
    """Return what is in a folder, and its sub-folders worth visiting, sorted."""
    names: dict[str, str] = {}
    below = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names[entry.name] = entry.name
                if entry.name.startswith(".") or entry.name in SKIPPED:
                    continue
                if entry.is_dir():
                    below.append(Path(entry.path))
    except OSError as error:
        # Somebody else's folder among the data must not stop the suites beside it.
        logger.warning(f"{folder}: left out, it cannot be read ({(error.strerror or '').lower()})")
    for name in [name for name in names if name.endswith(PACKED)]:
        names.setdefault(name.removesuffix(PACKED), names[name])
    return names, sorted(below)
