"""Captioned test images in the layouts in use: BLIP's, Karpathy's, CLIP_benchmark's."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.evaluation.benchmarks.base import Options, field, read_json
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders


class Source(NamedTuple):
    """Where one data set lies and how large it was published."""

    files: tuple[str, ...]
    images: tuple[str, ...]
    n_images: int
    n_captions: int


SOURCES = {
    "COCO": Source(
        ("coco_karpathy_test.json", "dataset_coco.json", "coco_test_karpathy.json"),
        ("val2014",),
        5_000,
        25_010,
    ),
    "Flickr30k": Source(
        ("flickr30k_test.json", "dataset_flickr30k.json", "flickr30k_test_karpathy.txt"),
        ("flickr30k-images", "flickr30k_images"),
        1_000,
        5_000,
    ),
}


class Captioned(NamedTuple):
    """One image and all its captions."""

    image: str
    captions: tuple[str, ...]


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return the annotation file of each data set, in the first layout that is there."""
    found: dict[str, Path] = {}
    for name, source in SOURCES.items():
        for file in source.files:
            for folder in shelf.holding(file)[:1]:
                found.setdefault(name, folder / file)
    return found


def read(path: Path) -> list[Captioned]:
    """Return images and captions of any of the three layouts in use.

    Raises:
        BenchmarkError: the file has none of them.
    """
    if path.suffix == ".txt":
        return _grouped(_read_text(path))
    tree, where = read_json(path), str(path)
    if isinstance(tree, list):  # BLIP
        return [
            Captioned(
                field(record, "image", str, where=where),
                tuple(field(record, "caption", list, where=where)),
            )
            for record in tree
        ]
    images = field(tree, "images", list, where=where)
    if "annotations" in tree:  # COCO captions, as CLIP_benchmark has it
        names = {image["id"]: image["file_name"] for image in images}
        return _grouped((names[a["image_id"]], a["caption"]) for a in tree["annotations"])
    return [  # Karpathy
        Captioned(image["filename"], tuple(s["raw"] for s in image["sentences"]))
        for image in images
        if image["split"] == "test"
    ]


def _read_text(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines `name.jpg,caption` below a header; captions hold commas."""
    with path.open(encoding="utf-8", newline="") as file:
        next(csv.reader(file), None)
        for line in file:
            name, _, caption = line.rstrip("\r\n").partition(".jpg,")
            if caption:
                yield f"{name}.jpg", caption


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[Captioned]:
    captions: dict[str, list[str]] = {}
    for image, caption in pairs:
        captions.setdefault(image, []).append(caption)
    return [Captioned(image, tuple(texts)) for image, texts in captions.items()]
