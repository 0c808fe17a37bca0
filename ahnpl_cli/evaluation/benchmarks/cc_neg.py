"""CC-Neg (Singh et al. 2025, jaisidhsingh/CoN-CLIP 07b7db6): a caption and its negation.

One image of CC3M, the true caption and one in which a thing is denied. The script takes `argmax`
with the true caption first, so a tie counts as right there, and evaluates on the last 40,000 pairs.
The authors' file is pickled (`ccneg_preprocessed.pt`) and is not loaded; as CSV, JSONL or Parquet
with the columns `image`, `caption` and `negated_caption` it is.
"""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    csv_records,
    field,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.tables import (
    TABLE,
    Records,
    find_tables,
    read_tables,
)
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.statistics import pool
from ahnpl_cli.files import read_jsonl

COLUMNS = ("image", "caption", "negated_caption")
STEM = "ccneg"
PICKLED = "ccneg_preprocessed.pt"
PUBLISHED = 40_000
ACCURACY = "accuracy"


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `ccneg.csv` or `.jsonl`, a table in a folder called ccneg, or the pickled file."""
    for suffix in ("csv", "jsonl"):
        for folder in folders.holding(f"{STEM}.{suffix}"):
            return {suffix: folders.path(folder, f"{STEM}.{suffix}")}
    tables = find_tables(folders, STEM, split="")
    if tables:
        return tables
    for folder in folders.holding(PICKLED):
        return {"pickle": folders.path(folder, PICKLED)}
    return {}


def _read_records(copy: LocalCopy) -> Records:
    role, path = next(iter(copy.files.items()))
    # Loading it would run whatever its author, or whoever changed it, put there.
    if role == "pickle":
        hint = (
            f"Write its pairs as {STEM}.csv with the columns {', '.join(COLUMNS)}, on a machine "
            "where you trust the file."
        )
        raise BenchmarkError("is pickled, and a pickle can run code", where=str(path), hint=hint)
    if role.startswith(TABLE):
        return read_tables(copy, ("image",))
    places = copy.folders.below(path.parent)
    if role == "csv":
        return Records(csv_records(path, COLUMNS), copy.image_finder(places))
    rows = list(read_jsonl(path, error=BenchmarkError, hint=FETCH_AGAIN))
    return Records(rows, copy.image_finder(places))


def load(copy: LocalCopy) -> Suite:
    """Read the pairs; images are looked for below the file's folder."""
    records = _read_records(copy)
    # The true caption comes first, as in the authors' data set.
    items = []
    for number, (where, record) in enumerate(copy.limited(records.rows)):
        image, caption, negated = (field(record, name, str, where=where) for name in COLUMNS)
        ref = records.images.ref(image)
        texts = (caption, negated)
        items.append(Item(str(number), (ref,), texts, (ACCURACY,), cluster=ref.path.name))
    if records.embedded and copy.options.peek:
        records.images.missing.clear()  # The table holds its images, and a look unpacks none.
    copy.count("pairs", len(records.rows), PUBLISHED)
    return copy.item_suite(
        items, {"micro": pool(ACCURACY)}, main_subsets=[ACCURACY], official_ties_win=True
    )


BENCHMARK = Benchmark(
    name="cc-neg",
    measures="a caption, or the same caption with a thing denied",
    source="github.com/jaisidhsingh/CoN-CLIP ccneg_dataset/README.md; images of CC3M by URL",
    license="no license file seen; CC3M's terms",
    files=f"{STEM}.csv or .jsonl ({', '.join(COLUMNS)}) + its images, or ccneg/*.parquet",
    size="a pickled file, which is not read here: `ahnpl docs benchmarks` says what is",
    find=find,
    load=load,
)
