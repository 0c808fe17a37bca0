"""Painters show the negative caption in a picture; one file each.

To add one: a file with a class that has what `Painter` has, and a line in `PAINTERS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL.Image import Image

from ahnpl_cli.imaging.base import Canvas, Job, Refusal
from ahnpl_cli.records import PartInfo

# Each is called with `imaging.base.Settings`, in the order in which `auto` tries them.
PAINTERS = {
    "redraw": "ahnpl_cli.imaging.painters.redraw:Redraw",
    "mirror": "ahnpl_cli.imaging.painters.mirror:Mirror",
    "recolor": "ahnpl_cli.imaging.painters.recolor:Recolor",
    "swap": "ahnpl_cli.imaging.painters.swap:Swap",
    "inpaint": "ahnpl_cli.imaging.painters.inpaint:Inpaint",
    "edit": "ahnpl_cli.imaging.painters.edit:EditByInstruction",
    "generate": "ahnpl_cli.imaging.painters.generate:Generate",
}
WITHOUT_MODEL = ("redraw", "mirror", "recolor", "swap")


class Painter(Protocol):
    """Paints what negatives say.

    Attributes:
        info: what it is, for reports.
        needs_masks: whether it paints inside of what a locator finds.
        exact: whether its pictures bear no trace of painting, so that none can be repainted.
    """

    info: PartInfo
    needs_masks: bool
    exact: bool

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """Return why it cannot show an edit, as far as the words tell; None if it may.

        Args:
            job: the negative.
            names: the things in its picture, if the locator knows them.
        """
        ...

    def prompt(self, canvas: Canvas) -> str | None:
        """Return what a model is told; None without one."""
        ...

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return the pictures, of the originals' sizes, or why there is none."""
        ...
