"""VALSE (Parcalabescu et al. 2022, Heidelberg-NLP/VALSE 2152d90): caption or foil, eleven pieces.

Both official scripts score only records that two of three annotators found valid
(`mturk.caption >= 2`). Pairwise accuracy acc_r = mean(caption > foil) per piece; thresholded acc,
p_c and p_f need an image-text matching head, which CLIP has not. Images are found by the prefix of
their name, for coreference-standard mixes COCO train2014 and val2014.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, field, limited, read_entries
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.averages import Average, Mean, mean, pool, present
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite

VALID = 2  # annotators of three who chose the caption


class Piece(NamedTuple):
    """Published numbers of records, all and valid, and the folders its images are in."""

    records: int
    valid: int
    images: tuple[str, ...]


V7W, COCO17 = ("visual7w", "visual7w_images", "v7w"), ("val2017",)
SWIG = ("images_512", "SWiG", "swig")
COCO14 = ("val2014", "train2014")
PIECES = {
    "existence": Piece(534, 505, V7W),
    "plurals": Piece(1000, 851, COCO17),
    "counting-hard": Piece(1000, 868, V7W),
    "counting-small-quant": Piece(1000, 900, V7W),
    "counting-adversarial": Piece(756, 691, V7W),
    "relations": Piece(614, 535, COCO17),
    "action-replacement": Piece(779, 648, SWIG),
    "actant-swap": Piece(1042, 949, SWIG),
    "coreference-standard": Piece(916, 708, COCO14),
    "coreference-hard": Piece(141, 104, ("VisualDialog_val2018",)),
    "foil-it": Piece(1000, 943, ("val2014",)),
}
COUNTING = ("counting-hard", "counting-small-quant", "counting-adversarial")
ACTIONS = ("action-replacement", "actant-swap")
COREFERENCE = ("coreference-standard", "coreference-hard")
SIX: tuple[Average | str, ...] = (
    "existence",
    "plurals",
    mean(*COUNTING),
    "relations",
    mean(*ACTIONS),
    mean(*COREFERENCE),
)
PREFIXES = {
    "COCO_val2014": ("val2014",),
    "COCO_train2014": ("train2014",),
    "VisualDialog_val2018": ("VisualDialog_val2018",),
    "v7w_": V7W,
}
# Named by what they average: papers print three of them under one name, "Avg".
AVERAGES: dict[str, Mean] = {
    "macro_11_pieces": mean(*PIECES),
    "macro_9_columns": mean(
        "existence", "plurals", mean(*COUNTING), "relations", *ACTIONS, *COREFERENCE, "foil-it"
    ),
    "macro_7_phenomena": mean(*SIX, "foil-it"),
    "macro_6_phenomena": mean(*SIX),
}


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return the pieces that are there; three of them tell the folder."""
    marks = {"existence.json", "actant-swap.json", "foil-it.json"}
    for folder in shelf.holding(*marks):
        there = shelf.folders[folder]
        return {piece: folder / f"{piece}.json" for piece in PIECES if f"{piece}.json" in there}
    return {}


class _Images:
    """The folder of a record's image follows from its name's prefix, else from its piece."""

    def __init__(self, shelf: DataFolders, own: Path) -> None:
        self._shelf, self._own = shelf, own
        self._pictures: dict[tuple[str, ...], ImageFinder] = {}

    def of(self, name: str, piece: str) -> ImageFinder:
        prefixed = (folders for prefix, folders in PREFIXES.items() if name.startswith(prefix))
        folders = next(prefixed, PIECES[piece].images)
        if folders not in self._pictures:
            places = [*self._shelf.named(*folders), self._own]
            self._pictures[folders] = ImageFinder(places, self._shelf)
        return self._pictures[folders]

    def missing(self) -> frozenset[Path]:
        return frozenset(path for one in self._pictures.values() for path in one.missing)

    def notes(self) -> list[str]:
        return [note for one in self._pictures.values() for note in one.notes()]


def _is_valid(record: object, where: str) -> bool:
    votes = field(field(record, "mturk", dict, where=where), "caption", int, where=where)
    return bool(votes >= VALID)


def read_items(path: Path, piece: str, images: _Images) -> tuple[list[Item], int]:
    """Return the valid items of a piece, and the number of all its records.

    Raises:
        BenchmarkError: the file is not VALSE's.
    """
    entries, items = read_entries(path, dict), []
    for key, record in entries:
        where = f"{path}: {key}"
        if not _is_valid(record, where):
            continue
        name = field(record, "image_file", str, where=where)
        texts = tuple(field(record, f, str, where=where) for f in ("caption", "foil"))
        ref = images.of(name, piece).ref(name)
        items.append(Item(f"{piece}/{key}", (ref,), texts, (piece,), cluster=name))
    return items, len(entries)


def averages(pieces: list[str]) -> tuple[dict[str, Average], str]:
    """Return the averages whose pieces are all there, and the primary one."""
    made: dict[str, Average] = {n: a for n, a in AVERAGES.items() if present(a, pieces)}
    if len(pieces) < len(PIECES):
        made = {"macro_pieces": mean(*pieces), **made}
    return {**made, "micro": pool(*pieces)}, next(iter(made))


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the pieces that `find` found."""
    images = _Images(shelf, next(iter(files.values())).parent)
    items: list[Item] = []
    counts, invalid = [], 0
    for piece, path in files.items():
        found, records = read_items(path, piece, images)
        counts.append(Count(f"{piece} (records)", records, PIECES[piece].records))
        counts.append(Count(f"{piece} (valid)", len(found), PIECES[piece].valid))
        invalid += records - len(found)
        items += limited(found, options.limit)
    made, primary = averages(list(files))
    left_out = f"{invalid:,} records left out as both official scripts do: mturk.caption < {VALID}"
    absent = [piece for piece in PIECES if piece not in files]
    missing = [f"pieces not here: {', '.join(absent)}"] if absent else []
    return ItemSuite(
        name="valse",
        items=items,
        judge=judging.choose,
        averages=made,
        primary=primary,
        shown=list(files),
        counts=counts,
        notes=[*([left_out] if invalid else []), *missing, *images.notes()],
        files=list(files.values()),
        absent=images.missing(),
    )


BENCHMARK = Benchmark(
    name="valse",
    measures="existence, number, counting, relations, actions, coreference, nouns: caption or foil",
    source="github.com/Heidelberg-NLP/VALSE data/*.json; images of Visual7W as visual7w/, "
    "COCO val2017/ val2014/ train2014/, SWiG images_512/, VisDial VisualDialog_val2018/",
    license="annotations MIT; images under each source's terms",
    files="existence.json actant-swap.json foil-it.json ... + image folders",
    find=find,
    load=load,
)
