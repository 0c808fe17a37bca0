"""NegRefCOCOg (Park et al. 2025, parkquasar/NegationCLIP 6f858ee): "the bear without a bow".

440 phrases, each with two boxes of one photo: the crop of the right box has to be above the other
(`negrefcocog_eval.py`). The right box is the first of every row, so that `argmax` gives ties away;
here a tie is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    COCO_TRAIN2014,
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    clone,
    field,
    read_entries,
)
from ahnpl_cli.evaluation.benchmarks.find_files import Box, DataFolders
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.judging import IMAGE_CHOICE
from ahnpl_cli.evaluation.scoring.statistics import pool

FILE = "NegRefCOCOg.json"
PUBLISHED_PHRASES, PUBLISHED_IMAGES = 440, 402
ACCURACY = "accuracy"


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the annotation file."""
    for folder in folders.holding(FILE):
        return {"phrases": folders.path(folder, FILE)}
    return {}


def read_box(box: Any, where: str) -> Box:
    """Return x, y, width and height of a box as Pillow crops it: both corners rounded.

    Raises:
        BenchmarkError: it is not four numbers.
    """
    good = isinstance(box, list) and len(box) == 4
    if not good or not all(isinstance(number, int | float) for number in box):
        raise BenchmarkError("a box is not four numbers", where=where, hint=FETCH_AGAIN)
    x, y, width, height = box
    # Each corner by itself, as Pillow does: a width that is rounded alone would be off by one.
    left, top = round(x), round(y)
    return left, top, round(x + width) - left, round(y + height) - top


def read_boxes(record: Any, where: str) -> list[Box]:
    """Return the boxes of a phrase, the right one first.

    Raises:
        BenchmarkError: the right box is not among them.
    """
    boxes = field(record, "bbox_list", list, where=where)
    right = field(record, "ref_bbox", list, where=where)
    if right not in boxes or len(boxes) < 2:
        raise BenchmarkError("ref_bbox is no box of the list", where=where, hint=FETCH_AGAIN)
    # It is the first in the published file; another order must not change who is right.
    others = [box for box in boxes if box != right]
    return [read_box(box, where) for box in (right, *others)]


def load(copy: LocalCopy) -> Suite:
    """Read the phrases."""
    path = copy.files["phrases"]
    images = copy.image_finder([*copy.folders.image_folders("train2014"), path.parent], coco=True)
    entries = read_entries(path, list)
    items = []
    for key, record in entries:
        where = f"{path}: {key}"
        name = field(record, "image", str, where=where)
        phrase = field(record, "phrase", str, where=where)
        refs = tuple(images.ref(name, box) for box in read_boxes(record, where))
        items.append(Item(key, refs, (phrase,), (ACCURACY,), cluster=name))
    copy.count("phrases", len(items), PUBLISHED_PHRASES)
    copy.count("photos", len({item.cluster for item in items}), PUBLISHED_IMAGES)
    return copy.item_suite(
        copy.limited(items),
        {"micro": pool(ACCURACY)},
        main_subsets=[ACCURACY],
        judge=IMAGE_CHOICE,
        official_ties_win=True,
    )


BENCHMARK = Benchmark(
    name="negrefcocog",
    measures="which of two boxes of a photo a phrase with a negation means",
    source="github.com/parkquasar/NegationCLIP NegRefCOCOg/; images.cocodataset.org train2014",
    license="annotations MIT; photos COCO's terms",
    files=f"{FILE} + train2014/",
    size="0.2 MB, and COCO train2014: 13.5 GB",
    download=f"{clone('parkquasar/NegationCLIP', 'negationclip')} && {COCO_TRAIN2014}",
    find=find,
    load=load,
)
