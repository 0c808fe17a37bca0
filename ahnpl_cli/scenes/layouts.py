"""Where the benchmarks' authors put each file and image, and what their records hold.

Keys and folders are those of the published files (see each benchmark's loader in `evaluation`), so
that the loaders which read the real data read the scenes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ahnpl_cli.scenes import suites_sugarcrepe
from ahnpl_cli.scenes.suites import SceneItem
from ahnpl_cli.scenes.world import SIDE

Record = dict[str, Any]

# COCO and Visual Genome number their images below a million; each suite has a million numbers of
# its own above, so that scenes never take the name of a real image.
NUMBERS = 1_000_000


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One official file.

    Attributes:
        suite: the items' name in `suites.PAIR_MAKERS`.
        file: path of the file, relative to the output folder.
        image: path of an item's image, from its index.
        key: the record's key, from its index; None where the file is a list.
        record: the record, from index, item and image name.
    """

    suite: str
    file: str
    image: Callable[[int], str]
    key: Callable[[int], str] | None
    record: Callable[[int, SceneItem, str], Record]


def _v7w(number: int) -> str:
    return f"visual7w/v7w_{number}.jpg"


def _coco2017(number: int) -> str:
    return f"val2017/{number:012d}.jpg"


def _coco2014(number: int) -> str:
    return f"val2014/COCO_val2014_{number:012d}.jpg"


def _swig(number: int) -> str:
    return f"images_512/acting_{number}.jpg"


# SugarCrepe


def _sugarcrepe(suite: str, first_number: int) -> OfficialFile:
    def image(index: int) -> str:
        return _coco2017(first_number + index)

    def record(index: int, item: SceneItem, image_name: str) -> Record:
        return {
            "filename": image_name,
            "caption": item.caption.text,
            "negative_caption": item.foil.text,
        }

    return OfficialFile(suite, f"sugarcrepe/{suite}.json", image, str, record)


# ARO


def aro_box(index: int) -> tuple[int, int, int, int]:
    """Return x, y, width and height of the quarter of an ARO image that an item is about."""
    column = index % 2
    row = index // 2 % 2
    return SIDE * column, SIDE * row, SIDE, SIDE


def _aro(suite: str, stem: str, first_number: int) -> OfficialFile:
    def image(index: int) -> str:
        return f"aro/images/{first_number + index}.jpg"

    def record(index: int, item: SceneItem, image_name: str) -> Record:
        x, y, width, height = aro_box(index)
        return {
            "image_id": first_number + index,
            "image_path": image_name,
            "bbox_x": x,
            "bbox_y": y,
            "bbox_w": width,
            "bbox_h": height,
            **item.note,
            "true_caption": item.caption.text,
            "false_caption": item.foil.text,
        }

    return OfficialFile(suite, f"aro/{stem}.json", image, None, record)


# VALSE

VOTES = {"foil": 0, "caption": 3, "other": 0}  # as if all three annotators had chosen the caption


@dataclass(frozen=True, slots=True)
class _ValsePiece:
    """What sets one VALSE piece apart.

    Attributes:
        dataset: where the authors took its images from.
        phenomenon: `linguistic_phenomena` of its records.
        image: path of an image, from its number.
        extra: further keys, from the caption's note and the foil's.
    """

    dataset: str
    phenomenon: str
    image: Callable[[int], str]
    extra: Callable[[Record, Record], Record]


def _class_keys(note: Record, foil_note: Record) -> Record:
    return {"classes": note["class"], "classes_foil": foil_note["class"]}


def _count_keys(note: Record, foil_note: Record) -> Record:
    count = note["count"]
    return {
        "answer": count,
        "classes": count,
        "classes_foil": foil_note["count"],
        "split": "test",
    }


def _existence_keys(note: Record, foil_note: Record) -> Record:
    count = note["count"]
    provenance = "something_to_zero" if count else "zero_to_something"
    return {
        "answer": count,
        "classes": count,
        "classes_foil": [foil_note["count"]],
        "provenance_of_foils": provenance,
    }


def _checked_keys(method: str) -> Callable[[Record, Record], Record]:
    """Return the extra keys of a piece whose foils the authors filtered by two models."""
    # What the filters would say holds of scenes by construction: they have nothing to reject.
    entailment = {"entail": [0.0], "neutral": [0.0], "contradict": [1.0], "pred": ["contradict"]}

    def keys(note: Record, foil_note: Record) -> Record:
        return {
            **_class_keys(note, foil_note),
            "grammaticality_scores": [1.0],
            "foil_method": method,
            "nli_scores": entailment,
        }

    return keys


_VALSE_PIECES = {
    "existence": _ValsePiece("visual7w", "existence", _v7w, _existence_keys),
    "plurals": _ValsePiece(
        "coco2017", "plurals", _coco2017, _checked_keys("number of one noun changed")
    ),
    "counting-hard": _ValsePiece("visual7w", "counting", _v7w, _count_keys),
    "counting-small-quant": _ValsePiece("visual7w", "counting", _v7w, _count_keys),
    "counting-adversarial": _ValsePiece("visual7w", "counting", _v7w, _count_keys),
    "relations": _ValsePiece(
        "coco_2017", "relations", _coco2017, _checked_keys("opposite preposition")
    ),
    "actant-swap": _ValsePiece("SWiG", "actions", _swig, _class_keys),
    "foil-it": _ValsePiece("FOIL dataset", "noun phrases", _coco2014, _class_keys),
}


def _valse(name: str, first_number: int) -> OfficialFile:
    piece = _VALSE_PIECES[name]

    def image(index: int) -> str:
        return piece.image(first_number + index)

    def key(index: int) -> str:
        return f"{name}_scenes_{index}"

    def record(index: int, item: SceneItem, image_name: str) -> Record:
        return {
            "dataset": piece.dataset,
            "original_split": "test",
            "dataset_idx": str(first_number + index),
            "linguistic_phenomena": piece.phenomenon,
            "image_file": image_name,
            "caption": item.caption.text,
            **piece.extra(item.note, item.foil_note),
            "mturk": VOTES,
            "foil": item.foil.text,
        }

    return OfficialFile(name, f"valse/{name}.json", image, key, record)


# Winoground


def _winoground() -> OfficialFile:
    def image(index: int) -> str:
        return f"winoground/images/ex_{index}_img_0.png"

    def record(index: int, item: SceneItem, image_name: str) -> Record:
        return {
            "id": index,
            "image_0": f"ex_{index}_img_0",
            "image_1": f"ex_{index}_img_1",
            "caption_0": item.caption.text,
            "caption_1": item.foil.text,
            "tag": item.note["tag"],
            "secondary_tag": "",
            "num_main_preds": 1,
            "collapsed_tag": item.note["collapsed_tag"],
        }

    return OfficialFile("winoground", "winoground/examples.jsonl", image, None, record)


# Retrieval

RETRIEVAL_FILE = "coco_karpathy_test.json"
RETRIEVAL_NUMBER = NUMBERS * 51


def retrieval_image(index: int) -> str:
    """Return the path of a retrieval image, which is also how its record names it."""
    return _coco2014(RETRIEVAL_NUMBER + index)


# Every suite's numbers begin at a multiple of a million: 1 to 7, 21, 22, and 31 to 38.
OFFICIAL_FILES: tuple[OfficialFile, ...] = (
    *(_sugarcrepe(name, NUMBERS * k) for k, name in enumerate(suites_sugarcrepe.PAIR_MAKERS, 1)),
    _aro("vg_relation", "visual_genome_relation", NUMBERS * 21),
    _aro("vg_attribution", "visual_genome_attribution", NUMBERS * 22),
    *(_valse(name, NUMBERS * k) for k, name in enumerate(_VALSE_PIECES, 31)),
    _winoground(),
)
