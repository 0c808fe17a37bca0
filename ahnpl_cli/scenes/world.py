"""What a scene is, and how scenes are sampled.

A scene lists appearances (shape, color, size) and spots (where the layout puts them). The two are
apart so that an edit can exchange two appearances and leave everything else, texture included, as
it was.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.stable_hash import stable_hash, stable_rng

SIDE = 64  # pixels of a scene's edge, the input size of the shipped model

COLORS = ("red", "green", "blue", "yellow", "white", "black")
SHAPES = ("circle", "square", "triangle", "star", "heart", "ring")
SIZES = ("small", "large")

Layout = Literal["apart", "group"]

RADIUS = {"small": 7, "large": 14}
GROUP_RADIUS = {"small": 5, "large": 8}
CELLS = ((16, 16), (48, 16), (16, 48), (48, 48))
GROUP_CELLS = tuple((11 + 21 * column, 11 + 21 * row) for row in range(3) for column in range(3))
HELD_OUT_OF = 5  # one combination in five is kept for testing


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a thing looks like."""

    shape: str
    color: str
    size: str


@dataclass(frozen=True, slots=True)
class Thing:
    """An appearance at its place: center and radius in pixels, y growing downwards."""

    appearance: Appearance
    x: int
    y: int
    radius: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Things on a texture.

    Attributes:
        appearances: one per thing.
        spots: (x, y) per thing, in pixels, before the layout has its say.
        layout: `apart` is a few things in quarters, `group` many smaller ones in a finer grid.
        texture: seed of the background and of the shade of each color; shared by a pair.
    """

    appearances: tuple[Appearance, ...]
    spots: tuple[tuple[int, int], ...]
    layout: Layout
    texture: int

    @property
    def things(self) -> tuple[Thing, ...]:
        """Every thing where it is painted, in the order of painting."""
        radii = GROUP_RADIUS if self.layout == "group" else RADIUS
        return tuple(
            Thing(appearance, x, y, radii[appearance.size])
            for appearance, (x, y) in zip(self.appearances, self.spots, strict=True)
        )


def stream(*key: object) -> random.Random:
    """A generator of its own for each key, whatever was sampled before or by which process."""
    return stable_rng(*key, digest="sha256")


def held_out(scene: Scene) -> bool:
    """Whether the scene's combination is kept for testing.

    The combination is the unordered set of colors and the unordered set of shapes, so that no
    exchange between the things of a scene moves it from one side to the other.
    """
    colors = "+".join(sorted({appearance.color for appearance in scene.appearances}))
    shapes = "+".join(sorted({appearance.shape for appearance in scene.appearances}))
    # The shipped model was trained on the other side of this very split.
    return stable_hash(f"{colors}|{shapes}", digest="sha256") % HELD_OUT_OF == 0


def sample_apart(rng: random.Random, count: int) -> Scene:
    """`count` things (at most 4) of different shapes and colors, each in a quarter of its own.

    Two things are neighbours, so that there is a relation to speak of.
    """
    first, *others = rng.sample(CELLS, count)
    if count == 2:
        others = [rng.choice([c for c in CELLS if (c[0] == first[0]) != (c[1] == first[1])])]
    spots = tuple(_jitter(rng, cell, 2) for cell in (first, *others))
    return Scene(_distinct_appearances(rng, count), spots, "apart", _texture(rng))


def sample_group(rng: random.Random, alike: int, others: int) -> Scene:
    """`alike` things of one appearance first, then `others` of another (9 in all)."""
    appearance = _appearance(rng)
    appearances = (appearance,) * alike + (_unlike(rng, appearance),) * others
    spots = tuple(_jitter(rng, cell, 2) for cell in rng.sample(GROUP_CELLS, len(appearances)))
    return Scene(appearances, spots, "group", _texture(rng))


def _distinct_appearances(rng: random.Random, count: int) -> tuple[Appearance, ...]:
    shapes, colors = rng.sample(SHAPES, count), rng.sample(COLORS, count)
    pairs = zip(shapes, colors, strict=True)
    return tuple(Appearance(shape, color, rng.choice(SIZES)) for shape, color in pairs)


def _appearance(rng: random.Random) -> Appearance:
    return Appearance(rng.choice(SHAPES), rng.choice(COLORS), rng.choice(SIZES))


def _unlike(rng: random.Random, appearance: Appearance) -> Appearance:
    """An appearance of another shape; half keep the color, so that color alone does not tell."""
    shape = rng.choice([s for s in SHAPES if s != appearance.shape])
    color = appearance.color if rng.random() < 0.5 else rng.choice(COLORS)
    return Appearance(shape, color, rng.choice(SIZES))


def _jitter(rng: random.Random, cell: tuple[int, int], by: int) -> tuple[int, int]:
    return cell[0] + rng.randint(-by, by), cell[1] + rng.randint(-by, by)


def _texture(rng: random.Random) -> int:
    return rng.getrandbits(32)
