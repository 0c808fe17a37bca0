"""What can be said of a scene, and whether it is true.

A caption is a meaning put into English (`grammar`). Truth is decided here, on the scene's
description, never on pixels. A caption has to hold strictly (a circle left of a square stands at
about its height), a foil must not hold even loosely (no circle's center is left of any square's).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ahnpl_cli.scenes.world import SIDE, Appearance, Scene, Thing

# Pixels between centers. What lies between strict and loose is neither said nor made a foil.
STRICT_GAP = 12  # "left of" strictly: at least so far to the left,
STRICT_OFFSET = 8  # and at most so much higher or lower
LOOSE_GAP = 2

# What a phrase says of its subject and object.
PHRASES = {
    "to the left of": "left",
    "left of": "left",
    "to the right of": "right",
    "right of": "right",
    "above": "above",
    "below": "below",
}
OPPOSITES = {
    "to the left of": "to the right of",
    "left of": "right of",
    "above": "below",
}
OPPOSITES |= {opposite: phrase for phrase, opposite in OPPOSITES.items()}

# Side of the middle on each axis: -1 is left or top, 0 is anywhere.
PLACES = {
    "on the left": (-1, 0),
    "on the right": (1, 0),
    "at the top": (0, -1),
    "at the bottom": (0, 1),
    "in the top left corner": (-1, -1),
    "in the top right corner": (1, -1),
    "in the bottom left corner": (-1, 1),
    "in the bottom right corner": (1, 1),
}


@dataclass(frozen=True, slots=True)
class Description:
    """A noun phrase: a shape, and what of its color and size is mentioned."""

    shape: str
    color: str | None = None
    size: str | None = None

    def fits(self, appearance: Appearance) -> bool:
        """Whether nothing mentioned is wrong of `appearance`."""
        return (
            self.shape == appearance.shape
            and self.color in (None, appearance.color)
            and self.size in (None, appearance.size)
        )

    def among(self, things: Sequence[Thing]) -> list[Thing]:
        """Return the things that fit."""
        return [thing for thing in things if self.fits(thing.appearance)]


@dataclass(frozen=True, slots=True)
class Listing:
    """The scene contains these things, each of them another one."""

    items: tuple[Description, ...]

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether distinct things of the scene fit."""
        return any(True for _ in _assignments(self.items, scene))


@dataclass(frozen=True, slots=True)
class Relation:
    """Subject and object stand in the relation of a phrase, a key of `PHRASES`."""

    subject: Description
    phrase: str
    object: Description

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether some subject stands so to some object."""
        relation = PHRASES[self.phrase]
        pairs = _assignments((self.subject, self.object), scene)
        for subject, object_ in pairs:
            if is_related(relation, subject, object_, loosely=loosely):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Placement:
    """Each of these things is at a place, a key of `PLACES`."""

    items: tuple[tuple[Description, str], ...]

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether distinct things of the scene are there."""
        descriptions = [description for description, _ in self.items]
        places = [place for _, place in self.items]
        for things in _assignments(descriptions, scene):
            pairs = zip(things, places, strict=True)
            if all(_is_at(thing, place, loosely) for thing, place in pairs):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Count:
    """The scene contains exactly so many of each of these things."""

    items: tuple[tuple[Description, int], ...]

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether every count is right."""
        return all(len(item.among(scene.things)) == number for item, number in self.items)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One such thing, or several (three or more; loosely two), perhaps beside another thing."""

    item: Description
    several: bool
    beside: Description | None = None

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether the scene contains as many."""
        if self.beside and not self.beside.among(scene.things):
            return False
        number = len(self.item.among(scene.things))
        if not self.several:
            return number == 1
        return number >= (2 if loosely else 3)


@dataclass(frozen=True, slots=True)
class Existence:
    """Such a thing is present, or absent, perhaps beside one that is present."""

    item: Description
    present: bool
    beside: Description | None = None

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether it is so."""
        if self.beside and not self.beside.among(scene.things):
            return False
        return bool(self.item.among(scene.things)) == self.present


Meaning = Listing | Relation | Placement | Count | Quantity | Existence


def is_related(relation: str, a: Thing, b: Thing, *, loosely: bool) -> bool:
    """Whether `a` stands in `relation` (a value of `PHRASES`) to `b`."""
    # "a right of b" is "b left of a", and "above" is "left of" with the axes exchanged.
    if relation in ("right", "below"):
        a, b = b, a
    along = b.x - a.x
    across = b.y - a.y
    if relation in ("above", "below"):
        along, across = across, along
    if loosely:
        return along >= LOOSE_GAP
    return along >= STRICT_GAP and abs(across) <= STRICT_OFFSET


def _is_at(thing: Thing, place: str, loosely: bool) -> bool:
    """Strictly, well inside that half or quarter; loosely, not clearly on another side."""
    margin = -LOOSE_GAP if loosely else STRICT_OFFSET
    side_x, side_y = PLACES[place]
    inside_x = side_x == 0 or (thing.x - SIDE // 2) * side_x >= margin
    inside_y = side_y == 0 or (thing.y - SIDE // 2) * side_y >= margin
    return inside_x and inside_y


def _assignments(items: Sequence[Description], scene: Scene) -> Iterator[tuple[Thing, ...]]:
    """Yield every choice of distinct things that fit the descriptions one by one."""
    for things in itertools.permutations(scene.things, len(items)):
        pairs = zip(items, things, strict=True)
        if all(item.fits(thing.appearance) for item, thing in pairs):
            yield things
