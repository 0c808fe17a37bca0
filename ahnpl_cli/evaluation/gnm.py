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

from ahnpl_cli.data.files import write_whole
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation import judging, metrics
from ahnpl_cli.evaluation.averages import pool
from ahnpl_cli.evaluation.benchmark import Benchmark, Options, counted, field, limited
from ahnpl_cli.evaluation.items import Count, Item, ItemSuite, Verdict
from ahnpl_cli.evaluation.locate import Pictures, Shelf

PUBLISHED_GROUPS, PUBLISHED_PAIRS = 278, 939
MEASURES = ("text", "image", "group")


def find(shelf: Shelf, options: Options) -> dict[str, Path]:
    """Return `test.jsonl` whose first line has `num_sample` and `caption_0`."""
    for folder in shelf.holding("test.jsonl"):
        with (folder / "test.jsonl").open(encoding="utf-8") as file:
            first = file.readline()
        if '"num_sample"' in first and '"caption_0"' in first:
            zipped = folder / "test.zip"
            return {"test": folder / "test.jsonl"} | ({"zip": zipped} if zipped.is_file() else {})
    return {}


def read_groups(path: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (number, image names, captions) of every group.

    Raises:
        BenchmarkError: a line is not a group.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            where = f"{path}:{number + 1}"
            try:
                record = json.loads(line)
            except ValueError as error:
                raise BenchmarkError(f"not JSON: {error}", where=where) from error
            size = field(record, "num_sample", int, where=where)
            texts = [field(record, f"caption_{i}", str, where=where) for i in range(size)]
            names = [_name(record, f"image_{i}", where) for i in range(size)]
            yield str(number), names, texts


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
            write_whole(target, packed.read(member))


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


def load(shelf: Shelf, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the groups; images are looked for by name anywhere below the file's folder."""
    home = files["test"].parent
    folders = [home, *(folder for folder in shelf.folders if home in folder.parents)]
    if "zip" in files and not options.peek:
        unpack(files["zip"], options.cache / "gnm")
        folders.append(options.cache / "gnm")
    pictures, groups = Pictures(folders), list(read_groups(files["test"]))
    items = [
        Item(key, tuple(map(pictures.ref, names)), tuple(texts), (str(len(texts)),), cluster=key)
        for key, names, texts in limited(groups, options.limit)
        if len(texts) > 1
    ]
    alone = sum(len(texts) < 2 for _, _, texts in groups)
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
            Count("pairs", sum(len(t) for _, _, t in groups if len(t) > 1), PUBLISHED_PAIRS),
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
    "test.zip",
    licence="Apache-2.0",
    files="test.jsonl with num_sample and caption_0 + test.zip, or its images",
    find=find,
    load=load,
)
