"""Draws one stretch of one part of the world into files: what each process is given to do."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from ahnpl_cli.files import write_atomic
from ahnpl_cli.records import CaptionRecord
from ahnpl_cli.scenes import captions, layouts, render, world
from ahnpl_cli.scenes.layouts import Sheet
from ahnpl_cli.scenes.suites import Item, make_item
from ahnpl_cli.scenes.world import Scene

CAPTIONS_PER_IMAGE = 3
CAPTIONS_PER_RETRIEVED = 5
# Which twins stand for which kind of negative, in turn; all of combinations seen in training.
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
class Stretch:
    """Indices `start` to `stop` of a part: `train`, `retrieval`, `image_negatives` or a suite."""

    part: str
    start: int
    stop: int
    total: int


def draw_stretch(out: Path, seed: int, stretch: Stretch) -> Lines:
    """Write the images of a stretch and return its records.

    Each index draws from a generator of its own, so it does not matter who draws which.
    """
    draw = _PARTS.get(stretch.part, _suite_item)
    lines: Lines = []
    for index in range(stretch.start, stretch.stop):
        lines += draw(out, seed, index, stretch)
    return lines


def _train(out: Path, seed: int, index: int, stretch: Stretch) -> Lines:
    rng = world.stream(seed, "train", "scene", index)
    scene = captions.draw_scene(rng)
    name = f"images/{index:06d}.png"
    _save(out / name, render.draw(scene))
    about = {"scene": scene.layout, "things": [asdict(thing) for thing in scene.things]}
    said = captions.draw_captions(rng, scene, CAPTIONS_PER_IMAGE)
    return [_caption(f"{index:06d}-{k}", name, c, about) for k, c in enumerate(said)]


def _caption(id_: str, image: str, said: captions.Caption, about: dict[str, Any]) -> dict[str, Any]:
    meta = {"says": type(said.meaning).__name__.lower(), **about}
    record = asdict(CaptionRecord(id_, image, said.text, meta=meta))
    del record["negatives"]
    return record


def _retrieval(out: Path, seed: int, index: int, stretch: Stretch) -> Lines:
    rng = world.stream(seed, "test", "retrieval", index)
    scene = captions.draw_scene(rng, held_out=True)
    name = layouts.retrieval_image(index)
    _save(out / name, render.draw(scene))
    said = captions.draw_captions(rng, scene, CAPTIONS_PER_RETRIEVED)
    return [{"image": name, "caption": [caption.text for caption in said]}]


def _image_negative(out: Path, seed: int, index: int, stretch: Stretch) -> Lines:
    kind, suite = IMAGE_NEGATIVES[index % len(IMAGE_NEGATIVES)]
    item = make_item(suite, seed, index, stretch.total, split="train", held_out=False)
    name = f"image_negatives/{index:06d}"
    _save(out / f"{name}.png", render.draw(item.scene))
    _save(out / f"{name}_negative.png", render.draw(item.other))
    return [
        {
            "id": f"{index:06d}",
            "image": f"{name}.png",
            "caption": item.caption.text,
            "negative_image": f"{name}_negative.png",
            "negative_caption": item.foil.text,
            "kind": kind,
        }
    ]


def _suite_item(out: Path, seed: int, index: int, stretch: Stretch) -> Lines:
    sheet = _SHEETS[stretch.part]
    item = make_item(sheet.suite, seed, index, stretch.total)
    name = sheet.image(index)
    _save(out / name, _picture(sheet, item, seed, index))
    if sheet.suite == "winoground":
        _save(out / name.replace("_img_0", "_img_1"), render.draw(item.other))
    return [sheet.record(index, item, PurePosixPath(name).name)]


def _picture(sheet: Sheet, item: Item, seed: int, index: int) -> Image.Image:
    """The scene; for ARO as one quarter of four, another of which shows the twin.

    So only a loader that obeys the box can tell caption from foil there.
    """
    if not sheet.file.startswith("aro/"):
        return render.draw(item.scene)
    rng = world.stream(seed, "test", sheet.suite, "around", index)
    around: list[Scene] = [item.other, captions.draw_scene(rng), captions.draw_scene(rng)]
    rng.shuffle(around)
    x, y, *_ = layouts.box(index)
    around.insert(2 * (y // world.SIDE) + x // world.SIDE, item.scene)
    return render.draw_quarters(around)


def _save(path: Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    if path.suffix == ".jpg":
        image.save(buffer, "JPEG", **JPEG)
    else:
        image.save(buffer, "PNG", compress_level=1)
    write_atomic(path, buffer.getvalue())


_SHEETS = {sheet.suite: sheet for sheet in layouts.SHEETS}
_PARTS: dict[str, Callable[[Path, int, int, Stretch], Lines]] = {
    "train": _train,
    "retrieval": _retrieval,
    "image_negatives": _image_negative,
}
