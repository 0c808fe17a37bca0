"""Judge `pixels`: did enough of the region change to be seen?

GNM (Sahin et al. 2024, 3.1.5) drops a picture whose standard deviation to the others is small. The
default figures, 14 % of the pixels with a deviation above 10, are those of its repository
(ugorsahin/Generative-Negative-Mining@59e365e); the paper's appendix with its own is not published.
Measured here within the region that was to be painted, twice: over the original and the new
picture, and, where the same place of an image was painted in several variations, over these.
Without variations the first alone decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from ahnpl_cli.imaging.base import Settings
from ahnpl_cli.imaging.judges import Judgment, Painted
from ahnpl_cli.records import PartInfo

Place = tuple[str, str, int, int]


class PixelChange:
    """Counts pixels that differ."""

    info = PartInfo("pixels")

    def __init__(self, settings: Settings) -> None:
        self.min_change, self.min_deviation = settings.min_change, settings.min_deviation

    def judge(self, painted: Sequence[Painted]) -> list[Judgment]:
        """Return the percentage of the region's pixels that changed, and that vary."""
        variations: dict[Place, list[Painted]] = {}
        for each in painted:
            variations.setdefault(_place(each), []).append(each)
        return [self._judge(each, variations[_place(each)]) for each in painted]

    def _judge(self, painted: Painted, variations: Sequence[Painted]) -> Judgment:
        changed = self._share([painted.canvas.image, painted.picture], painted)
        scores = {"changed": changed}
        reason = None if changed >= self.min_change else "barely changed"
        if len(variations) > 1:
            varied = self._share([each.picture for each in variations], painted)
            scores["varied"] = varied
            # Where all of them show the same, what was there shines through, or nothing was drawn.
            if reason is None and varied < self.min_change:
                reason = "variations look alike"
        return Judgment(scores, reason)

    def _share(self, pictures: Sequence[Image], painted: Painted) -> float:
        """Return the percentage of the region in which pictures of one size deviate."""
        stack = np.stack([np.asarray(picture, np.float32) for picture in pictures])
        deviation = stack.std(axis=0).mean(axis=2)
        share = (deviation > self.min_deviation)[painted.region].mean()
        return round(100 * float(share), 2)


def _place(painted: Painted) -> Place:
    """Return what the variations of one thing of an image have in common."""
    job = painted.canvas.job
    first = job.negative.edits[0]
    return job.record.image, job.record.id, first.start, first.end
