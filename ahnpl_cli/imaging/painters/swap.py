"""Painter `swap`: two things exchange their places, by Poisson cloning. No model.

OpenCV's `seamlessClone` (Perez et al. 2003) blends each thing, scaled to the other's area, into a
picture from which both were taken out (`inpaint`, Telea 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as Images
from PIL.Image import Image

from ahnpl_cli.imaging.base import Box, Canvas, Job, Mask, Refusal, Settings, box_of
from ahnpl_cli.imaging.extras import require
from ahnpl_cli.imaging.targets import content_edits
from ahnpl_cli.records import PartInfo

Pixels = npt.NDArray[np.uint8]  # (height, width, 3)
OVERLAP = 0.3  # of two boxes' union beyond which one thing stands before the other (ours)
SHARED = 0.02  # of the smaller mask: people draw outlines a little too wide (ours)
RATIO = 9.0  # of areas beyond which the exchange would blur or blot one of them (ours)
RIM = 3  # pixels around a thing that are cloned with it (ours)


class Swap:
    """Exchanges what two masks show."""

    info = PartInfo("swap")
    needs_masks = True
    exact = False

    def __init__(self, settings: Settings) -> None:
        require("cv2")

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """Two nouns must have changed places."""
        edits = content_edits(job.negative.edits)
        if job.negative.kind != "swap" or len(edits) != 2:
            return "no painter"
        first, second = edits
        crossed = (
            first.old.lower() == second.new.lower() and first.new.lower() == second.old.lower()
        )
        if not crossed:
            return "no painter"
        if len(job.targets) != 2:
            return "no noun"
        # The nouns swap places and their adjectives stay, which an exchange cannot show.
        bare = all(target.phrase.lower() == target.old.lower() for target in job.targets)
        return None if bare else "adjectives"

    def prompt(self, canvas: Canvas) -> str | None:
        """Nobody is told anything."""
        return None

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return the pictures with two things exchanged."""
        return [_swap(canvas) for canvas in canvases]


def _swap(canvas: Canvas) -> Image | Refusal:
    first, second = canvas.masks
    refusal = _compare(first, second)
    if refusal is not None:
        return refusal
    pixels = np.asarray(canvas.image)
    emptied = _without(pixels, first | second)
    places = (first, second) if canvas.restore else (second, first)
    for thing, place in zip((first, second), places, strict=True):
        cloned = _clone(pixels, thing, emptied, place)
        if cloned is None:
            return Refusal("sizes differ")
        emptied = cloned
    return Images.fromarray(emptied)


def _compare(first: Mask, second: Mask) -> Refusal | None:
    first_box = box_of(first)
    second_box = box_of(second)
    if first_box is None or second_box is None:
        return Refusal("not found")
    areas = sorted((int(first.sum()), int(second.sum())))
    if _overlap(first_box, second_box) > OVERLAP or (first & second).sum() > SHARED * areas[0]:
        return Refusal("things overlap")
    return Refusal("sizes differ") if areas[1] > RATIO * areas[0] else None


def _overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)


def _grown(mask: Mask, by: int) -> Pixels:
    import cv2

    kernel = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    grown: Pixels = cv2.dilate(mask.astype(np.uint8) * 255, kernel)
    return grown


def _without(pixels: Pixels, mask: Mask) -> Pixels:
    """The picture with what is under the mask filled from around it."""
    import cv2

    filled: Pixels = cv2.inpaint(pixels, _grown(mask, RIM), RIM, cv2.INPAINT_TELEA)
    return filled


def _clone(source: Pixels, thing: Mask, onto: Pixels, place: Mask) -> Pixels | None:
    """Blend a thing into a place, upright on the same ground; None where it has no room."""
    import cv2

    height, width = thing.shape
    x, y, w, h = _around(thing)
    scale = math.sqrt(place.sum() / thing.sum())
    scale = min(scale, (width - 4) / w, (height - 4) / h)
    new_width, new_height = round(w * scale), round(h * scale)
    if min(new_width, new_height) < 8:
        return None
    size = (new_width, new_height)
    patch = cv2.resize(source[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
    mask = _grown(thing, RIM)[y : y + h, x : x + w]
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    # A mask that touches the border of its patch would have no edge to blend.
    mask[[0, -1]] = 0
    mask[:, [0, -1]] = 0
    covered = box_of(mask > 0)
    if covered is None:
        return None
    left, top, w, h = _around(place)
    x = min(max(left + w // 2 - covered[2] // 2, 1), width - covered[2] - 2)
    y = min(max(top + h - covered[3], 1), height - covered[3] - 2)
    # OpenCV centers the box around the mask, not the patch, on this point.
    center = (x + covered[2] // 2, y + covered[3] // 2)
    cloned: Pixels = cv2.seamlessClone(patch, onto, mask, center, cv2.NORMAL_CLONE)
    return cloned


def _around(mask: Mask) -> Box:
    """The box of a mask with its rim, inside of the picture."""
    box = box_of(mask)
    assert box is not None
    x, y = max(box[0] - RIM - 1, 0), max(box[1] - RIM - 1, 0)
    right = min(box[0] + box[2] + RIM + 1, mask.shape[1])
    bottom = min(box[1] + box[3] + RIM + 1, mask.shape[0])
    return x, y, right - x, bottom - y
