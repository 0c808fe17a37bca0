"""What can be said of a scene, and whether it is true.

A caption is a meaning put into English (`grammar`). Truth is decided here, on the scene's
description, never on pixels. A caption has to hold strictly (a circle left of a square stands at
about its height), a foil must not hold even loosely (no circle's centre is left of any square's).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ahnpl_cli.scenes.world import SIDE, Appearance, Scene, Thing

STRICT_GAP, STRICT_OFFSET, LOOSE_GAP = 12, 8, 2  # pixels between centres

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
        mentioned = ((self.color, appearance.color), (self.size, appearance.size))
        return self.shape == appearance.shape and all(
            said in (None, is_) for said, is_ in mentioned
        )

    def among(self, things: Sequence[Thing]) -> list[Thing]:
        """The things that fit."""
        return [thing for thing in things if self.fits(thing.appearance)]


@dataclass(frozen=True, slots=True)
class Listing:
    """These things are there, each another one."""

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
        return any(related(relation, a, b, loosely=loosely) for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Placement:
    """Each of these things is at a place, a key of `PLACES`."""

    items: tuple[tuple[Description, str], ...]

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether distinct things of the scene are there."""
        places = [place for _, place in self.items]
        chosen = _assignments([item for item, _ in self.items], scene)
        return any(
            all(_at(thing, place, loosely) for thing, place in zip(things, places, strict=True))
            for things in chosen
        )


@dataclass(frozen=True, slots=True)
class Count:
    """Exactly so many of each of these things are there."""

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
        """Whether as many are there."""
        found = len(self.item.among(scene.things))
        enough = found >= (2 if loosely else 3) if self.several else found == 1
        return enough and (self.beside is None or bool(self.beside.among(scene.things)))


@dataclass(frozen=True, slots=True)
class Existence:
    """Such a thing is, or is not, there, perhaps beside one that is."""

    item: Description
    present: bool
    beside: Description | None = None

    def holds(self, scene: Scene, *, loosely: bool = False) -> bool:
        """Whether it is so."""
        right = bool(self.item.among(scene.things)) == self.present
        return right and (self.beside is None or bool(self.beside.among(scene.things)))


Meaning = Listing | Relation | Placement | Count | Quantity | Existence


def related(relation: str, a: Thing, b: Thing, *, loosely: bool) -> bool:
    """Whether `a` stands in `relation` (a value of `PHRASES`) to `b`."""
    if relation in ("right", "below"):
        a, b = b, a
    along, across = b.x - a.x, b.y - a.y
    if relation in ("above", "below"):
        along, across = across, along
    if loosely:
        return along >= LOOSE_GAP
    return along >= STRICT_GAP and abs(across) <= STRICT_OFFSET


def _at(thing: Thing, place: str, loosely: bool) -> bool:
    """Strictly, well inside that half or quarter; loosely, not clearly on another side."""
    margin = -LOOSE_GAP if loosely else STRICT_OFFSET
    offsets = (thing.x - SIDE // 2, thing.y - SIDE // 2)
    sides = zip(offsets, PLACES[place], strict=True)
    return all(offset * side >= margin for offset, side in sides if side)


def _assignments(items: Sequence[Description], scene: Scene) -> Iterator[tuple[Thing, ...]]:
    for things in itertools.permutations(scene.things, len(items)):
        if all(item.fits(thing.appearance) for item, thing in zip(items, things, strict=True)):
            yield things
