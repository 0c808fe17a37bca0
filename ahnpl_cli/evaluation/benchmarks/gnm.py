"""GNM's test set (Sahin et al. 2024): groups of 2 to 4 images and captions that differ by one edit.

Per pair: text_1 (the image's best caption is its own), image_1, group_1 (both); per group: *_all,
every pair right. The script takes `argmax`, so the first of equal scores wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    counted,
    field,
    from_hub,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.tables import (
    table_records,
    unpack_zip,
    unpacked_folder,
    zip_names,
)
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict
from ahnpl_cli.evaluation.scoring.judging import GROUP_MEASURES
from ahnpl_cli.evaluation.scoring.statistics import pool
from ahnpl_cli.files import read_jsonl

PUBLISHED_GROUPS, PUBLISHED_PAIRS = 278, 939
IMAGES = tuple(f"image_{i}" for i in range(4))
NAMES = ("gnm", "generative-negative-mining")  # of a folder that holds a table
FIRST_LINE = 1 << 16  # bytes looked at to tell GNM's test.jsonl from anybody's


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `test.jsonl` whose first line has `num_sample` and `caption_0`, or a table of it."""
    for folder in folders.holding("test.jsonl"):
        path = folder / "test.jsonl"
        if path.is_file() and _is_test_file(path):
            return {"test": path} | folders.files(folder, {"zip": "test.zip"})
    for folder, contents in folders.items():
        if not any(name in str(folder).lower() for name in NAMES):
            continue
        for name in sorted(contents):
            if "test" in f"{folder.name}/{name}" and name.endswith((".parquet", ".arrow")):
                return {"table": folders.path(folder, name)} | folders.files(
                    folder, {"zip": "test.zip"}
                )
    return {}


def _is_test_file(path: Path) -> bool:
    # Any file may be called test.jsonl, binary ones too.
    try:
        with path.open("rb") as file:
            first = file.readline(FIRST_LINE)
    except OSError:
        return False
    return b'"num_sample"' in first and b'"caption_0"' in first


def read_group(record: Any, where: str) -> tuple[list[str], list[str]]:
    """Return image names and captions of a group.

    Raises:
        BenchmarkError: the record is not one.
    """
    size = field(record, "num_sample", int, where=where)
    names = []
    captions = []
    for i in range(size):
        captions.append(field(record, f"caption_{i}", str, where=where))
        image = field(record, f"image_{i}", (str, dict), where=where)
        name = image if isinstance(image, str) else field(image, "path", str, where=where)
        names.append(name)
    return names, captions


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """One verdict a pair, and one for the group."""
    similarity = judging.matrix(item, scores)
    of_pairs: dict[str, list[judging.Outcome]] = {measure: [] for measure in GROUP_MEASURES}
    for i in range(len(similarity)):
        text = judging.group_text(similarity, i, ties_win=ties_win)
        image = judging.group_image(similarity, i, ties_win=ties_win)
        both = judging.both(text, image)
        of_pair = dict(zip(GROUP_MEASURES, (text, image, both), strict=True))
        for measure, outcome in of_pair.items():
            of_pairs[measure].append(outcome)
        # A pair keeps the scores of its own image alone; the group below keeps them all.
        outcomes = {f"{measure}_1": outcome for measure, outcome in of_pair.items()}
        yield judging.verdict(item, similarity[i], outcomes, suffix=f".{i}")
    of_group: dict[str, judging.Outcome] = {}
    for measure, pairs in of_pairs.items():
        names = judging.tagged(f"{measure}_all", item.subsets)
        of_group |= dict.fromkeys(names, judging.both(*pairs))
    yield judging.verdict(item, scores, of_group)


def subsets(item: Item) -> Iterator[str]:
    """Yield the subsets that the verdicts of a group count in, once per verdict."""
    for measure in GROUP_MEASURES:
        for _ in item.images:
            yield f"{measure}_1"
        yield from judging.tagged(f"{measure}_all", item.subsets)


def _read_records(copy: LocalCopy, cache: Path) -> Iterator[tuple[str, Any]]:
    if "test" in copy.files:
        yield from read_jsonl(copy.files["test"], error=BenchmarkError, hint=FETCH_AGAIN)
        return
    path = copy.files["table"]
    folder = None if copy.options.peek else cache
    for number, record in enumerate(table_records(path, IMAGES, folder), 1):
        yield f"{path}: row {number}", record


def load(copy: LocalCopy) -> Suite:
    """Read the groups; images are looked for by name anywhere below the file's folder."""
    path = copy.files.get("test") or copy.files["table"]
    archive = copy.files.get("zip", path)
    unpacked = unpacked_folder(archive, copy.options.cache / "gnm")
    if "zip" in copy.files and not copy.options.peek:
        unpack_zip(archive, unpacked)
    groups = [read_group(record, where) for where, record in _read_records(copy, unpacked)]
    images = copy.image_finder([*copy.folders.below(path.parent), unpacked])
    items = []
    for number, (names, captions) in enumerate(copy.limited(groups)):
        if len(captions) > 1:
            refs = tuple(images.ref(name) for name in names)
            tags = (str(len(captions)),)
            key = str(number)
            items.append(Item(key, refs, tuple(captions), tags, cluster=key))
    if "zip" in copy.files and copy.options.peek:
        images.missing -= {path for path in images.missing if path.name in zip_names(archive)}
    if "table" in copy.files and copy.options.peek:
        images.missing.clear()  # The table holds its images, and a look unpacks none.
    # Published numbers are of groups that can be wrong, and of all of them whatever the limit.
    sizes = [len(captions) for _, captions in groups if len(captions) > 1]
    copy.count("groups", len(sizes), PUBLISHED_GROUPS)
    copy.count("pairs", sum(sizes), PUBLISHED_PAIRS)
    alone = len(groups) - len(sizes)
    if alone:
        copy.notes.append(f"{counted(alone, 'group')} of one pair left out: it cannot be wrong")
    names = [f"{measure}_{scope}" for scope in ("all", "1") for measure in GROUP_MEASURES]
    return copy.item_suite(
        items,
        {name: pool(name) for name in names},
        main_subsets=names,
        judge=judging.Judge(judge, subsets),
        headline="group_all",
        official_ties_win=True,
    )


BENCHMARK = Benchmark(
    name="gnm",
    measures="which of 2 to 4 edited images goes with which caption",
    source="huggingface.co/datasets/ugursahin/generative-negative-mining-dataset: test.jsonl, "
    "test.zip; or what `datasets` saved of its split test",
    license="Apache-2.0",
    files="test.jsonl with num_sample and caption_0 + test.zip, or its images; gnm/test*.parquet, "
    "gnm/test/*.arrow",
    size="44 MB",
    download=from_hub("ugursahin/generative-negative-mining-dataset", "gnm", "test.jsonl test.zip"),
    find=find,
    load=load,
)
