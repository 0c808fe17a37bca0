"""Painter `redraw`: draws a scene of `ahnpl scenes` anew, with the edit made. Exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from ahnpl_cli.imaging.base import Canvas, Job, Refusal, Settings
from ahnpl_cli.imaging.drawn_scenes import DrawnScenes
from ahnpl_cli.records import PartInfo
from ahnpl_cli.scenes import render
from ahnpl_cli.scenes.redraw import redraw


class Redraw:
    """Draws what the negative says."""

    info = PartInfo("redraw")
    needs_masks = False
    exact = True

    def __init__(self, settings: Settings) -> None:
        self.scenes = DrawnScenes(settings.image_root)

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """Only pictures of the world can be drawn again."""
        return None if self.scenes.caption(job.record) else "unknown scene"

    def prompt(self, canvas: Canvas) -> str | None:
        """Nobody is told anything."""
        return None

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return the scenes redrawn."""
        return [self._paint(canvas) for canvas in canvases]

    def _paint(self, canvas: Canvas) -> Image | Refusal:
        drawn = self.scenes.caption(canvas.job.record)
        # The file must be what the world's seed draws, or the new picture would be of another one.
        if drawn is None or not _equal(render.paint(drawn[0]), canvas.image):
            return Refusal("unknown scene")
        scene = redraw(*drawn, canvas.job.negative.caption)
        return Refusal("cannot be drawn") if scene is None else render.paint(scene)


def _equal(first: Image, second: Image) -> bool:
    return first.size == second.size and np.array_equal(np.asarray(first), np.asarray(second))
