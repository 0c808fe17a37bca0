"""Locator `none`: the whole picture, for painters that repaint all of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from ahnpl_cli.imaging.base import Job, Mask, Refusal, Settings
from ahnpl_cli.records import PartInfo


class WholePicture:
    """Takes everything for the thing."""

    info = PartInfo("none")

    def __init__(self, settings: Settings) -> None:
        pass

    def locate(self, jobs: Sequence[tuple[Job, Image]]) -> list[tuple[Mask, ...] | Refusal]:
        """Return a full mask per target."""
        return [
            tuple(np.ones((image.height, image.width), bool) for _ in job.targets)
            for job, image in jobs
        ]

    def names(self, image: str) -> frozenset[str] | None:
        """Nothing is known."""
        return None
