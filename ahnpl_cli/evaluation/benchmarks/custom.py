"""Your own test set: our JSONL of captions with negatives, `ahnpl eval FILE`.

`all`: the caption is above every negative of its record; one subset a kind: above those of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, LocalCopy, counted
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, is_existing_file
from ahnpl_cli.evaluation.scoring import judging, metrics
from ahnpl_cli.evaluation.scoring.averages import Average, mean, pool
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict

FILE = "custom.jsonl"
ALL = "all"


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `custom.jsonl`, where it is among the data."""
    for folder in folders.holding(FILE):
        return {"custom": folders.path(folder, FILE)}
    return {}


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """The caption above all negatives, and above those of each kind; `subsets` are their kinds."""
    # `subsets` has one kind per negative, in the order of their scores.
    outcomes = {ALL: metrics.choose(scores)}
    negatives = list(zip(scores[1:], item.subsets, strict=True))
    for kind in dict.fromkeys(item.subsets):
        of_kind = [score for score, other in negatives if other == kind]
        outcomes[kind] = metrics.beats(scores[0], max(of_kind))
    yield judging.verdict(item, scores, outcomes)


def subsets(item: Item) -> list[str]:
    """Return the subsets that the verdict of an item counts in."""
    return [ALL, *dict.fromkeys(item.subsets)]


def load(copy: LocalCopy) -> Suite:
    """Read the records that have negatives.

    Raises:
        DataError: a line is not a record of ours.
        BenchmarkError: no record has negatives.
    """
    path = copy.files["custom"]
    root = copy.options.image_root or path.parent
    items = []
    absent = set()
    without = 0
    for record in read_records(path):
        if not record.negatives:
            without += 1
            continue
        ref = ImageRef(root / record.image)
        if not is_existing_file(ref.path):
            absent.add(ref.path)
        texts = (record.caption, *(negative.caption for negative in record.negatives))
        kinds = tuple(negative.kind for negative in record.negatives)
        items.append(Item(record.id, (ref,), texts, kinds, cluster=record.image))
    if not items:
        hint = "Make negatives with: ahnpl negatives."
        raise BenchmarkError("no record has negatives", where=str(path), hint=hint)
    items = list(copy.limited(items))
    if without:
        copy.notes.append(f"{counted(without, 'record')} without negatives left out")
    every_kind = list(dict.fromkeys(kind for item in items for kind in item.subsets))
    averages: dict[str, Average] = {f"macro_{len(every_kind)}_kinds": mean(*every_kind)}
    averages["micro_all"] = pool(ALL)
    return copy.item_suite(
        items,
        averages,
        main_subsets=[ALL, *every_kind],
        judge=judging.Judge(judge, subsets),
        absent=frozenset(absent),
    )


BENCHMARK = Benchmark(
    name="custom",
    measures="your own captions above their negatives, by kind",
    source="your own: what `ahnpl negatives` writes, or the same format by hand",
    license="yours",
    files=f"the file named on the command line, or {FILE}",
    find=find,
    load=load,
)


def of_file(path: Path, name: str = "custom") -> Benchmark:
    """Return the benchmark of one file, by whatever name."""
    return replace(BENCHMARK, name=name, find=lambda folders: {"custom": path}, path=path)
