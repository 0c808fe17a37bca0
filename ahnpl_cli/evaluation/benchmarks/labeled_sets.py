"""LabeledImage images as users have them: class folders, CSV, Pascal VOC 2007, COCO instances."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ahnpl_cli.data.images import SUFFIXES, ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Options, limited
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage, prompts
from ahnpl_cli.evaluation.benchmarks.object_labels import read_coco, read_voc

TEST_SPLITS = ("test", "val", "validation")


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return every data set of labelled images by `kind:name`."""
    found: dict[str, Path] = {}
    for folder, names in shelf.folders.items():
        if "labels.csv" in names:
            found.setdefault(f"csv:{folder.name}", folder / "labels.csv")
        elif _test_folder(folder, names) is not None:
            found.setdefault(f"folders:{folder.name}", folder)
        if folder.name == "VOC2007" and "ImageSets" in names:
            found.setdefault("voc:voc2007", folder)
        for name in sorted(names):
            if name.startswith("instances_val") and name.endswith(".json"):
                found.setdefault(
                    f"coco:{Path(name).stem.replace('instances_', 'coco-')}", folder / name
                )
    return found


def _test_folder(folder: Path, names: Iterable[str]) -> Path | None:
    """Return the split to report on, if it holds folders of images."""
    for split in TEST_SPLITS:
        if split in names and (folder / split).is_dir() and _class_folders(folder / split):
            return folder / split
    return None


def _class_folders(split: Path) -> list[Path]:
    folders = sorted(path for path in split.iterdir() if path.is_dir())
    return [one for one in folders if any(p.suffix.lower() in SUFFIXES for p in one.iterdir())]


def read_folders(name: str, folder: Path, shelf: DataFolders, options: Options) -> ClassData:
    """Read `test|val/<class>/*` and, for a probe, `train/<class>/*`."""
    test = _test_folder(folder, shelf.folders[folder])
    assert test is not None  # `find` returned the folder because it has one.
    order = [path.name for path in _class_folders(test)]
    names, templates, files = prompts(folder, order, options)

    def labelled(split: Path) -> list[LabeledImage]:
        return [
            LabeledImage(f"{one}/{path.name}", ImageRef(path), (number,))
            for number, one in enumerate(order)
            for path in sorted((split / one).glob("*"))
            if path.suffix.lower() in SUFFIXES
        ]

    train = labelled(folder / "train") if test.name != "train" else []
    return ClassData(name, names, templates, labelled(test), train, False, files)


def read_csv(name: str, path: Path, shelf: DataFolders, options: Options) -> ClassData:
    """Read `filepath,label[;label]` with an optional column `split` (train or test).

    A file in which any image has several labels, or none, is multi-label.

    Raises:
        BenchmarkError: a column is absent.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"filepath", "label"} <= set(rows[0]):
        hint = "Its header has to be: filepath,label or filepath,label,split."
        raise BenchmarkError("no columns filepath and label", where=str(path), hint=hint)
    labels = [[x.strip() for x in row["label"].split(";") if x.strip()] for row in rows]
    order = sorted({label for found in labels for label in found})
    names, templates, files = prompts(path.parent, order, options)
    number = {label: i for i, label in enumerate(order)}
    splits: dict[bool, list[LabeledImage]] = {True: [], False: []}
    missing = set()
    for row, found in zip(rows, labels, strict=True):
        ref = ImageRef(path.parent / row["filepath"])
        missing |= set() if ref.path.is_file() else {ref.path}
        one = LabeledImage(row["filepath"], ref, tuple(number[label] for label in found))
        splits[(row.get("split") or "test") == "train"].append(one)
    return ClassData(
        name,
        names,
        templates,
        test=splits[False],
        train=splits[True],
        multi=any(len(found) != 1 for found in labels),
        files=[path, *files],
        missing=frozenset(missing),
    )


READERS: dict[str, Callable[[str, Path, DataFolders, Options], ClassData]] = {
    "folders": read_folders,
    "csv": read_csv,
    "voc": read_voc,
    "coco": read_coco,
}


def read(shelf: DataFolders, files: dict[str, Path], options: Options) -> list[ClassData]:
    """Read every data set that `find` found."""
    made = []
    for role, path in files.items():
        kind, name = role.split(":", 1)
        try:
            data = READERS[kind](name, path, shelf, options)
        except (LookupError, TypeError, ValueError, json.JSONDecodeError) as error:
            raise BenchmarkError(f"not {kind} data: {error!r}", where=str(path)) from error
        made.append(_limited(data, options.limit))
    return made


def _limited(data: ClassData, limit: int | None) -> ClassData:
    """Return the data set with the first `limit` test images."""
    return replace(data, test=limited(data.test, limit))
