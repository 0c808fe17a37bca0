"""CREPE (Ma et al. 2023, RAIVNLab/CREPE): a crop, its caption, and hard negatives; R@1.

Productivity: atom, swap and negate foils at complexities 4 to 12. Papers pool the complexities
(vl_compo) or do not say (GNM); both are reported. Systematicity depends on what a model was
pre-trained on (CC12M, YFCC15M or LAION-400M), so it says nothing of OpenAI's CLIP.
"""

from __future__ import annotations

import ast
import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    VISUAL_GENOME,
    Benchmark,
    LocalCopy,
    clone,
    counted,
)
from ahnpl_cli.evaluation.benchmarks.find_files import Box, DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict
from ahnpl_cli.evaluation.scoring.metrics import (
    DerivedMetric,
    Floats,
    Measure,
    rank_metrics,
)
from ahnpl_cli.evaluation.scoring.statistics import Average, mean, pool
from ahnpl_cli.files import read_text

PRODUCTIVITY, SYSTEMATICITY = "prod_hard_negatives", "syst_hard_negatives"
# Pooled over complexities; derived from vl_compo's fractions, for the authors print none.
PUBLISHED = {"atom": 17_698, "swap": 7_405, "negate": 17_303}
COMPLEXITIES = range(4, 13)
KS = (3, 5, 10)
SYST_PREFIX = "valid_hard_negs_"
SYST_KINDS = ("atom", "comp", "combined")
COLUMNS = ("image_id", "x", "y", "width", "height", "caption")
IMAGES = ("VG_100K", "VG_100K_2")
LARGEST_FILE = 1 << 30  # bytes; the published ones have less than 100 MB


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the CSV files: `atom 4` and so on, then `seen_compounds_in_laion`."""
    files: dict[str, Path] = {}
    for folder in folders.named(PRODUCTIVITY):
        for kind in PUBLISHED:
            for level in COMPLEXITIES:
                path = folder / kind / f"prod_vg_hard_negs_{kind}_complexity_{level}.csv"
                if path.is_file():
                    files.setdefault(f"{kind} {level}", path)
    for folder in folders.named(SYSTEMATICITY):
        for path in sorted(folder.glob("syst_vg_hard_negs_*.csv")):
            files.setdefault(path.stem.removeprefix("syst_vg_hard_negs_"), path)
    return files


def _is_productivity(role: str) -> bool:
    return role.split(" ")[0] in PUBLISHED


def _foil_columns(role: str) -> Mapping[str, str]:
    """Return which columns of a file hold hard negatives, by the subset they count in."""
    if _is_productivity(role):
        kind, _, level = role.partition(" ")
        return {_complexity(kind, level): "hard_negs"}
    return {f"{role} / {kind}": f"{SYST_PREFIX}{kind}" for kind in SYST_KINDS}


def _complexity(kind: str, level: int | str) -> str:
    return f"{kind} / complexity {level}"


def _complexities(kind: str) -> list[str]:
    return [_complexity(kind, level) for level in COMPLEXITIES]


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (where, row) of a CSV file that has these columns.

    Raises:
        BenchmarkError: it is no CSV in UTF-8, or a column of the published files is absent.
    """
    text = read_text(path, error=BenchmarkError, hint=FETCH_AGAIN, most=LARGEST_FILE)
    csv.field_size_limit(LARGEST_FILE)  # A cell holds all hard negatives of a row.
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        absent = [name for name in columns if name not in (reader.fieldnames or ())]
        if absent:
            what = f"no column {', '.join(sorted(absent))}"
            raise BenchmarkError(what, where=str(path), hint=FETCH_AGAIN)
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if any(row[name] is None for name in columns):
                raise BenchmarkError("a short row", where=where, hint=FETCH_AGAIN)
            yield where, row
    except csv.Error as error:
        where = f"{path}:{reader.line_num}"
        raise BenchmarkError(f"not CSV: {error}", where=where, hint=FETCH_AGAIN) from error


def read_foils(cell: str, column: str, where: str) -> list[str]:
    """Return the hard negatives, which are written as a Python list of strings.

    Raises:
        BenchmarkError: they are not.
    """
    try:
        foils = ast.literal_eval(cell or "[]")
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise BenchmarkError(f"{column} is not a list of strings", where=where) from error
    if not isinstance(foils, list) or not all(isinstance(foil, str) for foil in foils):
        raise BenchmarkError(f"{column} is not a list of strings", where=where)
    return foils


def _number(row: dict[str, str], column: str, where: str) -> int:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BenchmarkError(f"{column} is not a number: {row[column]!r}", where=where)
    return int(value)


def _box(row: dict[str, str], where: str) -> Box:
    return (
        _number(row, "x", where),
        _number(row, "y", where),
        _number(row, "width", where),
        _number(row, "height", where),
    )


def read_items(role: str, path: Path, images: ImageFinder, copy: LocalCopy) -> list[Item]:
    """Return the items of one file, one for each list of hard negatives in a row.

    Raises:
        BenchmarkError: the file is not CREPE's.
    """
    columns = _foil_columns(role)
    rows = list(read_rows(path, [*COLUMNS, *columns.values()]))
    items = []
    for number, (where, row) in enumerate(copy.limited(rows)):
        name = f"{_number(row, 'image_id', where)}.jpg"
        ref = images.ref(name, _box(row, where))
        for subset, column in columns.items():
            texts = (row["caption"], *read_foils(row[column], column, where))
            subsets = (role.split(" ")[0], subset) if _is_productivity(role) else (subset,)
            items.append(Item(f"{subset}/{number}", (ref,), texts, subsets, cluster=name))
    return items


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """R@1 in every subset, and R@3, 5 and 10 of the first."""
    rank = judging.rank_of_first(scores)
    # A tie decides only where every foil at or above the caption equals it.
    tied = scores[0] in scores[1:] and rank == scores[1:].count(scores[0])
    outcomes = {subset: judging.Outcome(rank < 1, tied) for subset in item.subsets}
    for k in KS:
        outcomes[f"{item.subsets[0]} R@{k}"] = judging.Outcome(rank < k, False)
    yield judging.verdict(item, scores, outcomes)


def subsets(item: Item) -> list[str]:
    """Return the subsets that the verdict of an item counts in."""
    return [*item.subsets, *(f"{item.subsets[0]} R@{k}" for k in KS)]


def averages(roles: Sequence[str]) -> dict[str, Average]:
    """Return, over the kinds here, the mean of pooled R@1 and of means over complexities."""
    named: dict[str, Average] = {}
    kinds = [kind for kind in PUBLISHED if any(role.startswith(f"{kind} ") for role in roles)]
    over_complexities = {kind: mean(*_complexities(kind)) for kind in kinds}
    if kinds:
        name = f"macro_{len(kinds)}_types"
        # Pooled over every complexity, so that a missing file gives it another name.
        named[name] = mean(*(pool(*_complexities(kind)) for kind in kinds))
        named[f"{name}_over_complexities"] = mean(*over_complexities.values())
    for kind, average in over_complexities.items():
        named[f"{kind}_mean_over_complexities"] = average
    systematicity: list[str] = []
    for role in roles:
        if not _is_productivity(role):
            systematicity += _foil_columns(role)
    if systematicity:
        named["macro_systematicity"] = mean(*systematicity)
    return named


def load(copy: LocalCopy) -> Suite:
    """Read the files that `find` found."""
    images = copy.image_finder(copy.folders.image_folders(*IMAGES))
    items: list[Item] = []
    totals = dict.fromkeys(PUBLISHED, 0)
    for role, path in copy.files.items():
        file_items = read_items(role, path, images, copy)
        items += file_items
        if _is_productivity(role):
            totals[role.split(" ")[0]] += len(file_items)
    copy.notes.append("a tie is wrong: the script's unstable sort leaves it undefined")
    alone = sum(len(item.texts) == 1 for item in items)
    if alone:
        what = f"{counted(alone, 'empty list')} of hard negatives"
        copy.notes.append(f"{what} counted as right, as the script does")
    kinds = [kind for kind, n in totals.items() if n]
    copy.note_absent("files", [f"{kind} {level}" for kind in kinds for level in COMPLEXITIES])
    for kind in kinds:
        copy.count(kind, totals[kind], PUBLISHED[kind])
    firsts = dict.fromkeys(item.subsets[0] for item in items)
    others = [subset for subset in firsts if subset not in PUBLISHED]
    return copy.item_suite(
        items,
        averages(list(copy.files)),
        main_subsets=[*kinds, *others],
        judge=judging.Judge(judge, subsets),
    )


def derived_metrics(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    """Return mean and median ranks, and how far R@1 spreads over the complexities of a kind."""
    return rank_metrics(verdicts) | _spreads(verdicts)


def _spreads(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    spreads = {}
    for kind in PUBLISHED:
        of_kind = [verdict for verdict in verdicts if kind in verdict.correct]
        levels = [list(verdict.correct)[1] for verdict in of_kind]
        if len(set(levels)) < 2:
            continue
        right = np.array([verdict.correct[kind] for verdict in of_kind], dtype=np.float64)
        masks = np.array([[level == name for level in levels] for name in dict.fromkeys(levels)])
        spreads[f"{kind} std over complexities"] = DerivedMetric(
            tuple(verdict.image for verdict in of_kind), _spread_measure(right, masks), kind
        )
    return spreads


def _spread_measure(right: Floats, masks: NDArray[np.bool_]) -> Measure:
    def measure(weights: Floats) -> Floats:
        counts = weights @ masks.T
        hits = (weights * right) @ masks.T
        shares = np.divide(hits, counts, out=np.full_like(hits, np.nan), where=counts > 0)
        spread: Floats = 100 * np.nanstd(shares, axis=1)
        return spread

    return measure


BENCHMARK = Benchmark(
    name="crepe",
    measures="a region's caption among foils: words exchanged, swapped or negated, by complexity",
    source="github.com/RAIVNLab/CREPE data/*.zip; Visual Genome images as VG_100K/ and VG_100K_2/",
    license="no license file seen; Visual Genome CC BY 4.0",
    files="prod_hard_negatives/{atom,swap,negate}/*.csv, syst_hard_negatives/*.csv + VG_100K/",
    size="annotations, and Visual Genome: 15 GB",
    download=f"{clone('RAIVNLab/CREPE', 'crepe')} && "
    "for z in data/crepe/data/*.zip; do unzip -q $z -d data/crepe; done && " + VISUAL_GENOME,
    find=find,
    load=load,
    derived_metrics=derived_metrics,
)
