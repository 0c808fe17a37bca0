"""Locator `coco`: the caption's noun -> COCO's category -> the mask people drew. No model.

Instances count things; panoptic files add the background's `stuff`. A caption that speaks of one
thing where the picture has several is refused: nobody knows which (GNM's "multiple objects").
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image as Images
from PIL.Image import Image

from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.imaging.base import Job, Mask, Refusal, Settings, Target, check_size
from ahnpl_cli.imaging.extras import require
from ahnpl_cli.imaging.locators.coco_index import HINT, Index, Thing, build_index
from ahnpl_cli.records import PartInfo

LONGEST = 3  # words of a noun, such as `hot dog` or `double decker bus`
_IRREGULAR = {"knife": "knives", "sheep": "sheep", "scissors": "scissors", "skis": "skis"}
_MANY = frozenset(("men", "women", "children", "people", "crowd", "couple", "cattle", "luggage"))
# One word for a lot of stuff, which nobody counts.
_STUFF_FROM = "sky"


@functools.cache
def nouns() -> dict[str, tuple[str, bool, bool]]:
    """Return caption noun -> (category, whether it speaks of many, whether it is stuff)."""
    text = (resources.files(__package__) / "coco_nouns.txt").read_text(encoding="utf-8")
    known: dict[str, tuple[str, bool, bool]] = {}
    stuff = False
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        category, _, others = line.partition(":")
        stuff = stuff or category == _STUFF_FROM
        for word in (category, *(other.replace("_", " ") for other in others.split())):
            # The first line to name a word keeps it: a thing before stuff.
            known.setdefault(word, (category, word in _MANY, stuff))
            known.setdefault(_plural(word), (category, True, stuff))
    return known


def _plural(noun: str) -> str:
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith("man"):
        return f"{noun[:-3]}men"
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def match(target: Target) -> tuple[str, bool, bool] | None:
    """Return category, many and stuff of the longest known noun of a target, the last one first."""
    words = target.noun.lower().split()
    for end in range(len(words), 0, -1):
        for start in range(max(0, end - LONGEST), end):
            known = nouns().get(" ".join(words[start:end]))
            if known is not None:
                return known
    return None


class CocoLocator:
    """Looks masks up in annotation files."""

    info = PartInfo("coco")

    def __init__(self, settings: Settings) -> None:
        require("pycocotools")
        if not settings.annotations:
            raise ConfigError("the locator coco needs annotations", hint=HINT)
        self._files = [
            (path, Index(build_index(path, settings.cache))) for path in settings.annotations
        ]
        self._things = functools.lru_cache(32)(self._read)

    def names(self, image: str) -> frozenset[str] | None:
        """Return the categories in an image."""
        return frozenset(thing.category for _, thing in self._things(image))

    def locate(self, jobs: Sequence[tuple[Job, Image]]) -> list[tuple[Mask, ...] | Refusal]:
        """Return the masks of the things named."""
        return [self._locate(job, image) for job, image in jobs]

    def _read(self, image: str) -> list[tuple[Path, Thing]]:
        return [(path, thing) for path, index in self._files for thing in index.things(image)]

    def _locate(self, job: Job, image: Image) -> tuple[Mask, ...] | Refusal:
        masks: list[Mask] = []
        for target in job.targets:
            mask = self._mask(job.record.image, target, image)
            refused = mask if isinstance(mask, Refusal) else check_size(mask)
            if isinstance(refused, Refusal):
                return refused
            masks.append(mask)  # type: ignore[arg-type]
        return tuple(masks)

    def _mask(self, name: str, target: Target, image: Image) -> Mask | Refusal:
        known = match(target)
        if known is None:
            return Refusal("not found")
        category, many, stuff = known
        things = list(_first_source(self._things(name), category))
        if not things:
            return Refusal("not found")
        alone = len(things) == 1 and not things[0][1].crowd
        if not (many or stuff or alone):
            return Refusal("several instances")
        mask: Mask = np.logical_or.reduce([_decode(path, thing) for path, thing in things])
        if mask.shape != (image.height, image.width):
            size = f"{image.width}x{image.height}"
            what = f"the annotations are of another size than the picture, {size} pixels"
            raise DataError(what, where=name, hint="Use the images that the annotations are of.")
        return mask


def _first_source(
    things: Sequence[tuple[Path, Thing]], category: str
) -> Iterator[tuple[Path, Thing]]:
    """The things of a category in the first file that has it, since panoptic ones repeat them."""
    source = next((path for path, thing in things if thing.category == category), None)
    return (entry for entry in things if entry[0] == source and entry[1].category == category)


def _decode(source: Path, thing: Thing) -> Mask:
    from pycocotools import mask as coco

    outline = thing.outline
    if isinstance(outline, dict) and "png" in outline:
        return _decode_panoptic(source, outline)
    rle = outline
    if isinstance(outline, list):
        rle = coco.merge(coco.frPyObjects(outline, thing.height, thing.width))
    elif isinstance(outline.get("counts"), list):
        rle = coco.frPyObjects(outline, thing.height, thing.width)
    mask: Mask = coco.decode(rle).astype(bool)
    return mask


def _decode_panoptic(source: Path, outline: dict[str, int | str]) -> Mask:
    """Panoptic pictures lie in a folder named like the file; R + 256 G + 65536 B is the segment."""
    path = source.with_suffix("") / str(outline["png"])
    try:
        with Images.open(path) as picture:
            channels = np.asarray(picture.convert("RGB"), np.int64)
    except OSError as error:
        hint = "Unpack COCO's panoptic pictures beside their JSON file."
        raise DataError("no such segmentation picture", where=str(path), hint=hint) from error
    segments = channels @ np.array([1, 256, 65536])
    mask: Mask = segments == outline["segment"]
    return mask
