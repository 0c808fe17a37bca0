"""VALSE (Parcalabescu et al. 2022, Heidelberg-NLP/VALSE 2152d90): caption or foil, eleven pieces.

Both official scripts score only records that two of three annotators found valid
(`mturk.caption >= 2`). Pairwise accuracy acc_r = mean(caption > foil) per piece; thresholded acc,
p_c and p_f need an image-text matching head, which CLIP has not. Images are found by the prefix of
their name, for coreference-standard mixes COCO train2014 and val2014.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.evaluation.benchmarks.base import (
    COCO_VAL2017,
    Benchmark,
    LocalCopy,
    clone,
    field,
    read_entries,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.statistics import Average, mean, pool

VALID = 2  # annotators of three who chose the caption


class Piece(NamedTuple):
    """Published numbers of records, all and valid, and the folders its images are in."""

    records: int
    valid: int
    images: tuple[str, ...]


VISUAL7W = ("visual7w", "visual7w_images", "v7w")
COCO_2017 = ("val2017",)
SWIG = ("images_512", "SWiG", "swig")
COCO_2014 = ("val2014", "train2014")
VISDIAL = ("VisualDialog_val2018",)
PIECES = {
    "existence": Piece(534, 505, VISUAL7W),
    "plurals": Piece(1000, 851, COCO_2017),
    "counting-hard": Piece(1000, 868, VISUAL7W),
    "counting-small-quant": Piece(1000, 900, VISUAL7W),
    "counting-adversarial": Piece(756, 691, VISUAL7W),
    "relations": Piece(614, 535, COCO_2017),
    "action-replacement": Piece(779, 648, SWIG),
    "actant-swap": Piece(1042, 949, SWIG),
    "coreference-standard": Piece(916, 708, COCO_2014),
    "coreference-hard": Piece(141, 104, VISDIAL),
    "foil-it": Piece(1000, 943, ("val2014",)),
}
PREFIXES = {
    "COCO_val2014": ("val2014",),
    "COCO_train2014": ("train2014",),
    "VisualDialog_val2018": VISDIAL,
    "v7w_": VISUAL7W,
}
COUNTING = mean("counting-hard", "counting-small-quant", "counting-adversarial")
ACTIONS = ("action-replacement", "actant-swap")
COREFERENCE = ("coreference-standard", "coreference-hard")
SIX: tuple[Average | str, ...] = (
    "existence",
    "plurals",
    COUNTING,
    "relations",
    mean(*ACTIONS),
    mean(*COREFERENCE),
)
NINE = ("existence", "plurals", COUNTING, "relations", *ACTIONS, *COREFERENCE, "foil-it")
# Named by what they average: papers print three of them under one name, "Avg".
AVERAGES: dict[str, Average] = {
    "macro_11_pieces": mean(*PIECES),
    "macro_9_columns": mean(*NINE),
    "macro_7_phenomena": mean(*SIX, "foil-it"),
    "macro_6_phenomena": mean(*SIX),
    "micro": pool(*PIECES),
}


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the pieces that are there, of the folder that has most of them."""
    names = {piece: f"{piece}.json" for piece in PIECES}
    # `relations.json` alone could be anybody's.
    own = [name for name in names.values() if "-" in name]
    for folder in folders.holding_any(own):
        return folders.files(folder, names)
    return {}


class _Images:
    """The folder of a record's image follows from its name's prefix, else from its piece."""

    def __init__(self, copy: LocalCopy, home: Path) -> None:
        self._copy = copy
        self._home = home
        self._finders: dict[tuple[str, ...], ImageFinder] = {}

    def of(self, name: str, piece: str) -> ImageFinder:
        folders = PIECES[piece].images
        for prefix, prefixed in PREFIXES.items():
            if name.startswith(prefix):
                folders = prefixed
        if folders not in self._finders:
            places = [*self._copy.folders.image_folders(*folders), self._home]
            self._finders[folders] = self._copy.image_finder(places, coco=True)
        return self._finders[folders]


def _is_valid(record: object, where: str) -> bool:
    votes = field(field(record, "mturk", dict, where=where), "caption", int, where=where)
    return bool(votes >= VALID)


def read_items(path: Path, piece: str, images: _Images) -> tuple[list[Item], int]:
    """Return the valid items of a piece, and the number of all its records.

    Raises:
        BenchmarkError: the file is not VALSE's.
    """
    entries = read_entries(path, dict)
    items = []
    for key, record in entries:
        where = f"{path}: {key}"
        # Counted above and left out here, as both official scripts do.
        if not _is_valid(record, where):
            continue
        name = field(record, "image_file", str, where=where)
        caption = field(record, "caption", str, where=where)
        foil = field(record, "foil", str, where=where)
        ref = images.of(name, piece).ref(name)
        items.append(Item(f"{piece}/{key}", (ref,), (caption, foil), (piece,), cluster=name))
    return items, len(entries)


def load(copy: LocalCopy) -> Suite:
    """Read the pieces that `find` found."""
    images = _Images(copy, next(iter(copy.files.values())).parent)
    items: list[Item] = []
    invalid = 0
    for piece, path in copy.files.items():
        valid, records = read_items(path, piece, images)
        copy.count(f"{piece} (records)", records, PIECES[piece].records)
        copy.count(f"{piece} (valid)", len(valid), PIECES[piece].valid)
        invalid += records - len(valid)
        items += copy.limited(valid)
    if invalid:
        copy.notes.append(
            f"{invalid:,} records left out as both official scripts do: mturk.caption < {VALID}"
        )
    copy.note_absent("pieces", PIECES)
    return copy.item_suite(items, AVERAGES, main_subsets=list(copy.files))


BENCHMARK = Benchmark(
    name="valse",
    measures="existence, number, counting, relations, actions, coreference, nouns: caption or foil",
    source="github.com/Heidelberg-NLP/VALSE data/*.json; images of Visual7W as visual7w/, "
    "COCO val2017/ val2014/ train2014/, SWiG images_512/, VisDial VisualDialog_val2018/",
    license="annotations MIT; images under each source's terms",
    files="existence.json actant-swap.json foil-it.json ... + image folders",
    size="6 MB, and COCO val2017: 0.8 GB; Visual7W, SWiG and VisDial apart",
    download=f"{clone('Heidelberg-NLP/VALSE', 'valse')} && {COCO_VAL2017}",
    find=find,
    load=load,
)
