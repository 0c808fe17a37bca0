"""Winoground (Thrush et al. 2022, HF facebook/winoground): two images, two captions, 400 groups.

text: each image prefers its own caption; image: each caption prefers its own image; group: both
(strict `>`, chance 25 / 25 / 16.67). Also per `collapsed_tag` and per tag of Diwan et al. 2022.

`data/winoground_tags.json` is their `new_tag_assignments.json` (MIT) by tag. Tags overlap. 172
groups have none, where the paper's No Tag has 171: its list leaves out 313. `score_subsets.py` also
has Easier, groups without a tag or Non Minimal, and Harder, the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    field,
    from_hub,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.tables import table_records, unpacked_folder
from ahnpl_cli.evaluation.benchmarks.two_by_two import ordered_tags, two_by_two_suite
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.files import read_jsonl, read_object

PUBLISHED = 400
TAG_FILES = ("new_tag_assignments.json", "tag_assignments.json")
COLLAPSED = ("Object", "Relation", "Both")
NO_TAG, NON_MINIMAL = "No Tag", "Non Minimal"
EASIER, HARDER = "Easier", "Harder"
UNLISTED = 313  # without a tag, and yet not in the paper's No Tag


@functools.cache
def published_tags() -> dict[str, frozenset[int]]:
    """Return the groups of each tag of Diwan et al., and those of No Tag at the end."""
    tree = read_object(Path(__file__).parent / "data" / "winoground_tags.json")
    tags = {tag: frozenset(numbers) for tag, numbers in tree.items()}
    untagged = frozenset(range(PUBLISHED)).difference({UNLISTED}, *tags.values())
    return {**tags, NO_TAG: untagged}


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `examples.jsonl`, or the parquet export in a folder called winoground."""
    for folder in folders.holding("examples.jsonl"):
        return {"examples": folders.path(folder, "examples.jsonl"), **_tag_file(folders)}
    for folder in [*folders.named("winoground"), *folders.named("data")]:
        for path in sorted(folder.glob("test-*.parquet")):
            if "winoground" in str(path).lower():
                return {"parquet": path, **_tag_file(folders)}
    return {}


def _tag_file(folders: DataFolders) -> dict[str, Path]:
    for name in TAG_FILES:
        for folder in folders.holding(name):
            return {"tags": folders.path(folder, name)}
    return {}


def read_tags(path: Path) -> dict[int, tuple[str, ...]]:
    """Return the tags of each group in a file like `new_tag_assignments.json`.

    Raises:
        BenchmarkError: it is not one.
    """
    tags: dict[int, tuple[str, ...]] = {}
    for key, names in read_object(path, error=BenchmarkError, hint=FETCH_AGAIN).items():
        good = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not good or not key.isdecimal():
            where = f"{path}: {key}"
            raise BenchmarkError("not a group with its tags", where=where, hint=FETCH_AGAIN)
        tags[int(key)] = tuple(names)
    return tags


def diwan_tags(number: int, own: dict[int, tuple[str, ...]] | None = None) -> tuple[str, ...]:
    """Return the Diwan tags of a group.

    Args:
        number: of the group.
        own: tags of the file that is there; without it the published ones count.
    """
    published = published_tags()
    if own is None:
        tags = tuple(tag for tag, numbers in published.items() if number in numbers)
    else:
        tags = own.get(number, ())
        if not tags and number in published[NO_TAG]:
            tags = (NO_TAG,)
    easier = NO_TAG in tags or NON_MINIMAL in tags
    return (*tags, EASIER if easier else HARDER)


def _no_tags(number: int) -> tuple[str, ...]:
    return ()


def _tags_of_groups(copy: LocalCopy, groups: int) -> Callable[[int], tuple[str, ...]]:
    """Return what gives the Diwan tags of a group: those of a file, the published ones, or none.

    Tags go by number, so the published ones are used only on the published 400 groups.
    """
    if "tags" in copy.files:
        return functools.partial(diwan_tags, own=read_tags(copy.files["tags"]))
    return diwan_tags if groups == PUBLISHED else _no_tags


def _read_item(record: Any, images: ImageFinder, where: str) -> Item:
    number = field(record, "id", int, where=where)
    texts = tuple(field(record, f"caption_{i}", str, where=where) for i in range(2))
    refs = []
    for i in range(2):
        name = field(record, f"image_{i}", str, where=where)
        # examples.jsonl names the stem; the files of images.zip are PNG.
        refs.append(images.ref(name if Path(name).suffix else f"{name}.png"))
    collapsed = str(record.get("collapsed_tag") or "untagged")
    return Item(str(number), tuple(refs), texts, (collapsed,), cluster=str(number))


def _read_records(copy: LocalCopy) -> tuple[list[tuple[str, Any]], ImageFinder]:
    if "parquet" in copy.files:
        path = copy.files["parquet"]
        folder = unpacked_folder(path, copy.options.cache / "winoground")
        written = None if copy.options.peek else folder
        rows = table_records(path, ("image_0", "image_1"), written)
        records = [(f"{path}: {number}", record) for number, record in enumerate(rows)]
        return records, copy.image_finder([folder])
    path = copy.files["examples"]
    records = list(read_jsonl(path, error=BenchmarkError, hint=FETCH_AGAIN))
    places = [path.parent / "images", *copy.folders.named("winoground"), path.parent]
    return records, copy.image_finder(places)


def load(copy: LocalCopy) -> Suite:
    """Read the file that `find` found."""
    records, images = _read_records(copy)
    tags_of = _tags_of_groups(copy, len(records))
    items = []
    for where, record in copy.limited(records):
        item = _read_item(record, images, where)
        items.append(replace(item, subsets=(*item.subsets, *tags_of(int(item.id)))))
    if "parquet" in copy.files and copy.options.peek:
        images.missing.clear()  # The table holds its images, and a look unpacks none.
    copy.count("groups", len(records), PUBLISHED)
    return two_by_two_suite(copy, items, tags=ordered_tags(items, _tag_order()))


def _tag_order() -> list[str]:
    tags = [tag for tag in published_tags() if tag != NO_TAG]
    return [*COLLAPSED, NO_TAG, *tags, EASIER, HARDER]


BENCHMARK = Benchmark(
    name="winoground",
    measures="which of two images goes with which of two captions of the same words",
    source="huggingface.co/datasets/facebook/winoground (gated): examples.jsonl + images.zip, "
    "or the parquet; tags: github.com/ajd12342/why-winoground-hard",
    license="gated, research terms of Meta and Getty Images; tags MIT",
    files="examples.jsonl + images/ex_0_img_0.png ..., or winoground/data/test-*.parquet",
    size="800 images; accept its terms and log in: hf auth login",
    download=from_hub("facebook/winoground", "winoground"),
    find=find,
    load=load,
)
