"""Object lists as labels of images: Pascal VOC 2007 and COCO instances, both multi-label."""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Options, field, read_json
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage, prompts

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
VOC_PUBLISHED = 4952


def read_voc(name: str, folder: Path, shelf: DataFolders, options: Options) -> ClassData:
    """Read VOC 2007 by `ImageSets/Main/<class>_{trainval,test}.txt`: -1 no, 0 difficult, 1 yes.

    Difficult objects count as positive, as in CLIP_benchmark, unless `options.difficult` says
    `negative` or `ignore`.

    Raises:
        BenchmarkError: a class has no list.
    """
    names, templates, files = prompts(folder, VOC_CLASSES, options)
    pictures = ImageFinder([folder / "JPEGImages"])
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


def _read_voc(
    folder: Path, split: str, pictures: ImageFinder, difficult: str
) -> list[LabeledImage]:
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
        LabeledImage(image, pictures.ref(f"{image}.jpg"), tuple(positive), tuple(ignored))
        for image, (positive, ignored) in labels.items()
    ]


def read_coco(name: str, path: Path, shelf: DataFolders, options: Options) -> ClassData:
    """Read `instances_val*.json`, and `instances_train*.json` beside it for a probe.

    Category ids have gaps; images without an object are rows of zeros and stay.
    """
    tree = read_json(path)
    categories = sorted(field(tree, "categories", list, where=str(path)), key=lambda c: c["id"])
    names, templates, files = prompts(path.parent, [c["name"] for c in categories], options)
    number = {category["id"]: i for i, category in enumerate(categories)}
    train_path = path.with_name(path.name.replace("_val", "_train"))
    pictures = ImageFinder(shelf.named("val2017", "val2014", "train2017", "train2014"), shelf)
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


def _read_coco(tree: object, number: dict[int, int], pictures: ImageFinder) -> list[LabeledImage]:
    assert isinstance(tree, dict)
    labels: dict[int, set[int]] = {image["id"]: set() for image in tree["images"]}
    for annotation in tree["annotations"]:
        labels[annotation["image_id"]].add(number[annotation["category_id"]])
    return [
        LabeledImage(name, pictures.ref(name), tuple(sorted(labels[image["id"]])))
        for image in tree["images"]
        if (name := image["file_name"])
    ]
