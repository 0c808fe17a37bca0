"""ColorSwap (Burapacheep et al. 2024, Top34051/colorswap): the same words, colors exchanged.

300 pairs of test images, judged as Winoground: text, image and group score. Also by who wrote the
caption and who made the image.
"""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    Benchmark,
    LocalCopy,
    field,
    from_hub,
    read_entries,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.tables import Records, find_tables, read_tables
from ahnpl_cli.evaluation.benchmarks.two_by_two import two_by_two_suite
from ahnpl_cli.evaluation.scoring.items import Item, Suite

PUBLISHED = 300
FILE = "test.json"
NAME = "colorswap"
SOURCES = ("caption_source", "image_source")


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `test.json` in a folder called colorswap, or the tables."""
    for folder in folders.holding(FILE):
        if any(NAME in part.lower() for part in folder.parts[-3:]):
            return {"json": folders.path(folder, FILE)}
    return find_tables(folders, NAME)


def _read_records(copy: LocalCopy) -> Records:
    path = copy.files.get("json")
    if path is None:
        return read_tables(copy, ("image_1", "image_2"))
    rows = [(f"{path}: {key}", record) for key, record in read_entries(path, list)]
    return Records(rows, copy.image_finder(copy.folders.below(path.parent)))


def load(copy: LocalCopy) -> Suite:
    """Read the pairs that `find` found.

    Raises:
        BenchmarkError: there is none, or a field is missing.
    """
    records = _read_records(copy)
    if not records.rows:
        raise BenchmarkError("no pair", where=str(next(iter(copy.files.values()))))
    items = []
    for number, (where, record) in enumerate(copy.limited(records.rows)):
        names = [field(record, f"image_{i}", str, where=where) for i in (1, 2)]
        texts = tuple(field(record, f"caption_{i}", str, where=where) for i in (1, 2))
        refs = tuple(records.images.ref(name) for name in names)
        # Who made it: people, or a model of that name.
        tags = tuple(f"{source[:-7]} by {record[source]}" for source in SOURCES if source in record)
        items.append(Item(str(number), refs, texts, tags, cluster=str(number)))
    if records.embedded and copy.options.peek:
        records.images.missing.clear()  # The table holds its images, and a look unpacks none.
    copy.count("pairs", len(records.rows), PUBLISHED)
    return two_by_two_suite(copy, items)


BENCHMARK = Benchmark(
    name="colorswap",
    measures="which of two images goes with which of two captions whose colors are exchanged",
    source="huggingface.co/datasets/stanfordnlp/colorswap (gated): the split test",
    license="gated, as its page says",
    files="colorswap/**/test.json + its images, or colorswap/test*.parquet or .arrow",
    size="2,000 images, of which the test has 600; accept its terms and log in: hf auth login",
    download=from_hub("stanfordnlp/colorswap", "colorswap"),
    find=find,
    load=load,
)
