"""The color words of captions, and where they lie in CIE Lab."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

Lab = npt.NDArray[np.float32]  # (..., 3): L 0 to 100, a and b about -128 to 127

# The eleven basic color terms of English (Berlin and Kay 1969) and typical sRGB values of things
# so called; what the words beside them name is close enough to be painted as these.
GROUPS = {
    "red": ((190, 35, 40), "crimson scarlet maroon"),
    "orange": ((235, 125, 35), ""),
    "yellow": ((240, 205, 45), "golden gold blond blonde"),
    "green": ((55, 140, 65), "lime olive"),
    "blue": ((40, 85, 190), "navy turquoise teal"),
    "purple": ((120, 60, 160), "violet lavender"),
    "pink": ((240, 140, 175), "magenta"),
    "brown": ((115, 75, 45), "tan beige"),
    "black": ((28, 28, 30), ""),
    "white": ((238, 238, 235), "cream ivory"),
    "gray": ((128, 128, 128), "grey silver"),
}
GROUP_OF = {word: name for name, (_, more) in GROUPS.items() for word in (name, *more.split())}
# Light and shade move L far more than the color that a thing has.
SHADING = 0.4


@functools.cache
def anchors() -> dict[str, Lab]:
    """Return the Lab value of each group."""
    rgb = np.array([[value for value, _ in GROUPS.values()]], np.float32) / np.float32(255)
    return dict(zip(GROUPS, to_lab(rgb)[0], strict=True))


def to_lab(rgb: npt.NDArray[np.float32]) -> Lab:
    """Return Lab of sRGB values (height, width, 3) in [0, 1]."""
    import cv2

    lab: Lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    return lab


def to_rgb(lab: Lab) -> npt.NDArray[np.uint8]:
    """Return sRGB bytes of Lab values; what no screen shows is clipped."""
    import cv2

    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    pixels: npt.NDArray[np.uint8] = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return pixels


def looks_like(lab: Lab, name: str) -> npt.NDArray[np.bool_]:
    """Return which values are nearer to one color group than to any other."""
    scale = np.array([SHADING, 1, 1], np.float32)
    distances = [np.square((lab - anchor) * scale).sum(-1) for anchor in anchors().values()]
    nearest: npt.NDArray[np.bool_] = np.argmin(distances, axis=0) == list(GROUPS).index(name)
    return nearest
