"""Finding a benchmark's files and images as users have them: by name, a few folders down.

Images may stay in the archive that they came in: `val2017.zip` is as good as `val2017/`.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from ahnpl_cli.data import archives
from ahnpl_cli.data.images import ImageRef, coco_number, is_below
from ahnpl_cli.errors import BenchmarkError, DataError

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
        self._archives: list[Path] = []
        level = [(root, 0) for root in roots]
        # Level by level, so that the copy nearest to a root comes first.
        while level:
            folder, depth = level.pop(0)
            if archives.is_archive(folder):
                self._archives.append(folder)
                continue
            names, below = _list(folder)
            self.contents.setdefault(folder, names)
            self._archives += [folder / name for name in sorted(names) if _may_be_archive(name)]
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

    def image_folders(self, *names: str) -> list[Path]:
        """Return folders of these names as `named` does, and behind them those in archives.

        An archive of that name counts too, such as `val2017.zip` without a folder in it.
        """
        # Who unpacked an archive means what was unpacked, and may have mended it.
        found = self.named(*names)
        for name in names:
            called = name.lower()
            for archive in self._archives:
                # The names in a tar are found by reading through it, and shards may be many.
                if archive.stem.lower() == called or archive.suffix.lower() == ".zip":
                    found += [place for place in packed(archive) if _is_called(place, called)]
        return found

    def below(self, folder: Path) -> list[Path]:
        """Return a folder and the folders below it that were visited, nearest first.

        Of an archive, the folders in it.
        """
        if archives.is_archive(folder):
            return list(packed(folder))
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


COCO = ("val2017", "train2017", "val2014", "train2014")
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
        self._candidates = [folder for folder in dict.fromkeys(candidates) if _is_folder(folder)]
        self._coco = coco.image_folders(*COCO) if coco else []
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
        number = coco_number(name)
        if number is None:
            return None
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

    def below(self, roots: Iterable[Path], name: str, crop: Box | None = None) -> ImageRef:
        """Return the image at a path below one of the roots, the first that has it.

        For benchmarks whose images share base names, such as the frames of several videos.

        Args:
            roots: where `name` may begin.
            name: path of the image, relative to a root.
            crop: (x, y, w, h) in pixels.
        """
        paths = [root / name for root in (*roots, *self._fallback)]
        for path, root in zip(paths, (*roots, *self._fallback), strict=True):
            # An annotation must not lead to a file elsewhere.
            if is_below(path, root) and is_existing_file(path):
                return ImageRef(path, crop)
        self.missing.add(paths[0])
        return ImageRef(paths[0], crop)

    def notes(self) -> list[str]:
        """Say which photos were found under another name."""
        if not self.renamed:
            return []
        if len(self.renamed) == 1:
            return ["1 COCO photo found under its name of the other year"]
        return [f"{len(self.renamed):,} COCO photos found under their name of the other year"]


def is_existing_file(path: Path) -> bool:
    """Whether a file, or a member of an archive, is there, whatever an annotation calls it."""
    try:
        return archives.exists(path)
    except (OSError, DataError):  # such as a name that is too long, or a damaged archive
        return False


@functools.cache
def packed(archive: Path) -> Mapping[Path, frozenset[str]]:
    """Return the folders in an archive with the names in each; none if it is damaged."""
    try:
        return archives.folders(archive)
    except (OSError, DataError) as error:
        logger.warning(f"{archive}: left out, {error}")
        return {}


def _may_be_archive(name: str) -> bool:
    return name.lower().endswith((".zip", ".tar")) and not name.startswith(".")


def _is_called(place: Path, name: str) -> bool:
    """Whether a folder in an archive has a name, or is the whole of an archive that has it."""
    # Packed without a folder: the archive's own name is all there is.
    if archives.is_archive(place):
        return place.stem.lower() == name
    return place.name.lower() == name


def _is_folder(folder: Path) -> bool:
    # Whatever the member is called: only the archive before it is looked for.
    return folder.is_dir() or archives.split(folder / "any") is not None


def _names_in(folder: Path) -> frozenset[str]:
    place = archives.split(folder / "any")
    if place is not None:
        return packed(place[0]).get(folder, frozenset())
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()  # Its images are missing then, which is said with their names.
