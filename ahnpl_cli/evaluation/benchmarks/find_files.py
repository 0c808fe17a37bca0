"""Finding benchmark files as users have them: by file name, at the root or a few folders down."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError

DEPTH = 3
# A folder with more sub-folders than this holds classes, not benchmarks.
MANY = 100
# Files that authors keep for provenance and that must not be scored.
SKIPPED = ("data_unrefined", "generated_data")
VARIABLE = "AHNPL_DATA"
COCO = ("val2017", "train2017", "val2014", "train2014")
_COCO_NAME = re.compile(r"(COCO_(val|train)2014_)?(?P<number>\d{12})\.jpg")


def data_roots(data: str | None, environment: dict[str, str] | None = None) -> list[Path]:
    """Return where benchmarks are looked for: `--data`, or `data/` and `$AHNPL_DATA`.

    Raises:
        BenchmarkError: the folder named does not exist, or neither default does.
    """
    if data is not None:
        if not Path(data).is_dir():
            raise BenchmarkError("no such folder", where=data, hint="Give --data a folder.")
        return [Path(data)]
    named = (environment if environment is not None else dict(os.environ)).get(VARIABLE)
    roots = [Path("data"), *([Path(named)] if named else [])]
    return [root for root in roots if root.is_dir()]


class DataFolders:
    """The folders under some roots, nearest first, and the names in each.

    Args:
        roots: where to look; sub-folders are visited `DEPTH` deep, hidden ones are not.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)
        self.folders: dict[Path, frozenset[str]] = {}
        level = [(root, 0) for root in roots]
        while level:
            folder, depth = level.pop(0)
            names, below = _list(folder)
            self.folders.setdefault(folder, names)
            if depth < DEPTH and len(below) <= MANY:
                level += [(child, depth + 1) for child in below]

    def holding(self, *names: str) -> list[Path]:
        """Return the folders that hold every one of these names, nearest first."""
        return [folder for folder, there in self.folders.items() if there.issuperset(names)]

    def holding_any(self, names: Iterable[str]) -> list[Path]:
        """Return the folders that hold any of these names, the fullest first."""
        wanted = frozenset(names)
        found = [folder for folder, there in self.folders.items() if there & wanted]
        return sorted(found, key=lambda folder: -len(self.folders[folder] & wanted))

    def named(self, *names: str) -> list[Path]:
        """Return the folders whose own name is one of these, in the order of `names`."""
        return [f for name in names for f in self.folders if f.name.lower() == name.lower()]


def _list(folder: Path) -> tuple[frozenset[str], list[Path]]:
    """Return the names in a folder, and its sub-folders worth visiting, sorted."""
    names, below = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if entry.name.startswith(".") or entry.name in SKIPPED:
                continue
            if entry.is_dir():
                below.append(Path(entry.path))
    return frozenset(names), sorted(below)


class ImageFinder:
    """Image files of one benchmark, looked up by base name in candidate folders.

    COCO 2014 and 2017 hold the same photos under other names, so a COCO photo that is not in the
    candidate folders is taken from a folder of the other year.

    Args:
        folders: where images may lie, the most likely first.
        shelf: where COCO's folders are looked for; None takes `folders` alone.

    Attributes:
        missing: paths given out that do not exist.
        renamed: photos found under COCO's other name.
    """

    def __init__(self, folders: Iterable[Path], shelf: DataFolders | None = None) -> None:
        self._folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
        self._coco = shelf.named(*COCO) if shelf else []
        self._names: dict[Path, frozenset[str]] = {}
        self.missing: set[Path] = set()
        self.renamed: set[Path] = set()

    def _holds(self, folder: Path, name: str) -> bool:
        if folder not in self._names:
            self._names[folder] = frozenset(os.listdir(folder))
        return name in self._names[folder]

    def _elsewhere(self, base: str) -> Path | None:
        """Return a COCO photo under its name of the other year."""
        found = _COCO_NAME.fullmatch(base)
        if not found:
            return None
        number = found["number"]
        names = [f"{number}.jpg", f"COCO_val2014_{number}.jpg", f"COCO_train2014_{number}.jpg"]
        paths = ((folder, name) for name in names if name != base for folder in self._coco)
        return next((folder / name for folder, name in paths if self._holds(folder, name)), None)

    def ref(self, name: str, crop: tuple[int, int, int, int] | None = None) -> ImageRef:
        """Return the image called `name`; if it is nowhere, a path under the first folder.

        Args:
            name: as in the annotation; only its base name counts.
            crop: (x, y, w, h) in pixels.
        """
        base = PurePosixPath(name).name
        for folder in self._folders:
            if self._holds(folder, base):
                return ImageRef(folder / base, crop)
        other = self._elsewhere(base)
        if other is not None:
            self.renamed.add(other)
            return ImageRef(other, crop)
        path = (self._folders[0] if self._folders else Path()) / base
        self.missing.add(path)
        return ImageRef(path, crop)

    def notes(self) -> list[str]:
        """Say which photos were found under another name."""
        if not self.renamed:
            return []
        one = len(self.renamed) == 1
        photos = "photo found under its" if one else "photos found under their"
        return [f"{len(self.renamed):,} COCO {photos} name of the other year"]
