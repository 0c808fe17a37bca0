"""Painter `recolor`: one color word for another, in Lab, inside the mask. No model.

Only pixels of the mask that have the old color are painted: a red car keeps its windows and tires.
Light, shade and texture stay; the mean of the painted pixels becomes the new color.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as Images
from PIL.Image import Image

from ahnpl_cli.imaging.base import Canvas, Job, Mask, Refusal, Settings
from ahnpl_cli.imaging.extras import require
from ahnpl_cli.imaging.painters.colors import GROUP_OF, Lab, anchors, looks_like, to_lab, to_rgb
from ahnpl_cli.imaging.targets import content_edits
from ahnpl_cli.records import PartInfo

COLORED = 0.2  # share of the mask that must have the old color (ours)
GRAY = 3.0  # mean chroma below which a photo counts as black and white (ours)
TEXTURE = 0.5  # share of the old variation of color that stays (ours)
SHADE = (0.5, 1.6)  # bounds of what light and shade are multiplied by (ours)
SOFT = 1.2  # pixels by which the edge of the paint is softened (ours)


class Recolor:
    """Moves pixels in Lab."""

    info = PartInfo("recolor")
    needs_masks = True
    exact = False

    def __init__(self, settings: Settings) -> None:
        require("cv2")

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """All that is said anew must be colors."""
        edits = content_edits(job.negative.edits)
        pairs = [(GROUP_OF.get(e.old.lower()), GROUP_OF.get(e.new.lower())) for e in edits]
        if not pairs or any(old is None or new is None or old == new for old, new in pairs):
            return "no painter"
        return None if len(job.targets) == len(edits) else "no noun"

    def prompt(self, canvas: Canvas) -> str | None:
        """Nobody is told anything."""
        return None

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return the pictures with other colors."""
        return [_recolor(canvas) for canvas in canvases]


def _recolor(canvas: Canvas) -> Image | Refusal:
    pixels = np.asarray(canvas.image, np.float32) / np.float32(255)
    lab = to_lab(pixels)
    if float(np.hypot(lab[..., 1], lab[..., 2]).mean()) < GRAY:
        return Refusal("gray picture")
    painted = lab.copy()
    touched = np.zeros(lab.shape[:2], bool)
    for target, mask in zip(canvas.job.targets, canvas.masks, strict=True):
        old, new = GROUP_OF[target.old.lower()], GROUP_OF[target.new.lower()]
        colored = mask & looks_like(lab, old)
        if colored.sum() < COLORED * mask.sum():
            return Refusal("other color")
        color = lab[colored].mean(0) if canvas.restore else anchors()[new]
        painted = _moved(painted, colored, mask, color)
        touched |= mask
    # Lab and back is not exact: what was not painted keeps its bytes.
    rgb = np.where(touched[..., None], to_rgb(painted), np.asarray(canvas.image))
    return Images.fromarray(rgb)


def _moved(lab: Lab, colored: Mask, mask: Mask, color: Lab) -> Lab:
    """Lab values with the colored pixels moved until their mean is the new color."""
    import cv2

    mean = lab[colored].mean(0)
    offset = lab - mean
    offset[..., 1:] *= TEXTURE
    # Light and shade grow with the lightness of what they fall on.
    offset[..., 0] *= np.clip((color[0] / max(mean[0], 1.0)) ** 0.5, *SHADE)
    moved = color + offset
    moved[..., 0] = np.clip(moved[..., 0], 0, 100)
    # Soft toward what keeps its color, not toward the outside: no rim of the old color is left.
    edge = cv2.GaussianBlur((colored | ~mask).astype(np.float32), (0, 0), SOFT)
    weight: npt.NDArray[np.float32] = np.where(mask, edge, 0)[..., None]
    blended: Lab = (weight * moved + (1 - weight) * lab).astype(np.float32)
    return blended
