"""Winoground (Thrush et al. 2022, HF facebook/winoground): two images, two captions, 400 groups.

text: each image prefers its own caption; image: each caption prefers its own image; group: both
(strict `>`, chance 25 / 25 / 16.67). Also per `collapsed_tag` and per tag of Diwan et al. 2022.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, field, limited, read_json
from ahnpl_cli.evaluation.benchmarks.diwan import NO_TAG, TAGS
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.parquet import table_records
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.averages import pool
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite

PUBLISHED = 400
MEASURES = ("text", "image", "group")
TAG_FILES = ("new_tag_assignments.json", "tag_assignments.json")
COLLAPSED = ("Object", "Relation", "Both")


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return `examples.jsonl`, or the parquet export in a folder called winoground."""
    for folder in shelf.holding("examples.jsonl"):
        return {"examples": folder / "examples.jsonl", **_tags(shelf)}
    for folder in [*shelf.named("winoground"), *shelf.named("data")]:
        for path in sorted(folder.glob("test-*.parquet")):
            if "winoground" in str(path).lower():
                return {"parquet": path, **_tags(shelf)}
    return {}


def _tags(shelf: DataFolders) -> dict[str, Path]:
    paths = [folder / name for name in TAG_FILES for folder in shelf.holding(name)]
    return {"tags": paths[0]} if paths else {}


def read_lines(path: Path) -> Iterator[Any]:
    """Yield the records of a JSONL file.

    Raises:
        BenchmarkError: a line is not JSON.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise BenchmarkError(f"not JSON: {error}", where=f"{path}:{number}") from error


def diwan_tags(path: Path | None, number: int) -> tuple[str, ...]:
    """Return the Diwan tags of a group: of the file that is there, or of the published list."""
    if path is not None:
        tags = read_json(path)
        return tuple(tags.get(str(number), ())) or (("No Tag",) if number in NO_TAG else ())
    found = tuple(tag for tag, numbers in TAGS.items() if number in numbers)
    return found or (("No Tag",) if number in NO_TAG else ())


def _item(
    record: Any, pictures: ImageFinder, tags: Path | None, published: bool, where: str
) -> Item:
    number = int(field(record, "id", int, where=where))
    texts = [field(record, f"caption_{i}", str, where=where) for i in range(2)]
    names = [field(record, f"image_{i}", str, where=where) for i in range(2)]
    # examples.jsonl names the stem; the files of images.zip are PNG.
    files = [name if Path(name).suffix else f"{name}.png" for name in names]
    keys: tuple[str, ...] = (str(record.get("collapsed_tag") or "untagged"),)
    if published or tags:
        keys += diwan_tags(tags, number)
    refs = tuple(pictures.ref(name) for name in files)
    return Item(str(number), refs, tuple(texts), keys, cluster=str(number))


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the file that `find` found.

    The Diwan tags go by number, so they are used only on the published 400 groups.
    """
    path = files.get("examples") or files["parquet"]
    if "parquet" in files:
        folder = options.cache / "winoground"
        records = list(table_records(path, ("image_0", "image_1"), folder))
        pictures = ImageFinder([folder])
    else:
        records = list(read_lines(path))
        pictures = ImageFinder([path.parent / "images", *shelf.named("winoground"), path.parent])
    published = len(records) == PUBLISHED
    items = [
        _item(record, pictures, files.get("tags"), published, f"{path}: {number}")
        for number, record in enumerate(limited(records, options.limit))
    ]
    keys = sorted({key for item in items for key in item.rows}, key=_tag_order)
    return ItemSuite(
        name="winoground",
        items=items,
        judge=judging.winoground,
        averages={measure: pool(measure) for measure in MEASURES},
        primary="group",
        shown=[*MEASURES, *(f"{m} / {key}" for key in keys for m in MEASURES)],
        counts=[Count("groups", len(records), PUBLISHED)],
        files=list(files.values()),
        absent=frozenset(pictures.missing),
    )


def _tag_order(key: str) -> tuple[int, str]:
    order = [*COLLAPSED, "No Tag", *TAGS]
    return (order.index(key) if key in order else len(order), key)


BENCHMARK = Benchmark(
    name="winoground",
    measures="which of two images goes with which of two captions of the same words",
    source="huggingface.co/datasets/facebook/winoground (gated): examples.jsonl + images.zip, "
    "or the parquet; tags: github.com/ajd12342/why-winoground-hard",
    license="gated, research terms of Meta and Getty Images; tags MIT",
    files="examples.jsonl + images/ex_0_img_0.png ..., or winoground/data/test-*.parquet",
    find=find,
    load=load,
)
