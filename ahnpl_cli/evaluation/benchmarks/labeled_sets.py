"""Labeled images as users have them: class folders, CSV, Pascal VOC, COCO instances."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ahnpl_cli.data.images import SUFFIXES, ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import LocalCopy, counted
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, is_existing_file
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage, read_prompts
from ahnpl_cli.evaluation.benchmarks.object_labels import VOC_SPLITS, read_coco, read_voc
from ahnpl_cli.files import read_text

LABELS_FILE = "labels.csv"
TEST_SPLITS = ("test", "val", "validation")
TRAIN = "train"
# How files name their splits, in lower case.
SPLIT_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
}
# Below this share of rows with several labels, a row with two is a slip, not a design.
MULTI_SHARE = 0.05


def find(folders: DataFolders) -> dict[str, Path]:
    """Return every data set of labeled images by `kind:name`."""
    found: dict[tuple[str, Path], Path] = {}
    seen: set[Path] = set()
    for folder, contents in folders.items():
        if folder.resolve() in seen:  # two roots may lead to one folder
            continue
        seen.add(folder.resolve())
        if LABELS_FILE in contents:
            found["csv", folder] = folders.path(folder, LABELS_FILE)
        elif _test_folder(folder) is not None:
            found["folders", folder] = folder
        if folder.name in VOC_SPLITS and "ImageSets" in contents:
            found["voc", folder] = folder
        for name in sorted(contents):
            if name.startswith("instances_val") and name.endswith(".json"):
                found["coco", folder / name] = folders.path(folder, name)
    return _named(found)


def _short_name(kind: str, place: Path) -> str:
    if kind == "coco":
        return place.stem.replace("instances_", "coco-")
    return place.name.lower() if kind == "voc" else place.name


def _named(found: dict[tuple[str, Path], Path]) -> dict[str, Path]:
    """Return the data sets by kind and name, with the parent's name where two have one name."""
    counts = Counter(_short_name(kind, place) for kind, place in found)
    files: dict[str, Path] = {}
    for (kind, place), path in found.items():
        name = _short_name(kind, place)
        if counts[name] > 1:
            name = f"{place.resolve().parent.name}-{name}"
        number = 2
        unique = name
        while any(role.split(":", 1)[1] == unique for role in files):
            unique = f"{name}-{number}"
            number += 1
        files[f"{kind}:{unique}"] = path
    return files


def _test_folder(folder: Path) -> Path | None:
    """Return the split to report on, if it holds folders of images."""
    for split in TEST_SPLITS:
        if (folder / split).is_dir() and _class_folders(folder / split):
            return folder / split
    return None


def _is_hidden(path: Path) -> bool:
    """Whether a file or folder was left by a system or an editor, and is no data."""
    return path.name.startswith(".") or path.name == "__MACOSX"


def _images_in(folder: Path) -> list[Path]:
    """Return the images of one class, sorted; what macOS leaves beside them is none."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.suffix.lower() in SUFFIXES and not _is_hidden(path)]


def _class_folders(split: Path) -> list[str]:
    """Return the names of the folders that hold images."""
    if not split.is_dir():
        return []
    return [folder.name for folder in _visible_folders(split) if _images_in(folder)]


def _visible_folders(split: Path) -> list[Path]:
    return [path for path in split.iterdir() if path.is_dir() and not _is_hidden(path)]


def _empty_folders(split: Path) -> set[str]:
    """Return the names of the folders that would be classes if they held an image."""
    if not split.is_dir():
        return set()
    return {folder.name for folder in _visible_folders(split) if not _images_in(folder)}


def _in_order(names: set[str]) -> list[str]:
    """Return class names sorted, numbered ones by number: 2 before 10."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def read_folders(name: str, folder: Path, copy: LocalCopy) -> ClassData:
    """Read `test|val/<class>/*` and, for a probe, `train/<class>/*`.

    A class that only one of the splits has stays a candidate, and is named.
    """
    test = _test_folder(folder)
    assert test is not None  # `find` returned the folder because it has one.
    train = folder / TRAIN
    of_test = set(_class_folders(test))
    of_train = set(_class_folders(train))
    order = _in_order(of_test | of_train)
    prompts = read_prompts(name, folder, order, copy.options)
    notes = [*prompts.notes, *_one_sided(of_test, of_train)]
    empty = (_empty_folders(test) | _empty_folders(train)) - set(order)
    if empty:
        notes.append(f"folders without an image are no classes: {', '.join(sorted(empty))}")
    return ClassData(
        name,
        prompts.classes,
        prompts.templates,
        test=_labeled(test, order),
        train=_labeled(train, order),
        multi=False,
        files=prompts.files,
        notes=notes,
    )


def _labeled(split: Path, order: list[str]) -> list[LabeledImage]:
    rows = []
    for number, class_name in enumerate(order):
        for path in _images_in(split / class_name):
            rows.append(LabeledImage(f"{class_name}/{path.name}", ImageRef(path), (number,)))
    return rows


def _one_sided(of_test: set[str], of_train: set[str]) -> list[str]:
    """Say which classes have no test, or no training image."""
    if not of_train:
        return []
    notes = []
    for names, split in ((of_train - of_test, "test"), (of_test - of_train, "training")):
        if names:
            notes.append(f"classes without a {split} image: {', '.join(sorted(names))}")
    return notes


def _csv_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return (line, row) of a table with a header, whatever separates its cells.

    Raises:
        BenchmarkError: not UTF-8, no columns filepath and label, or a row is too short.
    """
    text = read_text(path, error=BenchmarkError)
    header = text.split("\n", 1)[0]
    # A semicolon separates labels too, so it separates cells only where no comma does.
    delimiter = next((mark for mark in (",", "\t", ";") if mark in header), ",")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = [column.strip().lower() for column in reader.fieldnames or ()]
    if "filepath" not in columns or not {"label", "labels"} & set(columns):
        hint = "Its header has to be: filepath,label or filepath,label,split."
        raise BenchmarkError("no columns filepath and label", where=str(path), hint=hint)
    reader.fieldnames = columns
    rows = []
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if None in row or None in row.values():
                raise BenchmarkError(f"not {len(columns)} cells", where=where)
            rows.append((reader.line_num, {key: value.strip() for key, value in row.items()}))
    except csv.Error as error:
        raise BenchmarkError(f"not CSV: {error}", where=f"{path}:{reader.line_num}") from error
    if not rows:
        raise BenchmarkError("no row", where=str(path))
    return rows


def _labels(path: Path, rows: list[tuple[int, dict[str, str]]]) -> tuple[list[list[str]], bool]:
    """Return the labels of every row, and whether an image may have several.

    They are several where the column is called `labels`, or where many rows have several.

    Raises:
        BenchmarkError: a row without a label, or one with several, where there should be one.
    """
    asked = "labels" in rows[0][1]
    cells = [row["labels" if asked else "label"] for _, row in rows]
    labels = [[part.strip() for part in cell.split(";") if part.strip()] for cell in cells]
    several = sum(len(names) > 1 for names in labels)
    multi = asked or several >= max(2, MULTI_SHARE * len(rows))
    for (line, _), names in zip(rows, labels, strict=True):
        if not multi and len(names) != 1:
            what = "no label" if not names else f"{len(names)} labels, where most rows have one"
            hint = "Call the column `labels` if an image may have several, or none."
            raise BenchmarkError(what, where=f"{path}:{line}", hint=hint)
    return labels, multi


def _splits(path: Path, rows: list[tuple[int, dict[str, str]]]) -> tuple[list[str], str]:
    """Return the split of every row, and the one to report on: test, else val.

    Raises:
        BenchmarkError: a split of no known name, or nothing to report on.
    """
    if "split" not in rows[0][1]:
        return ["test"] * len(rows), "test"
    splits = []
    for line, row in rows:
        split = SPLIT_NAMES.get(row["split"].lower())
        if split is None:
            hint = "Splits are train, val and test."
            what = f"no split is called {row['split']!r}"
            raise BenchmarkError(what, where=f"{path}:{line}", hint=hint)
        splits.append(split)
    reported = "test" if "test" in splits else "val"
    if reported not in splits:
        hint = "Mark rows `test`, or leave the column out."
        raise BenchmarkError("no row of a test split", where=str(path), hint=hint)
    return splits, reported


def read_csv(name: str, path: Path, copy: LocalCopy) -> ClassData:
    """Read `filepath,label[;label]` with an optional column `split` (train, val or test).

    Raises:
        BenchmarkError: a column, a label or a split is absent or unknown.
    """
    rows = _csv_rows(path)
    labels, multi = _labels(path, rows)
    splits, reported = _splits(path, rows)
    order = _in_order({label for names in labels for label in names})
    prompts = read_prompts(name, path.parent, order, copy.options)
    number = {label: i for i, label in enumerate(order)}
    by_split: dict[str, list[LabeledImage]] = {TRAIN: [], "val": [], "test": []}
    missing = set()
    for (_, row), names, split in zip(rows, labels, splits, strict=True):
        ref = ImageRef(path.parent / row["filepath"])
        if not is_existing_file(ref.path):
            missing.add(ref.path)
        image = LabeledImage(row["filepath"], ref, tuple(number[label] for label in names))
        by_split[split].append(image)
    notes = [*prompts.notes]
    if multi:
        several = sum(len(names) > 1 for names in labels)
        notes.append(f"multi-label: {several:,} of {counted(len(rows), 'row')} have several labels")
    if reported == "test" and by_split["val"]:
        notes.append(f"{counted(len(by_split['val']), 'row')} of the split val left out")
    return ClassData(
        name,
        prompts.classes,
        prompts.templates,
        test=by_split[reported],
        train=by_split[TRAIN],
        multi=multi,
        files=[path, *prompts.files],
        missing=frozenset(missing),
        notes=notes,
    )


READERS: dict[str, Callable[[str, Path, LocalCopy], ClassData]] = {
    "folders": read_folders,
    "csv": read_csv,
    "voc": read_voc,
    "coco": read_coco,
}


def read(copy: LocalCopy) -> list[ClassData]:
    """Read every data set that `find` found; `limit` takes the first test images of each."""
    data_sets = []
    for role, path in copy.files.items():
        kind, name = role.split(":", 1)
        data = READERS[kind](name, path, copy)
        copy.notes += [f"{name}: {note}" for note in data.notes]
        data_sets.append(replace(data, test=copy.limited(data.test)))
    return data_sets
