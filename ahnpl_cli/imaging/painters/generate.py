"""Painter `generate`: a new picture from the negative caption, as TROHN-Img and TripletCLIP do.

Nothing of the photo is kept but its size. With `--repaint-original` the true caption is painted as
well, or the painter would be told from the photos at a glance.
"""

from __future__ import annotations

from typing import Any

from ahnpl_cli.imaging.base import Canvas, Settings
from ahnpl_cli.imaging.painters.diffusion import WholePainter


class Generate(WholePainter):
    """Paints captions."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("generate", "AutoPipelineForText2Image", settings)

    def inputs(self, batch: list[Canvas], size: tuple[int, int]) -> dict[str, Any]:
        """Return how large the pictures are."""
        return {"width": size[0], "height": size[1]}
