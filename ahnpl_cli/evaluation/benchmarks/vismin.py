"""VisMin (Awal et al. 2024, rabiulcste/vismin 4fdeb0f): photos of COCO with one thing changed.

2,084 groups of two images and two texts, judged as Winoground, also by category: object,
attribute, counting, relation. In the published rows text 0 goes with image 0 in about half of the
groups only: which text goes with which image stands in `vismin-bench/solutions/sim_solution.csv`
of the authors' repository, by the row's place (`eval.py`), and without it nothing can be scored.
"""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    csv_records,
    fetch,
    field,
    from_hub,
    raw,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.tables import find_tables, read_tables
from ahnpl_cli.evaluation.benchmarks.two_by_two import (
    ordered_tags,
    tag_means,
    two_by_two_suite,
)
from ahnpl_cli.evaluation.scoring.items import Item, Suite

PUBLISHED = {"object": 579, "attribute": 294, "counting": 589, "relation": 622}
SOLUTION = "sim_solution.csv"
IMAGES = ("image_0", "image_1")
# What the column `Text` of a solution says: each image's own text is above the other.
STRAIGHT = "T0_I0 > T1_I0 & T1_I1 > T0_I1"
CROSSED = "T1_I0 > T0_I0 & T0_I1 > T1_I1"


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the tables of the Hugging Face data set, and the solutions if they are here."""
    files = find_tables(folders, "vismin")
    if files:
        for folder in folders.holding(SOLUTION)[:1]:
            files["solution"] = folders.path(folder, SOLUTION)
    return files


def read_solution(path: Path) -> list[bool]:
    """Return, row by row, whether text 0 goes with image 1.

    Raises:
        BenchmarkError: a row is neither straight nor crossed.
    """
    crossed = []
    for where, row in csv_records(path, ("id", "Text", "Image", "category")):
        if row["Text"] not in (STRAIGHT, CROSSED):
            raise BenchmarkError("no solution of a row", where=where, hint=FETCH_AGAIN)
        crossed.append(row["Text"] == CROSSED)
    return crossed


def load(copy: LocalCopy) -> Suite:
    """Read the groups, each text brought to its image.

    Raises:
        BenchmarkError: the solutions are not here, or of another number of rows.
    """
    if "solution" not in copy.files:
        hint = f"Get vismin-bench/solutions/{SOLUTION} of github.com/rabiulcste/vismin."
        what = f"which text goes with which image is in {SOLUTION}, which is not here"
        raise BenchmarkError(what, where=str(next(iter(copy.files.values()))), hint=hint)
    crossed = read_solution(copy.files["solution"])
    records = read_tables(copy, IMAGES)
    if len(crossed) != len(records.rows):
        what = f"{len(crossed):,} solutions of {len(records.rows):,} groups"
        raise BenchmarkError(what, where=str(copy.files["solution"]), hint=FETCH_AGAIN)
    items: list[Item] = []
    for (where, record), is_crossed in zip(records.rows, crossed, strict=True):
        refs = tuple(records.images.ref(field(record, name, str, where=where)) for name in IMAGES)
        texts = tuple(field(record, f"text_{i}", str, where=where) for i in range(2))
        # Here, as everywhere, caption i has to be the one of image i.
        own_texts = texts[::-1] if is_crossed else texts
        category = field(record, "category", str, where=where)
        key = str(len(items))
        items.append(Item(key, refs, own_texts, (category,), cluster=key))
    if copy.options.peek:
        records.images.missing.clear()  # The table holds its images, and a look unpacks none.
    categories = ordered_tags(items, tuple(PUBLISHED))
    for category, published in PUBLISHED.items():
        copy.count(category, sum(category in item.subsets for item in items), published)
    return two_by_two_suite(
        copy,
        copy.limited(items),
        tags=categories,
        averages=tag_means(categories, "categories"),
    )


BENCHMARK = Benchmark(
    name="vismin",
    measures="a photo and one with an object, attribute, count or place changed, and their texts",
    source="huggingface.co/datasets/mair-lab/vismin-bench: the split test; sim_solution.csv of "
    "github.com/rabiulcste/vismin vismin-bench/solutions",
    license="data as its page says; code without a license",
    files=f"vismin-bench/test*.parquet or .arrow, and {SOLUTION}",
    size="4,168 images",
    download=from_hub("mair-lab/vismin-bench", "vismin-bench")
    + " && "
    + fetch(
        raw("rabiulcste/vismin", f"vismin-bench/solutions/{SOLUTION}"),
        f"vismin-bench/{SOLUTION}",
    ),
    find=find,
    load=load,
)
