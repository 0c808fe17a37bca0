"""Photos of our own making, and the jobs that tests of locators, painters and judges give."""

import io

import numpy as np
from PIL import Image, ImageDraw

from ahnpl_cli.imaging.base import Job
from ahnpl_cli.imaging.targets import find_targets
from ahnpl_cli.records import CaptionRecord, Edit, Negative

CATEGORIES = {1: "person", 3: "car", 17: "cat", 18: "dog", 13: "stop sign"}
SIDE = (160, 120)


def replaced(caption: str, old: str, new: str, kind: str) -> Negative:
    """The negative that has one word exchanged."""
    start = caption.index(old)
    edit = Edit(start, start + len(old), old, new)
    text = caption[:start] + new + caption[edit.end :]
    return Negative(kind, text, (edit,))


def exchanged(caption: str, first: str, second: str, kind: str = "swap") -> Negative:
    """The negative that has two words swap places."""
    i, j = caption.index(first), caption.index(second)
    edits = (Edit(i, i + len(first), first, second), Edit(j, j + len(second), second, first))
    between = caption[i + len(first) : j]
    text = caption[:i] + second + between + first + caption[j + len(second) :]
    return Negative(kind, text, edits)


def job_of(record: CaptionRecord, slot: int = 0, seed: int = 7) -> Job:
    negative = record.negatives[slot]
    return Job("00000000", 0, slot, record, negative, find_targets(record.caption, negative), seed)


def texture(seed: int, base: tuple[int, int, int]) -> Image.Image:
    """A grainy background."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 9, (SIDE[1], SIDE[0], 3)) + np.array(base)
    return Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))


def polygon(box: tuple[int, int, int, int]) -> list[float]:
    """A box as COCO writes outlines."""
    x0, y0, x1, y1 = box
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def draw_photo(things: list[tuple[tuple[int, int, int, int], tuple[int, int, int]]]) -> Image.Image:
    """A textured picture with shaded boxes."""
    image = texture(len(things), (150, 160, 150))
    pen = ImageDraw.Draw(image)
    for (x0, y0, x1, y1), color in things:
        for row in range(y0, y1):
            light = 0.8 + 0.4 * (row - y0) / (y1 - y0)
            pen.line(
                [(x0, row), (x1 - 1, row)], fill=tuple(min(255, int(c * light)) for c in color)
            )
    return image


RED, BLUE, GRAY, BROWN = (190, 35, 40), (40, 85, 190), (128, 128, 128), (115, 75, 45)
CAT, DOG = (10, 40, 60, 90), (90, 30, 145, 85)
PHOTOS = {
    # name: (caption, things as (category, box, color), negatives)
    "000000000001.jpg": (
        "a red car on a street",
        [(3, (20, 30, 110, 90), RED)],
        [("red", "blue", "attribute"), ("car", "truck", "object")],
    ),
    "000000000002.jpg": (
        "a cat beside a dog",
        [(17, CAT, GRAY), (18, DOG, BROWN)],
        [("cat", "dog", "swap")],
    ),
    "000000000003.jpg": (
        "a dog on the left of a lawn",
        [(18, (10, 40, 60, 100), BROWN)],
        [("on the left of", "on the right of", "spatial")],
    ),
    "000000000004.jpg": (
        "a red car beside a blue car",
        [(3, (10, 30, 60, 90), RED), (3, (90, 30, 140, 90), BLUE)],
        [("red", "green", "attribute")],
    ),
    "000000000005.jpg": (
        "a stop sign on the left of a road",
        [(13, (10, 10, 60, 60), RED)],
        [("on the left of", "on the right of", "spatial")],
    ),
}


def encoded(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()
