"""Judge `pixels`: did enough of the region change to be seen?

GNM (Sahin et al. 2024, 3.1.5) drops a picture whose standard deviation to the others is small. The
default figures, 14 % of the pixels with a deviation above 10, are those of its repository
(ugorsahin/Generative-Negative-Mining@59e365e); the paper's appendix with its own is not published.
Measured here over the original and the new picture, within the region that was to be painted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ahnpl_cli.imaging.base import Settings
from ahnpl_cli.imaging.judges import Judgment, Painted
from ahnpl_cli.records import PartInfo


class PixelChange:
    """Counts pixels that differ."""

    info = PartInfo("pixels")

    def __init__(self, settings: Settings) -> None:
        self.min_change, self.min_deviation = settings.min_change, settings.min_deviation

    def judge(self, painted: Sequence[Painted]) -> list[Judgment]:
        """Return the percentage of the region's pixels that changed."""
        return [self._judge(each) for each in painted]

    def _judge(self, painted: Painted) -> Judgment:
        old = np.asarray(painted.canvas.image, np.float32)
        new = np.asarray(painted.picture, np.float32)
        # The standard deviation of two values is half of their distance.
        deviation = np.abs(new - old).mean(2) / 2
        changed = 100 * float((deviation > self.min_deviation)[painted.region].mean())
        scores = {"changed": round(changed, 2)}
        return Judgment(scores, "barely changed" if changed < self.min_change else None)
