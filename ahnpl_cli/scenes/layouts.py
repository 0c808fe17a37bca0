"""Where the benchmarks' authors put each file and image, and what their records hold.

Keys and folders are those of the published files (see each benchmark's loader in `evaluation`), so
that the loaders which read the real data read the scenes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

from ahnpl_cli.scenes import suites_sugarcrepe
from ahnpl_cli.scenes.paraphrase import rephrase
from ahnpl_cli.scenes.suites import SceneItem
from ahnpl_cli.scenes.world import SIDE
from ahnpl_cli.stable_hash import stable_rng

Record = dict[str, Any]

# COCO and Visual Genome number their images below a million; each suite has a million numbers of
# its own above, so that scenes never take the name of a real image.
NUMBERS = 1_000_000


class Picture(NamedTuple):
    """An image of an item, and what it shows.

    Attributes:
        path: relative to the output folder.
        shows: the item's `scene`, the `other` scene of the pair, or `quarters`: the scene among
            three others.
    """

    path: str
    shows: Literal["scene", "other", "quarters"]


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One official file, or what one suite adds to it.

    Attributes:
        part: the part of the world that it is, a name of its own.
        suite: the items' name in `suites.PAIR_MAKERS`.
        file: path of the file, relative to the output folder.
        pictures: the pictures that an item brings, from its index.
        record: the record, from index and item.
        key: the record's key, from its index; None where the file is a list.
    """

    part: str
    suite: str
    file: str
    pictures: Callable[[int], tuple[Picture, ...]]
    record: Callable[[int, SceneItem], Record]
    key: Callable[[int], str] | None = None


def _v7w(number: int) -> str:
    return f"visual7w/v7w_{number}.jpg"


def _coco2017(number: int) -> str:
    return f"val2017/{number:012d}.jpg"


def _coco2014(number: int) -> str:
    return f"val2014/COCO_val2014_{number:012d}.jpg"


def _swig(number: int) -> str:
    return f"images_512/acting_{number}.jpg"


# SugarCrepe, and the two benchmarks that are made of its items


def _sugarcrepe_image(suite: str, index: int) -> str:
    return _coco2017(NUMBERS * _SUGARCREPE_NUMBERS[suite] + index)


def _sugarcrepe_record(suite: str, index: int, item: SceneItem) -> Record:
    return {
        "filename": PurePosixPath(_sugarcrepe_image(suite, index)).name,
        "caption": item.caption.text,
        "negative_caption": item.foil.text,
    }


def _sugarcrepe(suite: str) -> OfficialFile:
    def pictures(index: int) -> tuple[Picture, ...]:
        return (Picture(_sugarcrepe_image(suite, index), "scene"),)

    def record(index: int, item: SceneItem) -> Record:
        return _sugarcrepe_record(suite, index, item)

    return OfficialFile(suite, suite, f"sugarcrepe/{suite}.json", pictures, record, str)


def _sugarcrepe_pp(suite: str) -> OfficialFile:
    """Return the file with a second true caption: the same meaning in other words."""

    def record(index: int, item: SceneItem) -> Record:
        rng = stable_rng("sugarcrepe++", suite, index, item.caption.text)
        plain = _sugarcrepe_record(suite, index, item)
        return {
            "id": index,
            "filename": plain["filename"],
            "caption": plain["caption"],
            "caption2": rephrase(rng, item.caption).text,
            "negative_caption": plain["negative_caption"],
        }

    return OfficialFile(f"{suite}++", suite, f"sugarcrepe_pp/{suite}.json", _no_pictures, record)


def _no_pictures(_: int) -> tuple[Picture, ...]:
    return ()


def _bivlc(suite: str) -> OfficialFile:
    """Return the suite's rows of BiVLC: the other scene is the exact image negative."""

    def negative_image(index: int) -> str:
        return f"bivlc/images/{suite}_{index:06d}.png"

    def pictures(index: int) -> tuple[Picture, ...]:
        return (Picture(negative_image(index), "other"),)

    def record(index: int, item: SceneItem) -> Record:
        type_, subtype = suite.split("_")
        plain = _sugarcrepe_record(suite, index, item)
        return {
            "image": plain["filename"],
            "caption": plain["caption"],
            "negative_caption": plain["negative_caption"],
            "negative_image": PurePosixPath(negative_image(index)).name,
            "type": type_,
            "subtype": subtype,
        }

    return OfficialFile(f"bivlc {suite}", suite, "bivlc/BiVLC.csv", pictures, record)


# ARO


def aro_box(index: int) -> tuple[int, int, int, int]:
    """Return x, y, width and height of the quarter of an ARO image that an item is about."""
    column = index % 2
    row = index // 2 % 2
    return SIDE * column, SIDE * row, SIDE, SIDE


def _aro(suite: str, stem: str, first_number: int) -> OfficialFile:
    def pictures(index: int) -> tuple[Picture, ...]:
        return (Picture(f"aro/images/{first_number + index}.jpg", "quarters"),)

    def record(index: int, item: SceneItem) -> Record:
        x, y, width, height = aro_box(index)
        return {
            "image_id": first_number + index,
            "image_path": f"{first_number + index}.jpg",
            "bbox_x": x,
            "bbox_y": y,
            "bbox_w": width,
            "bbox_h": height,
            **item.note,
            "true_caption": item.caption.text,
            "false_caption": item.foil.text,
        }

    return OfficialFile(suite, suite, f"aro/{stem}.json", pictures, record)


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

    def pictures(index: int) -> tuple[Picture, ...]:
        return (Picture(piece.image(first_number + index), "scene"),)

    def key(index: int) -> str:
        return f"{name}_scenes_{index}"

    def record(index: int, item: SceneItem) -> Record:
        return {
            "dataset": piece.dataset,
            "original_split": "test",
            "dataset_idx": str(first_number + index),
            "linguistic_phenomena": piece.phenomenon,
            "image_file": PurePosixPath(piece.image(first_number + index)).name,
            "caption": item.caption.text,
            **piece.extra(item.note, item.foil_note),
            "mturk": VOTES,
            "foil": item.foil.text,
        }

    return OfficialFile(name, name, f"valse/{name}.json", pictures, record, key)


# Winoground


def _winoground() -> OfficialFile:
    def pictures(index: int) -> tuple[Picture, ...]:
        stem = f"winoground/images/ex_{index}_img"
        return (Picture(f"{stem}_0.png", "scene"), Picture(f"{stem}_1.png", "other"))

    def record(index: int, item: SceneItem) -> Record:
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

    return OfficialFile("winoground", "winoground", "winoground/examples.jsonl", pictures, record)


# Retrieval

RETRIEVAL_FILE = "coco_karpathy_test.json"
RETRIEVAL_NUMBER = NUMBERS * 51


def retrieval_image(index: int) -> str:
    """Return the path of a retrieval image, which is also how its record names it."""
    return _coco2014(RETRIEVAL_NUMBER + index)


# Every suite's numbers begin at a multiple of a million: 1 to 7, 21, 22, 31 to 38, 51, and 52 of
# NegBench.
_SUGARCREPE_NUMBERS = {name: k for k, name in enumerate(suites_sugarcrepe.PAIR_MAKERS, 1)}
SUGARCREPE_PP = ("replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att")
OFFICIAL_FILES: tuple[OfficialFile, ...] = (
    *(_sugarcrepe(name) for name in suites_sugarcrepe.PAIR_MAKERS),
    _aro("vg_relation", "visual_genome_relation", NUMBERS * 21),
    _aro("vg_attribution", "visual_genome_attribution", NUMBERS * 22),
    *(_valse(name, NUMBERS * k) for k, name in enumerate(_VALSE_PIECES, 31)),
    _winoground(),
    *(_sugarcrepe_pp(name) for name in SUGARCREPE_PP),
    *(_bivlc(name) for name in suites_sugarcrepe.PAIR_MAKERS),
)
