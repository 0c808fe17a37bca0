"""Painter `generate`: a new picture from the negative caption, as TROHN-Img and TripletCLIP do.

Nothing of the photo is kept but its size. With `--repaint-original` the true caption is painted as
well, or the painter would be told from the photos at a glance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL.Image import Image

from ahnpl_cli.imaging.base import Canvas, Job, Refusal, Settings
from ahnpl_cli.imaging.painters.diffusion import Pipeline, caption_of, paint_whole


class Generate:
    """Paints captions."""

    needs_masks = False
    exact = False

    def __init__(self, settings: Settings) -> None:
        self.pipeline = Pipeline("generate", "AutoPipelineForText2Image", settings)
        self.info = self.pipeline.info
        self.side = settings.side

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """Any caption can be painted."""
        return None

    def prompt(self, canvas: Canvas) -> str | None:
        """Return the caption."""
        return caption_of(canvas)

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return a picture per caption, in the photo's size."""
        return paint_whole(self.pipeline, canvases, self.side, _inputs)


def _inputs(batch: list[Canvas], size: tuple[int, int]) -> dict[str, Any]:
    return {"width": size[0], "height": size[1]}
