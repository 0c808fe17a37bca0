"""Writes one range of one part of the world: what each process is given to do."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from ahnpl_cli.files import write_atomic
from ahnpl_cli.scenes import captions, layouts, render, world
from ahnpl_cli.scenes.layouts import OfficialFile
from ahnpl_cli.scenes.suites import SceneItem, make_item
from ahnpl_cli.scenes.world import Scene, Thing

CAPTIONS_PER_IMAGE = 3
CAPTIONS_PER_RETRIEVED = 5
# Which suite stands for which kind of negative, in turn; all of combinations seen in training.
IMAGE_NEGATIVES = (
    ("relation", "swap_obj"),
    ("attribute", "replace_att"),
    ("object", "replace_obj"),
    ("attribute_swap", "swap_att"),
    ("quantity", "counting-hard"),
    ("spatial", "relations"),
)
JPEG = {"quality": 95, "subsampling": 0}
Lines = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class IndexRange:
    """Indices `start` to `stop` of a part: `train`, `retrieval`, `image_negatives` or a suite."""

    part: str
    start: int
    stop: int
    total: int


def write_range(out: Path, seed: int, span: IndexRange) -> Lines:
    """Write the images of a range and return its records.

    Each index has a generator of its own, so it does not matter which process does which.
    """
    write = _PARTS.get(span.part, _suite_item)
    lines: Lines = []
    for index in range(span.start, span.stop):
        lines += write(out, seed, index, span)
    return lines


def images_of(span: IndexRange) -> Iterator[str]:
    """Yield the paths of the images of a range, relative to the world's folder."""
    for index in range(span.start, span.stop):
        if span.part == "train":
            yield _train_image(index)
        elif span.part == "retrieval":
            yield layouts.retrieval_image(index)
        elif span.part == "image_negatives":
            yield from _negative_images(index)
        else:
            yield from _suite_images(_OFFICIAL_FILES[span.part], index)


def _train_image(index: int) -> str:
    return f"images/{index:06d}.png"


def _negative_images(index: int) -> tuple[str, str]:
    """The image of a pair, and the one that shows its negative."""
    return f"image_negatives/{index:06d}.png", f"image_negatives/{index:06d}_negative.png"


def _suite_images(official: OfficialFile, index: int) -> tuple[str, ...]:
    """The image of an item; Winoground's items have two."""
    first = official.image(index)
    if official.suite == "winoground":
        return first, first.replace("_img_0", "_img_1")
    return (first,)


def _train(out: Path, seed: int, index: int, span: IndexRange) -> Lines:
    rng = world.stream(seed, "train", "scene", index)
    scene = captions.sample_scene(rng)
    image = _train_image(index)
    _save(out / image, render.paint(scene))
    sampled = captions.sample_captions(rng, scene, CAPTIONS_PER_IMAGE)
    return [_record(f"{index:06d}-{k}", image, c, scene) for k, c in enumerate(sampled)]


def _record(id_: str, image: str, caption: captions.Caption, scene: Scene) -> dict[str, Any]:
    meta = {
        "says": type(caption.meaning).__name__.lower(),
        "scene": scene.layout,
        "things": [_thing(thing) for thing in scene.things],
    }
    return {"id": id_, "image": image, "caption": caption.text, "meta": meta}


def _thing(thing: Thing) -> dict[str, Any]:
    return {"look": asdict(thing.appearance), "x": thing.x, "y": thing.y, "radius": thing.radius}


def _retrieval(out: Path, seed: int, index: int, span: IndexRange) -> Lines:
    rng = world.stream(seed, "test", "retrieval", index)
    scene = captions.sample_scene(rng, held_out=True)
    name = layouts.retrieval_image(index)
    _save(out / name, render.paint(scene))
    sampled = captions.sample_captions(rng, scene, CAPTIONS_PER_RETRIEVED)
    return [{"image": name, "caption": [caption.text for caption in sampled]}]


def _image_negative(out: Path, seed: int, index: int, span: IndexRange) -> Lines:
    kind, suite = IMAGE_NEGATIVES[index % len(IMAGE_NEGATIVES)]
    item = make_item(suite, seed, index, span.total, split="train", held_out=False)
    image, negative = _negative_images(index)
    _save(out / image, render.paint(item.scene))
    _save(out / negative, render.paint(item.other))
    return [
        {
            "id": f"{index:06d}",
            "image": image,
            "caption": item.caption.text,
            "negative_image": negative,
            "negative_caption": item.foil.text,
            "kind": kind,
        }
    ]


def _suite_item(out: Path, seed: int, index: int, span: IndexRange) -> Lines:
    official = _OFFICIAL_FILES[span.part]
    item = make_item(official.suite, seed, index, span.total)
    image, *others = _suite_images(official, index)
    _save(out / image, _paint(official, item, seed, index))
    for other in others:
        _save(out / other, render.paint(item.other))
    return [official.record(index, item, PurePosixPath(image).name)]


def _paint(official: OfficialFile, item: SceneItem, seed: int, index: int) -> Image.Image:
    """The scene; for ARO as one quarter of four, another of which shows the foil's.

    So only a loader that obeys the box can tell caption from foil there.
    """
    if not official.file.startswith("aro/"):
        return render.paint(item.scene)
    rng = world.stream(seed, "test", official.suite, "around", index)
    quarters: list[Scene] = [item.other, captions.sample_scene(rng), captions.sample_scene(rng)]
    rng.shuffle(quarters)
    x, y, *_ = layouts.box(index)
    quarters.insert(2 * (y // world.SIDE) + x // world.SIDE, item.scene)
    return render.paint_quarters(quarters)


def _save(path: Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    if path.suffix == ".jpg":
        image.save(buffer, "JPEG", **JPEG)
    else:
        image.save(buffer, "PNG", compress_level=1)
    write_atomic(path, buffer.getvalue())


_OFFICIAL_FILES = {official.suite: official for official in layouts.OFFICIAL_FILES}
_PARTS: dict[str, Callable[[Path, int, int, IndexRange], Lines]] = {
    "train": _train,
    "retrieval": _retrieval,
    "image_negatives": _image_negative,
}
