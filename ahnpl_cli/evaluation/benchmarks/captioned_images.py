"""Captioned test images in the layouts in use: BLIP's, Karpathy's, CLIP_benchmark's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    field,
    read_annotations,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.files import read_text


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


class CaptionedImage(NamedTuple):
    """One image and all its captions."""

    image: str
    captions: tuple[str, ...]


class CaptionedImages(NamedTuple):
    """The images of a file, and how many of its annotations name an image that it has not."""

    images: list[CaptionedImage]
    orphans: int = 0


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the annotation file of each data set, in the first layout that is there."""
    files: dict[str, Path] = {}
    for dataset, source in SOURCES.items():
        for name in source.files:
            for folder in folders.holding(name)[:1]:
                files.setdefault(dataset, folders.path(folder, name))
    return files


def read(path: Path) -> CaptionedImages:
    """Return images and captions of any of the three layouts in use.

    Rows of one image are joined, so that a file with a row for each caption is the same test.

    Raises:
        BenchmarkError: the file has none of them, or a caption is missing or empty.
    """
    # The name tells CLIP_benchmark's text from JSON; of JSON the content tells the layout.
    if path.suffix == ".txt":
        return CaptionedImages(_grouped(_read_text(path)))
    tree = read_annotations(path)
    if isinstance(tree, list):
        return CaptionedImages(_grouped(_read_blip(tree, path)))
    images = field(tree, "images", list, where=str(path))
    if "annotations" in tree:
        return _read_coco(tree, images, path)
    return CaptionedImages(_grouped(_read_karpathy(images, path)))


def _caption(text: Any, where: str) -> str:
    if not isinstance(text, str) or not text.strip():
        state = "empty" if isinstance(text, str) else "no text"
        raise BenchmarkError(f"a caption is {state}", where=where, hint=FETCH_AGAIN)
    return text


def _captions(texts: list[Any], where: str) -> Iterator[str]:
    if not texts:
        raise BenchmarkError("an image without a caption", where=where, hint=FETCH_AGAIN)
    for text in texts:
        yield _caption(text, where)


def _read_blip(records: list[Any], path: Path) -> Iterator[tuple[str, str]]:
    for number, record in enumerate(records):
        where = f"{path}: {number}"
        image = field(record, "image", str, where=where)
        captions = field(record, "caption", (list, str), where=where)
        for caption in _captions([captions] if isinstance(captions, str) else captions, where):
            yield image, caption


def _read_karpathy(images: list[Any], path: Path) -> Iterator[tuple[str, str]]:
    for number, image in enumerate(images):
        where = f"{path}: images.{number}"
        # Karpathy's file holds train, restval, val and test in one list.
        if field(image, "split", str, where=where) != "test":
            continue
        name = field(image, "filename", str, where=where)
        sentences = field(image, "sentences", list, where=where)
        raw = [field(sentence, "raw", str, where=where) for sentence in sentences]
        for caption in _captions(raw, where):
            yield name, caption


def _read_coco(tree: dict[str, Any], images: list[Any], path: Path) -> CaptionedImages:
    """Read COCO captions, as CLIP_benchmark has them; a subset may keep all annotations."""
    names: dict[int | str, str] = {}
    for number, image in enumerate(images):
        where = f"{path}: images.{number}"
        key = field(image, "id", (int, str), where=where)
        names[key] = field(image, "file_name", str, where=where)
    pairs = []
    orphans = 0
    for number, annotation in enumerate(field(tree, "annotations", list, where=str(path))):
        where = f"{path}: annotations.{number}"
        key = field(annotation, "image_id", (int, str), where=where)
        # A subset of images may come with the annotations of all of COCO.
        if key in names:
            pairs.append((names[key], _caption(annotation.get("caption"), where)))
        else:
            orphans += 1
    return CaptionedImages(_grouped(pairs), orphans)


def _read_text(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines `name.jpg,caption` below a header; captions hold commas."""
    lines = read_text(path, error=BenchmarkError, hint=FETCH_AGAIN).split("\n")
    for line in lines[1:]:
        name, _, caption = line.rstrip("\r").partition(".jpg,")
        if caption:
            yield f"{name}.jpg", caption


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[CaptionedImage]:
    captions: dict[str, list[str]] = {}
    for image, caption in pairs:
        captions.setdefault(image, []).append(caption)
    return [CaptionedImage(image, tuple(texts)) for image, texts in captions.items()]
