"""GNM's test set (Sahin et al. 2024): groups of 2 to 4 images and captions that differ by one edit.

Per pair: text_1 (the image's best caption is its own), image_1, group_1 (both); per group: *_all,
every pair right. The script takes `argmax`, so the first of equal scores wins.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, counted, field, limited
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.parquet import table_records
from ahnpl_cli.evaluation.scoring import judging, metrics
from ahnpl_cli.evaluation.scoring.averages import pool
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite, Verdict
from ahnpl_cli.files import write_atomic

PUBLISHED_GROUPS, PUBLISHED_PAIRS = 278, 939
MEASURES = ("text", "image", "group")
IMAGES = tuple(f"image_{i}" for i in range(4))
NAMES = ("gnm", "generative-negative-mining")  # of a folder that holds a table


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return `test.jsonl` whose first line has `num_sample` and `caption_0`, or a table of it."""
    for folder in shelf.holding("test.jsonl"):
        with (folder / "test.jsonl").open(encoding="utf-8") as file:
            first = file.readline()
        if '"num_sample"' in first and '"caption_0"' in first:
            return {"test": folder / "test.jsonl"} | _zip(folder)
    for folder, names in shelf.folders.items():
        if any(name in str(folder).lower() for name in NAMES):
            for name in sorted(names):
                if "test" in f"{folder.name}/{name}" and name.endswith((".parquet", ".arrow")):
                    return {"table": folder / name} | _zip(folder)
    return {}


def _zip(folder: Path) -> dict[str, Path]:
    return {"zip": folder / "test.zip"} if (folder / "test.zip").is_file() else {}


def read_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (where, record) of `test.jsonl`.

    Raises:
        BenchmarkError: a line is not JSON.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            try:
                yield where, json.loads(line)
            except ValueError as error:
                raise BenchmarkError(f"not JSON: {error}", where=where) from error


def read_table(path: Path, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield (where, record) of a table that `datasets` wrote; its images go to `folder`."""
    for number, record in enumerate(table_records(path, IMAGES, folder), 1):
        yield f"{path}: row {number}", record


def group(record: Any, where: str) -> tuple[list[str], list[str]]:
    """Return image names and captions of a group.

    Raises:
        BenchmarkError: the record is not one.
    """
    size = field(record, "num_sample", int, where=where)
    texts = [field(record, f"caption_{i}", str, where=where) for i in range(size)]
    return [_name(record, f"image_{i}", where) for i in range(size)], texts


def _name(record: Any, key: str, where: str) -> str:
    value = field(record, key, (str, dict), where=where)
    return value if isinstance(value, str) else str(field(value, "path", str, where=where))


def unpack(archive: Path, folder: Path) -> None:
    """Write the images of a zip file into one folder, by base name, once."""
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            target = folder / PurePosixPath(member.filename).name
            if member.is_dir() or target.exists():
                continue
            write_atomic(target, packed.read(member))


def judge(item: Item, scores: tuple[float, ...], ties_win: bool) -> Iterator[Verdict]:
    """One verdict a pair, and one for the group."""
    s = judging.matrix(item, scores)
    everyone: dict[str, list[metrics.Outcome]] = {measure: [] for measure in MEASURES}
    for i in range(len(s)):
        text = metrics.group_text(s, i, ties_win=ties_win)
        image = metrics.group_image(s, i, ties_win=ties_win)
        outcomes = dict(zip(MEASURES, (text, image, metrics.both(text, image)), strict=True))
        for measure, outcome in outcomes.items():
            everyone[measure].append(outcome)
        ones = {f"{measure}_1": outcome for measure, outcome in outcomes.items()}
        yield judging.verdict(item, s[i], ones, suffix=f".{i}")
    rows: dict[str, metrics.Outcome] = {}
    for measure, found in everyone.items():
        rows |= judging.keyed(f"{measure}_all", item.rows, metrics.both(*found))
    yield judging.verdict(item, scores, rows)


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the groups; images are looked for by name anywhere below the file's folder."""
    path, cache = files.get("test") or files["table"], options.cache / "gnm"
    home = path.parent
    if "zip" in files:
        unpack(files["zip"], cache)
    records = read_lines(path) if "test" in files else read_table(path, cache)
    groups = [group(record, where) for where, record in records]
    below = (folder for folder in shelf.folders if home in folder.parents)
    pictures = ImageFinder([home, *below, cache])
    items = [
        Item(
            str(n),
            tuple(map(pictures.ref, names)),
            tuple(texts),
            (str(len(texts)),),
            cluster=str(n),
        )
        for n, (names, texts) in enumerate(limited(groups, options.limit))
        if len(texts) > 1
    ]
    alone = sum(len(texts) < 2 for _, texts in groups)
    note = f"{counted(alone, 'group')} of one pair left out: it cannot be wrong"
    return ItemSuite(
        name="gnm",
        items=items,
        judge=judge,
        averages={f"{m}_{which}": pool(f"{m}_{which}") for which in ("all", "1") for m in MEASURES},
        primary="group_all",
        shown=[*(f"{m}_all" for m in MEASURES), *(f"{m}_1" for m in MEASURES)],
        counts=[
            Count("groups", len(groups) - alone, PUBLISHED_GROUPS),
            Count("pairs", sum(len(t) for _, t in groups if len(t) > 1), PUBLISHED_PAIRS),
        ],
        notes=[note] if alone else [],
        files=list(files.values()),
        official_ties_win=True,
        absent=frozenset(pictures.missing),
    )


BENCHMARK = Benchmark(
    name="gnm",
    measures="which of 2 to 4 edited images goes with which caption",
    source="huggingface.co/datasets/ugursahin/generative-negative-mining-dataset: test.jsonl, "
    "test.zip; or what `datasets` saved of its split test",
    license="Apache-2.0",
    files="test.jsonl with num_sample and caption_0 + test.zip, or its images; gnm/test*.parquet, "
    "gnm/test/*.arrow",
    find=find,
    load=load,
)
