"""NegBench, retrieval (Alhamoud et al. 2025): COCO's captions, and the same with a negation.

Recall as of `retrieval`, once with the plain captions of the same 5,000 images and once with those
that also say what is not there: what a model loses from one to the other is what negation costs it.
Papers print R@1 and R@5 of text to image.
"""

from __future__ import annotations

import ast
from pathlib import Path

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    COCO_VAL2017,
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    counted,
    csv_records,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.negbench import CSV_FILES
from ahnpl_cli.evaluation.benchmarks.retrieval import KS, WAYS, Captioned, RetrievalTask
from ahnpl_cli.evaluation.scoring.items import Suite
from ahnpl_cli.evaluation.scoring.statistics import Average, mean

PLAIN, NEGATED = "plain", "negated"
# What the names of NegBench's files hold: COCO_val_retrieval.csv, COCO_val_negated_retrieval_*.csv.
PARTS = {NEGATED: "negated_retrieval", PLAIN: "_retrieval"}
COLUMNS = ("filepath", "captions")
PUBLISHED_IMAGES, PUBLISHED_CAPTIONS = 5_000, 25_014


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the CSV file of plain and that of negated captions of COCO."""
    files: dict[str, Path] = {}
    for folder, contents in folders.items():
        for name in sorted(contents):
            if not (name.startswith("COCO") and name.endswith(".csv")):
                continue
            # The negated file's name holds the plain one's part too, so it is asked first.
            part = next((part for part, text in PARTS.items() if text in name), None)
            if part is not None:
                files.setdefault(part, folders.path(folder, name))
    return {part: files[part] for part in (PLAIN, NEGATED) if part in files}


def read_captions(cell: str, where: str) -> tuple[str, ...]:
    """Return a list of captions that was written as Python writes it.

    Raises:
        BenchmarkError: it is none.
    """
    try:
        captions = ast.literal_eval(cell)  # reads literals, and runs nothing
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        captions = None
    if not isinstance(captions, list) or not captions:
        raise BenchmarkError("no list of captions", where=where, hint=FETCH_AGAIN)
    for caption in captions:
        if not isinstance(caption, str):
            raise BenchmarkError("a caption is no text", where=where, hint=FETCH_AGAIN)
    return tuple(captions)


def load(copy: LocalCopy) -> Suite:
    """Read both files; `limit` takes the first images of each."""
    copy.notes.append("scores of an item: similarity of the right answer, its rank from 0")
    data: dict[str, list[Captioned]] = {}
    for part, path in copy.files.items():
        images = copy.image_finder([*copy.folders.image_folders("val2017"), path.parent], coco=True)
        pairs = []
        n_captions = 0
        n_empty = 0
        for where, row in csv_records(path, COLUMNS):
            captions = read_captions(row["captions"], where)
            n_captions += len(captions)
            # The published negated file has one: a search for nothing finds nothing.
            said = tuple(caption for caption in captions if caption.strip())
            n_empty += len(captions) - len(said)
            if said:
                pairs.append((images.ref(row["filepath"]), said))
        if n_empty:
            copy.notes.append(f"{part}: {counted(n_empty, 'empty caption')} left out")
        copy.count(f"{part} images", len(pairs), PUBLISHED_IMAGES)
        copy.count(f"{part} captions", n_captions, PUBLISHED_CAPTIONS)
        data[part] = list(copy.limited(pairs))
        here = sum(ref.path not in images.missing for ref, _ in data[part])
        if here < PUBLISHED_IMAGES:
            among = f"ranked among {counted(here, 'image')}, easier than among the published"
            copy.notes.append(f"{part}: {among} {PUBLISHED_IMAGES:,}")
    copy.note_absent("captions", (PLAIN, NEGATED))
    task = RetrievalTask(data=data, absent=copy.absent)
    # Both parts are named, so that an average is partial where one file is not here.
    averages: dict[str, Average] = {}
    for part in (NEGATED, PLAIN):
        for k in KS:
            averages[f"{part}_mean_r{k}"] = mean(*(f"{part} {way} R@{k}" for way in WAYS))
    return copy.suite(task, averages, main_subsets=list(task.totals()))


BENCHMARK = Benchmark(
    name="negbench-retrieval",
    measures="finding images by captions that also say what is not there, beside plain captions",
    source="github.com/m1k2zoo/negbench datasets.md: COCO_val_retrieval.csv, "
    "COCO_val_negated_retrieval_*.csv",
    license="MIT; captions CC BY 4.0, photos COCO's terms",
    files="COCO_val_retrieval.csv, COCO_val_negated_retrieval*.csv + val2017/",
    size="5 MB, and COCO val2017: 0.8 GB",
    download=f"{CSV_FILES} && {COCO_VAL2017}",
    find=find,
    load=load,
)
