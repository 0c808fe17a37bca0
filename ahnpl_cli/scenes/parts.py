"""Writes the images of one range of indices and returns their records: one task of a process.

A part of the world is one entry of `PARTS`: what it draws at an index, and which files its records
belong to.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from PIL import Image

from ahnpl_cli.files import write_atomic
from ahnpl_cli.records import ImageNegativeRecord, Kind
from ahnpl_cli.scenes import (
    captions,
    layouts,
    render,
    sketches,
    suites_half_truths,
    suites_negbench,
    world,
)
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.layouts import OFFICIAL_FILES, OfficialFile, Record
from ahnpl_cli.scenes.suites import SceneItem, make_item
from ahnpl_cli.scenes.world import Scene, Thing
from ahnpl_cli.stable_hash import stable_rng

TRAIN = "train"

CAPTIONS_FILE = "captions.jsonl"
IMAGE_NEGATIVES_FILE = "image_negatives.jsonl"
CAPTIONS_PER_IMAGE = 3
CAPTIONS_PER_RETRIEVED = 5  # as in COCO
# Which suite's pairs stand for which kind of negative, in turn; all of combinations seen in
# training.
NEGATIVE_SUITES: tuple[tuple[Kind, str], ...] = (
    ("swap", "swap_obj"),
    ("attribute", "replace_att"),
    ("object", "replace_obj"),
    ("attribute_swap", "swap_att"),
    ("quantity", "counting-hard"),
    ("spatial", "relations"),
)
# Without subsampling, or JPEG would blur the colors of small shapes.
JPEG = {"quality": 95, "subsampling": 0}


class Row(NamedTuple):
    """A record, the file that it belongs to, and its key where that file is a JSON object."""

    file: str
    record: Record
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the world.

    Attributes:
        files: the files of its records, relative to the output folder.
        images: the paths of the images of an index.
        write: writes them; called with output folder, seed, index and number of indices.
    """

    files: tuple[str, ...]
    images: Callable[[int], list[str]]
    write: Callable[[Path, int, int, int], list[Row]]


@dataclass(frozen=True, slots=True)
class IndexRange:
    """Indices `start` to `stop` of a part.

    Attributes:
        part: a key of `PARTS`.
        start: first index.
        stop: one past the last.
        total: indices of the whole part.
    """

    part: str
    start: int
    stop: int
    total: int


def write_range(out: Path, seed: int, index_range: IndexRange) -> list[Row]:
    """Write the images of a range and return its records.

    Each index has a generator of its own, so it does not matter which process writes it.
    """
    part = PARTS[index_range.part]
    rows: list[Row] = []
    for index in range(index_range.start, index_range.stop):
        rows += part.write(out, seed, index, index_range.total)
    return rows


def _training_images(index: int) -> list[str]:
    return [f"images/{index:06d}.png"]


def _write_training_scene(out: Path, seed: int, index: int, _: int) -> list[Row]:
    rng = stable_rng(seed, "train", "scene", index, digest="sha256")
    scene = captions.sample_scene(rng)
    (name,) = _training_images(index)
    _save(out / name, render.paint(scene))
    things = [_thing_record(thing) for thing in scene.things]
    rows = []
    for number, caption in enumerate(captions.sample_captions(rng, scene, CAPTIONS_PER_IMAGE)):
        says = type(caption.meaning).__name__.lower()
        meta = {"says": says, "scene": scene.layout, "things": things}
        record = _caption_record(f"{index:06d}-{number}", name, caption, meta)
        rows.append(Row(CAPTIONS_FILE, record))
    return rows


def _thing_record(thing: Thing) -> Record:
    return {
        "look": asdict(thing.appearance),
        "x": thing.x,
        "y": thing.y,
        "radius": thing.radius,
    }


def _caption_record(id_: str, image: str, caption: Caption, meta: dict[str, Any]) -> Record:
    # A file of captions: `ahnpl negatives` adds the other fields of a `CaptionRecord`.
    return {"id": id_, "image": image, "caption": caption.text, "meta": meta}


def _retrieval_images(index: int) -> list[str]:
    return [layouts.retrieval_image(index)]


def _write_retrieval_scene(out: Path, seed: int, index: int, _: int) -> list[Row]:
    rng = stable_rng(seed, "test", "retrieval", index, digest="sha256")
    scene = captions.sample_scene(rng, held_out=True)
    (name,) = _retrieval_images(index)
    _save(out / name, render.paint(scene))
    sampled = captions.sample_captions(rng, scene, CAPTIONS_PER_RETRIEVED)
    record = {"image": name, "caption": [caption.text for caption in sampled]}
    return [Row(layouts.RETRIEVAL_FILE, record)]


def _image_negative_images(index: int) -> list[str]:
    return [f"image_negatives/{index:06d}.png", f"image_negatives/{index:06d}_negative.png"]


def _write_image_negative(out: Path, seed: int, index: int, total: int) -> list[Row]:
    kind, suite = NEGATIVE_SUITES[index % len(NEGATIVE_SUITES)]
    item = make_item(suite, seed, index, total, split="train", held_out=False)
    image, negative_image = _image_negative_images(index)
    _save(out / image, render.paint(item.scene))
    _save(out / negative_image, render.paint(item.other))
    record = ImageNegativeRecord(
        id=f"{index:06d}",
        image=image,
        caption=item.caption.text,
        negative_image=negative_image,
        negative_caption=item.foil.text,
        kind=kind,
    )
    return [Row(IMAGE_NEGATIVES_FILE, asdict(record))]


def _negbench_images(index: int) -> list[str]:
    return [suites_negbench.image(index)]


def _write_negbench_scene(out: Path, seed: int, index: int, _: int) -> list[Row]:
    rng = stable_rng(seed, "test", "negbench", index)
    scene = suites_negbench.sample_scene(rng)
    (name,) = _negbench_images(index)
    _save(out / name, render.paint(scene))
    records = suites_negbench.records(rng, scene, index)
    return [Row(file, record) for file, record in records.items()]


def _half_truth_images(index: int) -> list[str]:
    return [suites_half_truths.image(index)]


def _write_half_truth(out: Path, seed: int, index: int, _: int) -> list[Row]:
    rng = stable_rng(seed, "test", "half-truths", index)
    scene, record = suites_half_truths.sample(rng, index)
    (name,) = _half_truth_images(index)
    _save(out / name, render.paint(scene))
    return [Row(suites_half_truths.FILE, record)]


def _sketch_images(index: int) -> list[str]:
    return [
        f"sketches/{name}/{split}_{index:06d}.png"
        for name in sketches.LABELED_SETS
        for split in sketches.SPLITS
    ]


def _write_sketches(out: Path, seed: int, index: int, _: int) -> list[Row]:
    rows = []
    for name in _sketch_images(index):
        path = PurePosixPath(name)
        rng = stable_rng(seed, "sketches", name)
        labeled = sketches.sample_labeled(rng, path.parent.name, index)
        _save(out / name, labeled.page.paint())
        record = {
            "filepath": path.name,
            labeled.column: ";".join(labeled.labels),
            "split": path.name.split("_")[0],
        }
        rows.append(Row(f"{path.parent}/{sketches.LABELS_FILE}", record))
    return rows


def _official_images(official: OfficialFile, index: int) -> list[str]:
    return [picture.path for picture in official.pictures(index)]


def _write_official_item(
    official: OfficialFile, out: Path, seed: int, index: int, total: int
) -> list[Row]:
    item = make_item(official.suite, seed, index, total)
    for picture in official.pictures(index):
        if picture.shows == "quarters":
            image = _paint_among_others(official.suite, item, seed, index)
        else:
            image = render.paint(item.scene if picture.shows == "scene" else item.other)
        _save(out / picture.path, image)
    record = official.record(index, item)
    return [Row(official.file, record, official.key and official.key(index))]


def _paint_among_others(suite: str, item: SceneItem, seed: int, index: int) -> Image.Image:
    """Paint the scene as one quarter of four, another of which is the pair's other scene.

    So only a loader that obeys ARO's box can tell caption from foil.
    """
    rng = stable_rng(seed, "test", suite, "around", index, digest="sha256")
    quarters: list[Scene] = [
        item.other,
        captions.sample_scene(rng),
        captions.sample_scene(rng),
    ]
    rng.shuffle(quarters)
    x, y, _, _ = layouts.aro_box(index)
    row = y // world.SIDE
    column = x // world.SIDE
    quarters.insert(2 * row + column, item.scene)
    return render.paint_quarters(quarters)


def _save(path: Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    if path.suffix == ".jpg":
        image.save(buffer, "JPEG", **JPEG)
    else:
        image.save(buffer, "PNG", compress_level=1)
    write_atomic(path, buffer.getvalue())


def _official_part(official: OfficialFile) -> Part:
    return Part(
        (official.file,),
        functools.partial(_official_images, official),
        functools.partial(_write_official_item, official),
    )


PARTS: dict[str, Part] = {
    TRAIN: Part((CAPTIONS_FILE,), _training_images, _write_training_scene),
    "image_negatives": Part((IMAGE_NEGATIVES_FILE,), _image_negative_images, _write_image_negative),
    "retrieval": Part((layouts.RETRIEVAL_FILE,), _retrieval_images, _write_retrieval_scene),
    **{official.part: _official_part(official) for official in OFFICIAL_FILES},
    "negbench": Part(suites_negbench.FILES, _negbench_images, _write_negbench_scene),
    "half_truths": Part((suites_half_truths.FILE,), _half_truth_images, _write_half_truth),
    "sketches": Part(sketches.FILES, _sketch_images, _write_sketches),
}
