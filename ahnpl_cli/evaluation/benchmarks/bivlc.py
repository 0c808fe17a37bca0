"""BiVLC (Miranda et al. 2024, IMirandaM/BiVLC 84f0d17): SugarCrepe's pairs with an image for each.

A photo with its caption, and a generated image of the negative caption. I2T, our `text`: both
images choose their caption; T2I, our `image`: both captions choose their image; `group`: all four
(`evaluate_BiVLC` of their `CLIP_utils.py`, strict `>`; chance 25 / 25 / 16.67). Also each half of
both, as their result files have it: what the photo chooses, and what the generated image does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.evaluation.benchmarks.base import (
    Benchmark,
    LocalCopy,
    csv_records,
    field,
    from_hub,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.tables import (
    Records,
    find_tables,
    read_tables,
)
from ahnpl_cli.evaluation.benchmarks.two_by_two import two_by_two_suite
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict

FILE = "BiVLC.csv"
COLUMNS = ("image", "caption", "negative_caption", "negative_image", "type", "subtype")
IMAGES = ("image", "negative_image")
# By type and subtype, as counted in the authors' own result files.
PUBLISHED = {
    "replace obj": 1200,
    "replace rel": 462,
    "replace att": 437,
    "add obj": 399,
    "add att": 76,
    "swap att": 278,
    "swap obj": 81,
}
TYPES = ("replace", "swap", "add")
HALVES = ("text / photo", "text / generated", "image / caption", "image / negative caption")


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `BiVLC.csv`, or the tables of the Hugging Face data set."""
    for folder in folders.holding(FILE):
        return {"csv": folders.path(folder, FILE)}
    return find_tables(folders, "bivlc")


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """The three measures, and both halves of the first two."""
    (verdict,) = judging.two_by_two(item, scores, ties_win)
    similarity = judging.matrix(item, scores)
    halves = (
        judging.group_text(similarity, 0),
        judging.group_text(similarity, 1),
        judging.group_image(similarity, 0),
        judging.group_image(similarity, 1),
    )
    of_halves = judging.verdict(item, scores, dict(zip(HALVES, halves, strict=True)))
    correct = verdict.correct | of_halves.correct
    ties = (*verdict.ties, *of_halves.ties)
    yield Verdict(verdict.id, verdict.image, correct, ties, scores)


def subsets(item: Item) -> Iterator[str]:
    """Yield the subsets that the verdict of a group counts in."""
    yield from judging.TWO_BY_TWO.subsets(item)
    yield from HALVES


def _read_records(copy: LocalCopy) -> Records:
    path = copy.files.get("csv")
    if path is None:
        return read_tables(copy, IMAGES, copy.folders.image_folders("val2017"))
    places = [path.parent, *copy.folders.below(path.parent), *copy.folders.image_folders("val2017")]
    return Records(csv_records(path, COLUMNS), copy.image_finder(places, coco=True))


def load(copy: LocalCopy) -> Suite:
    """Read the groups that `find` found."""
    records = _read_records(copy)
    items = []
    counts: dict[str, int] = {}
    for number, (where, record) in enumerate(records.rows):
        values = {name: field(record, name, str, where=where) for name in COLUMNS}
        kind = f"{values['type']} {values['subtype']}"
        counts[kind] = counts.get(kind, 0) + 1
        images = tuple(records.images.ref(values[name]) for name in IMAGES)
        texts = (values["caption"], values["negative_caption"])
        # Groups of one photo are resampled together; generated images are each of one group.
        cluster = images[0].path.name
        items.append(Item(str(number), images, texts, (values["type"], kind), cluster=cluster))
    if records.embedded and copy.options.peek:
        records.images.missing.clear()  # The table holds its images, and a look unpacks none.
    for kind, published in PUBLISHED.items():
        copy.count(kind, counts.get(kind, 0), published)
    return two_by_two_suite(
        copy,
        copy.limited(items),
        tags=[*TYPES, *PUBLISHED],
        judge=judging.Judge(judge, subsets),
        more_subsets=HALVES,
    )


BENCHMARK = Benchmark(
    name="bivlc",
    measures="a photo and a generated image of its negative caption: which goes with which",
    source="huggingface.co/datasets/imirandam/BiVLC: data/test-*.parquet; or what `ahnpl images "
    "--as-benchmark` writes",
    license="MIT; photos COCO's terms",
    files="bivlc/test*.parquet or .arrow, or BiVLC.csv with its images beside it",
    size="5,866 images",
    download=from_hub("imirandam/BiVLC", "bivlc"),
    find=find,
    load=load,
)
