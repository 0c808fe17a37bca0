"""Finding the images of a benchmark by name, in the folders where they are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders

COCO = ("val2017", "train2017", "val2014", "train2014")
_COCO_NAME = re.compile(r"(COCO_(val|train)2014_)?(?P<number>\d{12})\.jpg")
Box = tuple[int, int, int, int]


class ImageFinder:
    """Image files of one benchmark, looked up by base name in candidate folders.

    COCO 2014 and 2017 hold the same photos under other names, so a COCO photo that is not in the
    candidate folders is taken from a folder of the other year.

    Args:
        candidates: where images may lie, the most likely first.
        coco: where COCO's folders are looked for; None takes `candidates` alone.
        fallback: where an image may lie that no candidate has, such as `--image-root`.

    Attributes:
        missing: paths given out that do not exist.
        renamed: photos found under COCO's other name.
    """

    def __init__(
        self,
        candidates: Iterable[Path],
        coco: DataFolders | None = None,
        fallback: Iterable[Path] = (),
    ) -> None:
        self._candidates = [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]
        self._coco = coco.named(*COCO) if coco else []
        self._fallback = list(fallback)
        self._names: dict[Path, frozenset[str]] = {}
        self.missing: set[Path] = set()
        self.renamed: set[Path] = set()

    def _holds(self, folder: Path, name: str) -> bool:
        # One listing of a folder instead of one question per image.
        if folder not in self._names:
            self._names[folder] = _names_in(folder)
        return name in self._names[folder]

    def _in(self, folders: Iterable[Path], name: str) -> Path | None:
        for folder in folders:
            if self._holds(folder, name):
                return folder / name
        return None

    def _of_other_year(self, name: str) -> Path | None:
        """Return a COCO photo under its name of the other year."""
        match = _COCO_NAME.fullmatch(name)
        if not match:
            return None
        number = match["number"]
        names = [f"{number}.jpg", f"COCO_val2014_{number}.jpg", f"COCO_train2014_{number}.jpg"]
        for other in names:
            path = self._in(self._coco, other) if other != name else None
            if path is not None:
                self.renamed.add(path)
                return path
        return None

    def ref(self, name: str, crop: Box | None = None) -> ImageRef:
        """Return the image called `name`; if it is nowhere, a path under the first folder.

        Args:
            name: as in the annotation; only its base name counts.
            crop: (x, y, w, h) in pixels.
        """
        base = PurePosixPath(name).name
        path = self._in(self._candidates, base)
        # The very name before another name of the same photo.
        if path is None:
            path = self._in(self._fallback, base) or self._of_other_year(base)
        if path is None:
            home = self._candidates[0] if self._candidates else Path()
            path = home / base
            self.missing.add(path)
        return ImageRef(path, crop)

    def notes(self) -> list[str]:
        """Say which photos were found under another name."""
        if not self.renamed:
            return []
        if len(self.renamed) == 1:
            return ["1 COCO photo found under its name of the other year"]
        return [f"{len(self.renamed):,} COCO photos found under their name of the other year"]


def is_existing_file(path: Path) -> bool:
    """Whether a file is there, whatever an annotation calls it."""
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()  # Its images are missing then, which is said with their names.
