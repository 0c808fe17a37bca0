"""CREPE (Ma et al. 2023, RAIVNLab/CREPE): a crop, its caption, and hard negatives; R@1.

Productivity: atom, swap and negate foils at complexities 4 to 12. Papers pool the complexities
(vl_compo) or do not say (GNM); both are reported. Systematicity depends on what a model was
pre-trained on (CC12M, YFCC15M or LAION-400M), so it says nothing of OpenAI's CLIP.
"""

from __future__ import annotations

import ast
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, counted, limited
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging, metrics
from ahnpl_cli.evaluation.scoring.averages import Average, mean
from ahnpl_cli.evaluation.scoring.derived_metrics import rank_metrics
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite, Verdict

PRODUCTIVITY, SYSTEMATICITY = "prod_hard_negatives", "syst_hard_negatives"
# Pooled over complexities; derived from vl_compo's fractions, for the authors print none.
PUBLISHED = {"atom": 17_698, "swap": 7_405, "negate": 17_303}
COMPLEXITIES = range(4, 13)
KS = (1, 3, 5, 10)
SYST_KEYS = ("valid_hard_negs_atom", "valid_hard_negs_comp", "valid_hard_negs_combined")
IMAGES = ("VG_100K", "VG_100K_2")


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return the CSV files: `atom 4` and so on, then `seen_compounds_in_laion`."""
    found: dict[str, Path] = {}
    for folder in shelf.named(PRODUCTIVITY):
        for kind in PUBLISHED:
            for level in COMPLEXITIES:
                path = folder / kind / f"prod_vg_hard_negs_{kind}_complexity_{level}.csv"
                if path.is_file():
                    found.setdefault(f"{kind} {level}", path)
    for folder in shelf.named(SYSTEMATICITY):
        for path in sorted(folder.glob("syst_vg_hard_negs_*.csv")):
            found.setdefault(path.stem.removeprefix("syst_vg_hard_negs_"), path)
    return found


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (where, row) of a CSV file.

    Raises:
        BenchmarkError: a column of the published files is absent.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        needed = {"image_id", "x", "y", "width", "height", "caption"}
        absent = sorted(needed - set(reader.fieldnames or ()))
        if absent:
            raise BenchmarkError(f"no column {', '.join(absent)}", where=str(path))
        for number, row in enumerate(reader, 2):
            yield f"{path}:{number}", row


def read_list(row: dict[str, str], column: str, where: str) -> list[str]:
    """Return the hard negatives, which are written as a Python list of strings.

    Raises:
        BenchmarkError: they are not.
    """
    try:
        made: Any = ast.literal_eval(row.get(column) or "[]")
    except (ValueError, SyntaxError) as error:
        raise BenchmarkError(f"{column} is not a list of strings", where=where) from error
    return [str(text) for text in made]


def _item(
    key: str, row: dict[str, str], foils: list[str], rows: Sequence[str], pictures: ImageFinder
) -> Item:
    x, y, w, h = (int(float(row[name])) for name in ("x", "y", "width", "height"))
    name = f"{int(float(row['image_id']))}.jpg"
    ref = pictures.ref(name, (x, y, w, h))
    return Item(key, (ref,), (row["caption"], *foils), tuple(rows), cluster=name)


def read_items(
    role: str, path: Path, pictures: ImageFinder, limit: int | None
) -> tuple[list[Item], int]:
    """Return the items of one file, and the number of rows without a hard negative."""
    items, empty = [], 0
    kind, _, level = role.partition(" ")
    for number, (where, row) in enumerate(limited(list(read_rows(path)), limit)):
        productive = kind in PUBLISHED
        columns = ("hard_negs",) if productive else SYST_KEYS
        for column in columns:
            foils = read_list(row, column, where)
            if not foils:
                empty += 1
                continue
            name = f"{kind} / complexity {level}" if productive else f"{role} / {column[16:]}"
            rows = (kind, name) if productive else (name,)
            items.append(_item(f"{name}/{number}", row, foils, rows, pictures))
    return items, empty


def judge(item: Item, scores: tuple[float, ...], ties_win: bool) -> Iterator[Verdict]:
    """R@1 in every row, and R@3, 5 and 10 of the first."""
    rank = metrics.rank_of_first(scores)
    tied = max(scores[1:]) == scores[0]
    outcomes = {row: metrics.Outcome(rank < 1, tied) for row in item.rows}
    for k in KS[1:]:
        outcomes[f"{item.rows[0]} R@{k}"] = metrics.Outcome(rank < k, False)
    yield judging.verdict(item, scores, outcomes)


def averages(roles: Sequence[str]) -> tuple[dict[str, Average], str]:
    """Return, over the kinds here, the mean of pooled R@1 and of means over complexities."""
    kinds = [kind for kind in PUBLISHED if any(role.startswith(f"{kind} ") for role in roles)]
    levels = {
        kind: mean(*(f"{kind} / complexity {n}" for n in COMPLEXITIES if f"{kind} {n}" in roles))
        for kind in kinds
    }
    made: dict[str, Average] = {f"{k}_mean_over_complexities": a for k, a in levels.items()}
    if kinds:
        name = f"macro_{len(kinds)}_types"
        made = {name: mean(*kinds), f"{name}_over_complexities": mean(*levels.values()), **made}
    others = [role for role in roles if role.split(" ")[0] not in PUBLISHED]
    if others:
        rows = [f"{role} / {key[16:]}" for role in others for key in SYST_KEYS]
        made["macro_systematicity"] = mean(*rows)
    return made, next(iter(made))


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the files that `find` found."""
    pictures = ImageFinder(shelf.named(*IMAGES))
    items: list[Item] = []
    empty, totals = 0, dict.fromkeys(PUBLISHED, 0)
    for role, path in files.items():
        found, without = read_items(role, path, pictures, options.limit)
        items += found
        empty += without
        kind = role.split(" ")[0]
        if kind in totals:
            totals[kind] += len(found)
    made, primary = averages(list(files))
    notes = ["a tie is wrong: the script's unstable sort leaves it undefined"]
    if empty:
        notes.append(f"{counted(empty, 'row')} without a hard negative left out")
    shown = [kind for kind, n in totals.items() if n]
    shown += dict.fromkeys(i.rows[0] for i in items if i.rows[0] not in PUBLISHED)
    return ItemSuite(
        name="crepe",
        items=items,
        judge=judge,
        averages=made,
        primary=primary,
        shown=shown,
        counts=[Count(kind, n, PUBLISHED[kind]) for kind, n in totals.items() if n],
        notes=notes,
        files=list(files.values()),
        absent=frozenset(pictures.missing),
    )


BENCHMARK = Benchmark(
    name="crepe",
    measures="a region's caption among foils: words exchanged, swapped or negated, by complexity",
    source="github.com/RAIVNLab/CREPE data/*.zip; Visual Genome images as VG_100K/ and VG_100K_2/",
    license="no license file seen; Visual Genome CC BY 4.0",
    files="prod_hard_negatives/{atom,swap,negate}/*.csv, syst_hard_negatives/*.csv + VG_100K/",
    find=find,
    load=load,
    figures=rank_metrics,
)
