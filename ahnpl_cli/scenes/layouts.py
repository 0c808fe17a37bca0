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

# COCO and Visual Genome number their images; each suite has a million numbers of its own.
NUMBERS = 1_000_000


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One official file.

    Attributes:
        suite: the items' name in `suites.MAKERS`.
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


def _sugarcrepe(suite: str, number: int) -> OfficialFile:
    return OfficialFile(
        suite,
        f"sugarcrepe/{suite}.json",
        lambda i: f"val2017/{number + i:012d}.jpg",
        str,
        lambda i, item, name: {
            "filename": name,
            "caption": item.caption.text,
            "negative_caption": item.foil.text,
        },
    )


def box(index: int) -> tuple[int, int, int, int]:
    """x, y, width and height of the quarter of an ARO image that an item is about."""
    return SIDE * (index % 2), SIDE * (index // 2 % 2), SIDE, SIDE


def _aro(suite: str, file: str, number: int) -> OfficialFile:
    def record(i: int, item: SceneItem, name: str) -> Record:
        x, y, width, height = box(i)
        return {
            "image_id": number + i,
            "image_path": name,
            "bbox_x": x,
            "bbox_y": y,
            "bbox_w": width,
            "bbox_h": height,
            **item.note,
            "true_caption": item.caption.text,
            "false_caption": item.foil.text,
        }

    return OfficialFile(
        suite, f"aro/{file}.json", lambda i: f"aro/images/{number + i}.jpg", None, record
    )


VOTES = {"foil": 0, "caption": 3, "other": 0}  # as if all three annotators had chosen the caption


@dataclass(frozen=True, slots=True)
class _Piece:
    """What sets one VALSE piece apart.

    Attributes:
        dataset: where the authors took its images from.
        phenomenon: `linguistic_phenomena` of its records.
        image: path of an image, from its number.
        extra: further keys, from caption's note, foil's note and number.
    """

    dataset: str
    phenomenon: str
    image: Callable[[int], str]
    extra: Callable[[Record, Record, int], Record]


def _classes(note: Record, foil_note: Record, number: int) -> Record:
    return {"classes": note["class"], "classes_foil": foil_note["class"]}


def _counts(note: Record, foil_note: Record, number: int) -> Record:
    count, foil = note["count"], foil_note["count"]
    return {"answer": count, "classes": count, "classes_foil": foil, "split": "test"}


def _zero_or_some(note: Record, foil_note: Record, number: int) -> Record:
    count, foil = note["count"], foil_note["count"]
    provenance = "something_to_zero" if count else "zero_to_something"
    return {
        "answer": count,
        "classes": count,
        "classes_foil": [foil],
        "provenance_of_foils": provenance,
    }


def _checked(method: str) -> Callable[[Record, Record, int], Record]:
    # True of scenes by construction: the authors' filters have nothing to reject.
    scores = {"grammaticality_scores": [1.0], "foil_method": method}
    verdict = {"entail": [0.0], "neutral": [0.0], "contradict": [1.0], "pred": ["contradict"]}
    return lambda note, foil_note, number: {
        **_classes(note, foil_note, number),
        **scores,
        "nli_scores": verdict,
    }


def _v7w(number: int) -> str:
    return f"visual7w/v7w_{number}.jpg"


def _coco(number: int) -> str:
    return f"val2017/{number:012d}.jpg"


def _coco2014(number: int) -> str:
    return f"val2014/COCO_val2014_{number:012d}.jpg"


_PIECES = {
    "existence": _Piece("visual7w", "existence", _v7w, _zero_or_some),
    "plurals": _Piece("coco2017", "plurals", _coco, _checked("number of one noun changed")),
    "counting-hard": _Piece("visual7w", "counting", _v7w, _counts),
    "counting-small-quant": _Piece("visual7w", "counting", _v7w, _counts),
    "counting-adversarial": _Piece("visual7w", "counting", _v7w, _counts),
    "relations": _Piece("coco_2017", "relations", _coco, _checked("opposite preposition")),
    "actant-swap": _Piece("SWiG", "actions", lambda n: f"images_512/acting_{n}.jpg", _classes),
    "foil-it": _Piece("FOIL dataset", "noun phrases", _coco2014, _classes),
}


def _valse(piece: str, number: int) -> OfficialFile:
    about = _PIECES[piece]

    def record(i: int, item: SceneItem, name: str) -> Record:
        return {
            "dataset": about.dataset,
            "original_split": "test",
            "dataset_idx": str(number + i),
            "linguistic_phenomena": about.phenomenon,
            "image_file": name,
            "caption": item.caption.text,
            **about.extra(item.note, item.foil_note, number + i),
            "mturk": VOTES,
            "foil": item.foil.text,
        }

    return OfficialFile(
        piece,
        f"valse/{piece}.json",
        lambda i: about.image(number + i),
        lambda i: f"{piece}_scenes_{i}",
        record,
    )


def _winoground() -> OfficialFile:
    def record(i: int, item: SceneItem, name: str) -> Record:
        return {
            "id": i,
            "image_0": f"ex_{i}_img_0",
            "image_1": f"ex_{i}_img_1",
            "caption_0": item.caption.text,
            "caption_1": item.foil.text,
            "tag": item.note["tag"],
            "secondary_tag": "",
            "num_main_preds": 1,
            "collapsed_tag": item.note["collapsed_tag"],
        }

    def image(i: int) -> str:
        return f"winoground/images/ex_{i}_img_0.png"

    return OfficialFile("winoground", "winoground/examples.jsonl", image, None, record)


OFFICIAL_FILES: tuple[OfficialFile, ...] = (
    *(_sugarcrepe(suite, NUMBERS * k) for k, suite in enumerate(suites_sugarcrepe.MAKERS, 1)),
    _aro("vg_relation", "visual_genome_relation", NUMBERS * 21),
    _aro("vg_attribution", "visual_genome_attribution", NUMBERS * 22),
    *(_valse(piece, NUMBERS * k) for k, piece in enumerate(_PIECES, 31)),
    _winoground(),
)
RETRIEVAL_FILE = "coco_karpathy_test.json"
RETRIEVAL_NUMBER = NUMBERS * 51


def retrieval_image(index: int) -> str:
    """Path of a retrieval image, which is also how its record names it."""
    return _coco2014(RETRIEVAL_NUMBER + index)
