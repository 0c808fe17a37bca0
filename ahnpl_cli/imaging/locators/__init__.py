"""Locators find the thing that an edit names; one file each.

To add one: a file with a class that has what `Locator` has, and a line in `LOCATORS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL.Image import Image

from ahnpl_cli.imaging.base import Job, Mask, Refusal
from ahnpl_cli.records import PartInfo

# Each is called with `imaging.base.Settings`.
LOCATORS = {
    "coco": "ahnpl_cli.imaging.locators.coco:CocoLocator",
    "grounded": "ahnpl_cli.imaging.locators.grounded:GroundedLocator",
    "scenes": "ahnpl_cli.imaging.locators.scenes:SceneLocator",
    "none": "ahnpl_cli.imaging.locators.none:WholePicture",
}


class Locator(Protocol):
    """Finds what the edits of negatives name.

    Attributes:
        info: what it is, for reports.
    """

    info: PartInfo

    def locate(self, jobs: Sequence[tuple[Job, Image]]) -> list[tuple[Mask, ...] | Refusal]:
        """Return a mask (height, width) per target of each job, or why there is none."""
        ...

    def names(self, image: str) -> frozenset[str] | None:
        """Return the names of all things in an image, if the locator knows them."""
        ...
