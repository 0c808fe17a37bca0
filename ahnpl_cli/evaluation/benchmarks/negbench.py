"""NegBench, multiple choice (Alhamoud et al. 2025, m1k2zoo/negbench 2ac009b): "but no car".

One image and four captions that affirm and negate what is and what is not there. Accuracy in total
and by the template of the right answer: positive, negative, hybrid. The right answer is the first
of every row (`correct_answer` is 0 throughout), so that `argmax` gives every tie away: a model
that likes all captions alike would get 100. Here a tie is wrong.
"""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    COCO_VAL2017,
    FETCH_AGAIN,
    VOC_TEST,
    Benchmark,
    LocalCopy,
    csv_records,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.statistics import mean, pool

# Of both parts, the choices and the retrieval.
CSV_FILES = (
    "pip install gdown && gdown --folder "
    "https://drive.google.com/drive/folders/1kSEq0mkV1t1T8GuOAM65iz_iAA7e5gxB -O data/negbench"
)
MIDDLE = "_mcq_"  # of the names of files: COCO_val_mcq_llama3.1_rephrased.csv
OPTIONS = 4
TEMPLATES = ("positive", "negative", "hybrid")
COLUMNS = ("image_path", "correct_answer", "correct_answer_template")
PLACES = ("val2017", "JPEGImages", "synthetic", "images")
# By how the name of the file begins.
PUBLISHED = {"COCO": 5914, "VOC2007": 5031, "synthetic": 9997, "MSRVTT": 1000}


def find(folders: DataFolders) -> dict[str, Path]:
    """Return every CSV file of multiple choice by the data set that its name begins with."""
    files: dict[str, Path] = {}
    for folder, contents in folders.items():
        for name in sorted(contents):
            if MIDDLE in name and name.endswith(".csv"):
                files.setdefault(name.split("_")[0], folders.path(folder, name))
    return files


def read_items(data_set: str, copy: LocalCopy) -> list[Item]:
    """Return the questions of one file, the right answer first.

    Raises:
        BenchmarkError: the file is not NegBench's.
    """
    path = copy.files[data_set]
    captions = [f"caption_{i}" for i in range(OPTIONS)]
    rows = csv_records(path, (*COLUMNS, *captions))
    images = copy.image_finder([*copy.folders.image_folders(*PLACES), path.parent], coco=True)
    items = []
    for number, (where, row) in enumerate(rows):
        right = row["correct_answer"]
        if right not in "0123" or len(right) != 1:
            raise BenchmarkError(f"no answer {right!r}", where=where, hint=FETCH_AGAIN)
        texts = [row[caption] for caption in captions]
        # 0 in every published file; another number would be no reason to score the wrong text.
        texts.insert(0, texts.pop(int(right)))
        ref = images.ref(row["image_path"])
        subsets = (data_set, f"{data_set} {row['correct_answer_template']}")
        key = f"{data_set}/{number}"
        items.append(Item(key, (ref,), tuple(texts), subsets, cluster=ref.path.name))
    return items


def load(copy: LocalCopy) -> Suite:
    """Read every file that `find` found."""
    items: list[Item] = []
    main_subsets: list[str] = []
    for data_set in copy.files:
        of_file = read_items(data_set, copy)
        copy.count(data_set, len(of_file), PUBLISHED.get(data_set))
        items += copy.limited(of_file)
        main_subsets += [data_set, *(f"{data_set} {template}" for template in TEMPLATES)]
    data_sets = list(copy.files)
    return copy.item_suite(
        items,
        {f"macro_{len(data_sets)}_sets": mean(*data_sets), "micro": pool(*data_sets)},
        main_subsets=main_subsets,
        official_ties_win=True,
    )


BENCHMARK = Benchmark(
    name="negbench",
    measures="one of four captions that affirm or negate what is on an image",
    source="github.com/m1k2zoo/negbench datasets.md: COCO_val_mcq_*.csv, VOC2007_mcq_*.csv, ...",
    license="MIT; photos COCO's and VOC's terms",
    files="COCO*_mcq_*.csv + val2017/, VOC2007*_mcq_*.csv + VOC2007/JPEGImages/",
    size="7 MB, COCO val2017 and VOC2007: 1.3 GB",
    download=f"{CSV_FILES} && {COCO_VAL2017} && {VOC_TEST}",
    find=find,
    load=load,
)
