"""Judges say whether a painted picture shows what it should; one file each.

To add one: a file with a class that has what `Judge` has, and a line in `JUDGES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL.Image import Image

from ahnpl_cli.imaging.base import Canvas, Mask
from ahnpl_cli.records import PartInfo

# Each is called with `imaging.base.Settings`.
JUDGES = {
    "pixels": "ahnpl_cli.imaging.judges.pixels:PixelChange",
    "clip": "ahnpl_cli.imaging.judges.clip:ClipMargin",
    "blip": "ahnpl_cli.imaging.judges.blip:BlipMatching",
}


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture to be judged.

    Attributes:
        canvas: what it was painted over.
        picture: the new one.
        region: the pixels that were to be painted.
    """

    canvas: Canvas
    picture: Image
    region: Mask


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a judge says.

    Attributes:
        scores: what it measured, by name.
        reason: why the picture is rejected, a key of `PICTURE_REASONS`; None to keep it.
    """

    scores: dict[str, float]
    reason: str | None = None


class Judge(Protocol):
    """Looks at painted pictures.

    Attributes:
        info: what it is, for reports.
    """

    info: PartInfo

    def judge(self, painted: Sequence[Painted]) -> list[Judgment]:
        """Return one judgment per picture."""
        ...
