"""Writes the images of one range of indices and returns their records: one task of a process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from ahnpl_cli.files import write_atomic
from ahnpl_cli.records import CaptionRecord, ImageNegativeRecord, Kind
from ahnpl_cli.scenes import captions, layouts, render, world
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.layouts import OFFICIAL_FILES, OfficialFile, Record
from ahnpl_cli.scenes.suites import SceneItem, make_item
from ahnpl_cli.scenes.world import Scene, Thing
from ahnpl_cli.stable_hash import stable_rng

TRAIN = "train"
RETRIEVAL = "retrieval"
IMAGE_NEGATIVES = "image_negatives"

CAPTIONS_PER_IMAGE = 3
CAPTIONS_PER_RETRIEVED = 5  # as in COCO
# Which suite's pairs stand for which kind of negative, in turn; all of combinations seen in
# training.
NEGATIVE_SUITES: tuple[tuple[Kind, str], ...] = (
    ("relation", "swap_obj"),
    ("attribute", "replace_att"),
    ("object", "replace_obj"),
    ("attribute_swap", "swap_att"),
    ("quantity", "counting-hard"),
    ("spatial", "relations"),
)
# Without subsampling, or JPEG would blur the colors of small shapes.
JPEG = {"quality": 95, "subsampling": 0}
_FILE_OF_SUITE = {official.suite: official for official in OFFICIAL_FILES}


@dataclass(frozen=True, slots=True)
class IndexRange:
    """Indices `start` to `stop` of a part.

    Attributes:
        part: `train`, `retrieval`, `image_negatives` or the name of a suite.
        start: first index.
        stop: one past the last.
        total: indices of the whole part.
    """

    part: str
    start: int
    stop: int
    total: int


def write_range(out: Path, seed: int, index_range: IndexRange) -> list[Record]:
    """Write the images of a range and return its records.

    Each index has a generator of its own, so it does not matter which process writes it.
    """
    part = index_range.part
    total = index_range.total
    records: list[Record] = []
    for index in range(index_range.start, index_range.stop):
        if part == TRAIN:
            records += _write_training_scene(out, seed, index)
        elif part == RETRIEVAL:
            records.append(_write_retrieval_scene(out, seed, index))
        elif part == IMAGE_NEGATIVES:
            records.append(_write_image_negative(out, seed, index, total))
        else:
            records.append(_write_suite_item(out, seed, index, total, _FILE_OF_SUITE[part]))
    return records


def image_paths(part: str, index: int) -> Iterator[str]:
    """Yield the paths, relative to the output folder, of the images of an index."""
    if part == TRAIN:
        yield f"images/{index:06d}.png"
    elif part == RETRIEVAL:
        yield layouts.retrieval_image(index)
    elif part == IMAGE_NEGATIVES:
        yield f"image_negatives/{index:06d}.png"
        yield f"image_negatives/{index:06d}_negative.png"
    else:
        name = _FILE_OF_SUITE[part].image(index)
        yield name
        if part == "winoground":
            yield name.replace("_img_0", "_img_1")


def _write_training_scene(out: Path, seed: int, index: int) -> list[Record]:
    rng = stable_rng(seed, "train", "scene", index, digest="sha256")
    scene = captions.sample_scene(rng)
    (name,) = image_paths(TRAIN, index)
    _save(out / name, render.paint(scene))
    things = [_thing_record(thing) for thing in scene.things]
    records = []
    for number, caption in enumerate(captions.sample_captions(rng, scene, CAPTIONS_PER_IMAGE)):
        says = type(caption.meaning).__name__.lower()
        meta = {"says": says, "scene": scene.layout, "things": things}
        records.append(_caption_record(f"{index:06d}-{number}", name, caption, meta))
    return records


def _thing_record(thing: Thing) -> Record:
    return {
        "look": asdict(thing.appearance),
        "x": thing.x,
        "y": thing.y,
        "radius": thing.radius,
    }


def _caption_record(id_: str, image: str, caption: Caption, meta: dict[str, Any]) -> Record:
    record = asdict(CaptionRecord(id_, image, caption.text, meta=meta))
    # A file of captions: `ahnpl negatives` is what adds them.
    del record["negatives"]
    return record


def _write_retrieval_scene(out: Path, seed: int, index: int) -> Record:
    rng = stable_rng(seed, "test", "retrieval", index, digest="sha256")
    scene = captions.sample_scene(rng, held_out=True)
    (name,) = image_paths(RETRIEVAL, index)
    _save(out / name, render.paint(scene))
    sampled = captions.sample_captions(rng, scene, CAPTIONS_PER_RETRIEVED)
    return {"image": name, "caption": [caption.text for caption in sampled]}


def _write_image_negative(out: Path, seed: int, index: int, total: int) -> Record:
    kind, suite = NEGATIVE_SUITES[index % len(NEGATIVE_SUITES)]
    item = make_item(suite, seed, index, total, split="train", held_out=False)
    image, negative_image = image_paths(IMAGE_NEGATIVES, index)
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
    return asdict(record)


def _write_suite_item(
    out: Path, seed: int, index: int, total: int, official: OfficialFile
) -> Record:
    item = make_item(official.suite, seed, index, total)
    name, *name_of_other = image_paths(official.suite, index)
    if official.file.startswith("aro/"):
        image = _paint_among_others(official.suite, item, seed, index)
    else:
        image = render.paint(item.scene)
    _save(out / name, image)
    for other in name_of_other:
        _save(out / other, render.paint(item.other))
    return official.record(index, item, PurePosixPath(name).name)


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
