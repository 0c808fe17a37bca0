"""Painter `mirror`: left becomes right; the flipped photo is an exact negative. No model.

A mirror also turns letters, and scenes that have a hand: it is refused where the caption names what
bears text or has a side, or where the annotations say that such a thing is in the picture. Without
annotations only the caption's words decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from PIL.Image import Image, Transpose

from ahnpl_cli.imaging.base import Canvas, Job, Refusal, Settings
from ahnpl_cli.imaging.targets import content_edits
from ahnpl_cli.records import PartInfo

_SIDES = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}
_SIDE = re.compile(r"\b(leftmost|rightmost|left|right)\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")
# Words of captions about text, or about what looks wrong in a mirror.
_TELLING_WORDS = """
sign signs text word words writing written letter letters lettering number numbers numeral
logo logos label labels banner banners poster posters billboard graffiti newspaper newspapers
magazine magazines book books menu map maps plate license clock clocks watch keyboard jersey
screen saying says reads reading advertisement ad flag flags handed handshake driver steering
traffic bus buses train trains taxi storefront shop store
"""
TELLING_WORDS = frozenset(_TELLING_WORDS.split())
# Categories of COCO that bear text nearly always, or where it is in sight.
_TELLING_THINGS = """
stop_sign clock book keyboard laptop cell_phone remote bus train truck airplane tv
parking_meter banner
"""
TELLING_THINGS = frozenset(_TELLING_THINGS.split())


class Mirror:
    """Flips pictures."""

    info = PartInfo("mirror")
    needs_masks = False
    exact = True

    def __init__(self, settings: Settings) -> None:
        pass

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """The one thing said anew must be a side, and nothing in sight may have one."""
        edits = content_edits(job.negative.edits)
        if len(edits) != 1 or not _is_flip(edits[0].old, edits[0].new):
            return "no painter"
        caption = job.record.caption.lower()
        if len(_SIDE.findall(caption)) != 1:
            return "two sides"
        things = {name.replace(" ", "_") for name in names or ()}
        if TELLING_WORDS & set(_WORD.findall(caption)) or TELLING_THINGS & things:
            return "lettering"
        return None

    def prompt(self, canvas: Canvas) -> str | None:
        """Nobody is told anything."""
        return None

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return the flipped photos."""
        return [canvas.image.transpose(Transpose.FLIP_LEFT_RIGHT) for canvas in canvases]


def _is_flip(old: str, new: str) -> bool:
    flipped = _SIDE.sub(lambda side: _SIDES[side[0].lower()], old.lower())
    return flipped != old.lower() and flipped == new.lower()
