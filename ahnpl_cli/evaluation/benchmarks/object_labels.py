"""Object lists as labels of images: Pascal VOC and COCO instances, both multi-label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    LocalCopy,
    field,
    read_annotations,
)
from ahnpl_cli.evaluation.benchmarks.find_files import ImageFinder
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage, read_prompts
from ahnpl_cli.files import read_text

VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
VOC_PUBLISHED = 4952
# 2012's test labels are secret, so its val is what can be reported.
VOC_SPLITS = {"VOC2007": ("test", "trainval"), "VOC2012": ("val", "train")}
COCO_IMAGES = ("val2017", "val2014", "train2017", "train2014")


def read_voc(name: str, folder: Path, copy: LocalCopy) -> ClassData:
    """Read `ImageSets/Main/<class>_<split>.txt`: -1 no, 0 difficult, 1 yes.

    Difficult objects count as positive, as in CLIP_benchmark, unless `options.difficult` says
    `negative` or `ignore`.

    Raises:
        BenchmarkError: a class has no list, or a list is none.
    """
    test_split, train_split = VOC_SPLITS[folder.name]
    prompts = read_prompts(name, folder, VOC_CLASSES, copy.options)
    images = copy.image_finder([folder / "JPEGImages"])
    difficult = copy.options.difficult
    train: list[LabeledImage] = []
    if _voc_list(folder, VOC_CLASSES[0], train_split).is_file():
        train = _read_voc_split(folder, train_split, images, difficult)
    return ClassData(
        name,
        prompts.classes,
        prompts.templates,
        test=_read_voc_split(folder, test_split, images, difficult),
        train=train,
        multi=True,
        files=[*(_voc_list(folder, c, test_split) for c in VOC_CLASSES), *prompts.files],
        missing=frozenset(images.missing),
        published=VOC_PUBLISHED if folder.name == "VOC2007" else None,
        notes=prompts.notes,
    )


def _voc_list(folder: Path, class_name: str, split: str) -> Path:
    return folder / "ImageSets" / "Main" / f"{class_name}_{split}.txt"


def _read_voc_split(
    folder: Path, split: str, images: ImageFinder, difficult: str
) -> list[LabeledImage]:
    labels: dict[str, tuple[list[int], list[int]]] = {}
    for number, class_name in enumerate(VOC_CLASSES):
        path = _voc_list(folder, class_name, split)
        hint = "Unpack VOCtest_06-Nov-2007." if folder.name == "VOC2007" else FETCH_AGAIN
        for line in read_text(path, error=BenchmarkError, hint=hint).split("\n"):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or words[1] not in ("-1", "0", "1"):
                raise BenchmarkError(f"not a name and -1, 0 or 1: {line!r}", where=str(path))
            image, value = words
            positive, ignored = labels.setdefault(image, ([], []))
            if value == "1" or (value == "0" and difficult == "positive"):
                positive.append(number)
            elif value == "0" and difficult == "ignore":
                ignored.append(number)
    return [
        LabeledImage(image, images.ref(f"{image}.jpg"), tuple(positive), tuple(ignored))
        for image, (positive, ignored) in labels.items()
    ]


def read_coco(name: str, path: Path, copy: LocalCopy) -> ClassData:
    """Read `instances_val*.json`, and `instances_train*.json` beside it for a probe.

    Category ids have gaps; images without an object are rows of zeros and stay.

    Raises:
        BenchmarkError: a file is not COCO's.
    """
    tree = read_annotations(path)
    where = str(path)
    categories: list[tuple[int, str]] = []
    for category in field(tree, "categories", list, where=where):
        key = field(category, "id", int, where=where)
        categories.append((key, field(category, "name", str, where=where)))
    # By id, for files list categories in any order, and classnames.txt has to mean one.
    categories.sort()
    labels = [label for _, label in categories]
    prompts = read_prompts(name, path.parent, labels, copy.options)
    numbers = {key: number for number, (key, _) in enumerate(categories)}
    images = copy.image_finder(copy.folders.image_folders(*COCO_IMAGES), coco=True)
    test, orphans = _read_coco_images(tree, path, numbers, images)
    train_path = path.with_name(path.name.replace("_val", "_train"))
    train: Sequence[LabeledImage] = ()
    if train_path.is_file():
        train, _ = _read_coco_images(read_annotations(train_path), train_path, numbers, images)
    notes = [f"{orphans:,} annotations of images that it does not list, left out"]
    return ClassData(
        name,
        prompts.classes,
        prompts.templates,
        test=test,
        train=train,
        multi=True,
        files=[path, *prompts.files],
        missing=frozenset(images.missing),
        notes=notes if orphans else (),
    )


def _read_coco_images(
    tree: Any, path: Path, numbers: dict[int, int], images: ImageFinder
) -> tuple[list[LabeledImage], int]:
    """Return the images with their labels, and how many annotations name no image."""
    names: dict[int, str] = {}
    labels: dict[int, set[int]] = {}
    for i, image in enumerate(field(tree, "images", list, where=str(path))):
        where = f"{path}: images.{i}"
        key = field(image, "id", int, where=where)
        names[key] = field(image, "file_name", str, where=where)
        labels[key] = set()
    orphans = 0
    for i, annotation in enumerate(field(tree, "annotations", list, where=str(path))):
        where = f"{path}: annotations.{i}"
        key = field(annotation, "image_id", int, where=where)
        category = field(annotation, "category_id", int, where=where)
        if category not in numbers:
            raise BenchmarkError(f"no category {category}", where=where, hint=FETCH_AGAIN)
        if key in labels:
            labels[key].add(numbers[category])
        else:
            orphans += 1
    rows = []
    for key, name in names.items():
        rows.append(LabeledImage(name, images.ref(name), tuple(sorted(labels[key]))))
    return rows, orphans
