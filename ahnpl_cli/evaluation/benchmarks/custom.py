"""Your own test set: our JSONL of captions with negatives, `ahnpl eval custom --custom FILE`.

`all`: the caption is above every negative of its record; one row a kind: above those of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, counted, limited
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.scoring import judging, metrics
from ahnpl_cli.evaluation.scoring.averages import mean, pool
from ahnpl_cli.evaluation.scoring.items import Item, ItemSuite, Verdict

FILE = "custom.jsonl"


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return the file named by `--custom`, or `custom.jsonl`."""
    if "custom" in options.paths:
        return {"custom": options.paths["custom"]}
    folders = shelf.holding(FILE)
    return {"custom": folders[0] / FILE} if folders else {}


def judge(item: Item, scores: tuple[float, ...], ties_win: bool) -> Iterator[Verdict]:
    """The caption above all negatives, and above those of each kind; `rows` are their kinds."""
    outcomes = {"all": metrics.choose(scores)}
    for kind in dict.fromkeys(item.rows):
        mine = [s for s, k in zip(scores[1:], item.rows, strict=True) if k == kind]
        outcomes[kind] = metrics.beats(scores[0], max(mine))
    yield judging.verdict(item, scores, outcomes)


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the records that have negatives.

    Raises:
        DataError: a line is not a record of ours.
        BenchmarkError: no record has negatives.
    """
    path = files["custom"]
    root = options.paths.get("image_root", path.parent)
    records = list(read_records(path))
    items = [
        Item(
            record.id,
            (ImageRef(root / record.image),),
            (record.caption, *(negative.caption for negative in record.negatives)),
            tuple(negative.kind for negative in record.negatives),
            cluster=record.image,
        )
        for record in records
        if record.negatives
    ]
    if not items:
        hint = "Make negatives with: ahnpl negatives."
        raise BenchmarkError("no record has negatives", where=str(path), hint=hint)
    items = list(limited(items, options.limit))
    kinds = list(dict.fromkeys(kind for item in items for kind in item.rows))
    without = sum(not record.negatives for record in records)
    name = f"macro_{len(kinds)}_kinds"
    return ItemSuite(
        name="custom",
        items=items,
        judge=judge,
        averages={name: mean(*kinds), "micro_all": pool("all")},
        primary=name,
        shown=["all", *kinds],
        notes=[f"{counted(without, 'record')} without negatives left out"] if without else [],
        files=[path],
        absent=frozenset(
            ref.path for item in items for ref in item.images if not ref.path.is_file()
        ),
    )


BENCHMARK = Benchmark(
    name="custom",
    measures="your own captions above their negatives, by kind",
    source="your own: what `ahnpl negatives` writes, or the same format by hand",
    license="yours",
    files=f"--custom FILE, or {FILE}",
    find=find,
    load=load,
)
