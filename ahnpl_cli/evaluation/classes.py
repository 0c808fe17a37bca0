"""Labelled images as users have them: class folders, CSV, Pascal VOC 2007, COCO instances."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ahnpl_cli.data.images import SUFFIXES, ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmark import Options, field, limited, read_json
from ahnpl_cli.evaluation.locate import Pictures, Shelf

TEST_SPLITS = ("test", "val", "validation")
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
VOC_PUBLISHED = 4952
DEFAULT_TEMPLATES = ("a photo of a {}.",)


@dataclass(frozen=True, slots=True)
class Labelled:
    """An image and what is on it.

    Attributes:
        image: the file.
        labels: class numbers; exactly one unless the data set is multi-label.
        ignored: class numbers that do not count on this image (VOC's difficult objects).
    """

    image: ImageRef
    labels: tuple[int, ...]
    ignored: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassData:
    """One data set of labelled images.

    Attributes:
        name: short, for rows and averages.
        classes: names as put into the prompts.
        templates: prompts, with {} for the class name.
        test: what is reported on.
        train: what a linear probe learns from; empty if there is none.
        multi: whether an image may have several labels, or none.
        files: what was read beside the images.
        missing: images that are not here.
        published: number of test images, None if unknown.
    """

    name: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    test: Sequence[Labelled]
    train: Sequence[Labelled]
    multi: bool
    files: Sequence[Path] = ()
    missing: frozenset[Path] = frozenset()
    published: int | None = None


def find(shelf: Shelf, options: Options) -> dict[str, Path]:
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


def _lines(path: Path | None) -> tuple[str, ...] | None:
    """Return the lines of a text file that are not blank, or None without a file."""
    if path is None or not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def prompts(
    home: Path, defaults: Sequence[str], options: Options
) -> tuple[tuple[str, ...], tuple[str, ...], list[Path]]:
    """Return class names and templates: as named, beside the images, or by default.

    Args:
        home: where `classnames.txt` and `templates.txt` are looked for.
        defaults: class names in order, such as the folders' names.
        options: may name both files.

    Raises:
        BenchmarkError: another number of names than classes, or a template without {}.
    """
    paths = {
        role: options.paths.get(role, home / f"{role}.txt") for role in ("classnames", "templates")
    }
    names = _lines(paths["classnames"]) or tuple(one.replace("_", " ") for one in defaults)
    templates = _lines(paths["templates"]) or DEFAULT_TEMPLATES
    if len(names) != len(defaults):
        what = f"{len(names)} class names for {len(defaults)} classes"
        raise BenchmarkError(what, where=str(paths["classnames"]))
    bad = [one for one in templates if "{}" not in one]
    if bad:
        raise BenchmarkError(f"no {{}} in {bad[0]!r}", where=str(paths["templates"]))
    return names, templates, [path for path in paths.values() if path.is_file()]


def read_folders(name: str, folder: Path, shelf: Shelf, options: Options) -> ClassData:
    """Read `test|val/<class>/*` and, for a probe, `train/<class>/*`."""
    test = _test_folder(folder, shelf.folders[folder])
    assert test is not None  # `find` returned the folder because it has one.
    order = [path.name for path in _class_folders(test)]
    names, templates, files = prompts(folder, order, options)

    def labelled(split: Path) -> list[Labelled]:
        return [
            Labelled(ImageRef(path), (number,))
            for number, one in enumerate(order)
            for path in sorted((split / one).glob("*"))
            if path.suffix.lower() in SUFFIXES
        ]

    train = labelled(folder / "train") if test.name != "train" else []
    return ClassData(name, names, templates, labelled(test), train, False, files)


def read_csv(name: str, path: Path, shelf: Shelf, options: Options) -> ClassData:
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
    splits: dict[bool, list[Labelled]] = {True: [], False: []}
    missing = set()
    for row, found in zip(rows, labels, strict=True):
        ref = ImageRef(path.parent / row["filepath"])
        missing |= set() if ref.path.is_file() else {ref.path}
        one = Labelled(ref, tuple(number[label] for label in found))
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


def read_voc(name: str, folder: Path, shelf: Shelf, options: Options) -> ClassData:
    """Read VOC 2007 by `ImageSets/Main/<class>_{trainval,test}.txt`: -1 no, 0 difficult, 1 yes.

    Difficult objects count as positive, as in CLIP_benchmark, unless `options.difficult` says
    `negative` or `ignore`.

    Raises:
        BenchmarkError: a class has no list.
    """
    names, templates, files = prompts(folder, VOC_CLASSES, options)
    pictures = Pictures([folder / "JPEGImages"])
    test, train = (
        _read_voc(folder, split, pictures, options.difficult) for split in ("test", "trainval")
    )
    return ClassData(
        name,
        names,
        templates,
        test=test,
        train=train,
        multi=True,
        files=[*(_voc_list(folder, one, "test") for one in VOC_CLASSES), *files],
        missing=frozenset(pictures.missing),
        published=VOC_PUBLISHED,
    )


def _voc_list(folder: Path, one: str, split: str) -> Path:
    return folder / "ImageSets" / "Main" / f"{one}_{split}.txt"


def _read_voc(folder: Path, split: str, pictures: Pictures, difficult: str) -> list[Labelled]:
    labels: dict[str, tuple[list[int], list[int]]] = {}
    for number, one in enumerate(VOC_CLASSES):
        path = _voc_list(folder, one, split)
        if not path.is_file():
            if split == "trainval":
                return []
            raise BenchmarkError(
                "no such list", where=str(path), hint="Unpack VOCtest_06-Nov-2007."
            )
        for line in path.read_text(encoding="utf-8").split("\n"):
            if not line.strip():
                continue
            image, value = line.split()
            positive, ignored = labels.setdefault(image, ([], []))
            if value == "1" or (value == "0" and difficult == "positive"):
                positive.append(number)
            elif value == "0" and difficult == "ignore":
                ignored.append(number)
    return [
        Labelled(pictures.ref(f"{image}.jpg"), tuple(positive), tuple(ignored))
        for image, (positive, ignored) in labels.items()
    ]


def read_coco(name: str, path: Path, shelf: Shelf, options: Options) -> ClassData:
    """Read `instances_val*.json`, and `instances_train*.json` beside it for a probe.

    Category ids have gaps; images without an object are rows of zeros and stay.
    """
    tree = read_json(path)
    categories = sorted(field(tree, "categories", list, where=str(path)), key=lambda c: c["id"])
    names, templates, files = prompts(path.parent, [c["name"] for c in categories], options)
    number = {category["id"]: i for i, category in enumerate(categories)}
    train_path = path.with_name(path.name.replace("_val", "_train"))
    pictures = Pictures(shelf.named("val2017", "val2014", "train2017", "train2014"), shelf)
    test = _read_coco(tree, number, pictures)
    train = _read_coco(read_json(train_path), number, pictures) if train_path.is_file() else []
    return ClassData(
        name,
        names,
        templates,
        test=test,
        train=train,
        multi=True,
        files=[path, *files],
        missing=frozenset(pictures.missing),
    )


def _read_coco(tree: object, number: dict[int, int], pictures: Pictures) -> list[Labelled]:
    assert isinstance(tree, dict)
    labels: dict[int, set[int]] = {image["id"]: set() for image in tree["images"]}
    for annotation in tree["annotations"]:
        labels[annotation["image_id"]].add(number[annotation["category_id"]])
    return [
        Labelled(pictures.ref(image["file_name"]), tuple(sorted(labels[image["id"]])))
        for image in tree["images"]
    ]


READERS: dict[str, Callable[[str, Path, Shelf, Options], ClassData]] = {
    "folders": read_folders,
    "csv": read_csv,
    "voc": read_voc,
    "coco": read_coco,
}


def read(shelf: Shelf, files: dict[str, Path], options: Options) -> list[ClassData]:
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
