"""What a scene is, and how scenes are sampled at random.

A scene lists appearances (shape, color, size) and positions. The two are kept apart so that an edit
can exchange two appearances and leave everything else, texture included, as it was.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.stable_hash import stable_hash

SIDE = 64  # pixels of a scene's edge, the input size of the shipped model

COLORS = ("red", "green", "blue", "yellow", "white", "black")
SHAPES = ("circle", "square", "triangle", "star", "heart", "ring")
SIZES = ("small", "large")

Layout = Literal["apart", "group"]
Position = tuple[int, int]  # x and y in pixels, y growing downwards

RADIUS = {"small": 7, "large": 14}
# Nine things have to fit without touching.
GROUP_RADIUS = {"small": 5, "large": 8}
# Centers of the four quarters of a scene, and of its nine ninths.
CELLS = ((16, 16), (48, 16), (16, 48), (48, 48))
_NINTHS = (11, 32, 53)
GROUP_CELLS = tuple((x, y) for y, x in itertools.product(_NINTHS, _NINTHS))
JITTER = 2  # pixels that a thing may stand away from the center of its cell, on either axis
FEW = (2, 2, 3)  # how many things a scene of few has: two, more often than three
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
        positions: center of each thing.
        layout: `apart` is a few things in quarters, `group` many smaller ones in a finer grid.
        texture: seed of the background and of the shade of each color; both scenes of a pair share
            it.
    """

    appearances: tuple[Appearance, ...]
    positions: tuple[Position, ...]
    layout: Layout
    texture: int

    @property
    def things(self) -> tuple[Thing, ...]:
        """Every thing where it is painted, in painting order."""
        radii = GROUP_RADIUS if self.layout == "group" else RADIUS
        return tuple(
            Thing(appearance, x, y, radii[appearance.size])
            for appearance, (x, y) in zip(self.appearances, self.positions, strict=True)
        )


def is_held_out(scene: Scene) -> bool:
    """Whether the scene's combination is kept for testing.

    The combination is the unordered set of colors and the unordered set of shapes, so that no
    exchange between the things of a scene moves it from one side to the other.
    """
    colors = {appearance.color for appearance in scene.appearances}
    shapes = {appearance.shape for appearance in scene.appearances}
    combination = "+".join(sorted(colors)) + "|" + "+".join(sorted(shapes))
    # SHA-256, because the shipped model was trained on the other side of exactly this split.
    return stable_hash(combination, digest="sha256") % HELD_OUT_OF == 0


def sample_apart(rng: random.Random, count: int) -> Scene:
    """Sample a scene of `count` things (at most 4) that differ in shape and in color.

    Each stands in a quarter of its own. Two things are neighbors, so that there is a relation to
    speak of.
    """
    cells = rng.sample(CELLS, count)
    if count == 2:
        # On a diagonal, no phrase for a relation would strictly hold.
        neighbors = [cell for cell in CELLS if _are_neighbors(cells[0], cell)]
        cells[1] = rng.choice(neighbors)
    positions = tuple(_jitter(rng, cell) for cell in cells)
    appearances = _sample_distinct_appearances(rng, count)
    return Scene(appearances, positions, "apart", _sample_texture(rng))


def sample_group(rng: random.Random, alike: int, others: int) -> Scene:
    """Sample `alike` things of one appearance, then `others` of one other (9 in all at most)."""
    common = _sample_appearance(rng)
    different = _sample_unlike(rng, common)
    appearances = (common,) * alike + (different,) * others
    cells = rng.sample(GROUP_CELLS, len(appearances))
    positions = tuple(_jitter(rng, cell) for cell in cells)
    return Scene(appearances, positions, "group", _sample_texture(rng))


def _sample_appearance(rng: random.Random) -> Appearance:
    shape = rng.choice(SHAPES)
    color = rng.choice(COLORS)
    size = rng.choice(SIZES)
    return Appearance(shape, color, size)


def _are_neighbors(cell: Position, other: Position) -> bool:
    """Whether two quarters share an edge: the same column or the same row, and not both."""
    same_column = cell[0] == other[0]
    same_row = cell[1] == other[1]
    return same_column != same_row


def _sample_distinct_appearances(rng: random.Random, count: int) -> tuple[Appearance, ...]:
    shapes = rng.sample(SHAPES, count)
    colors = rng.sample(COLORS, count)
    appearances = []
    for shape, color in zip(shapes, colors, strict=True):
        size = rng.choice(SIZES)
        appearances.append(Appearance(shape, color, size))
    return tuple(appearances)


def _sample_unlike(rng: random.Random, appearance: Appearance) -> Appearance:
    """Sample an appearance of another shape."""
    other_shapes = [shape for shape in SHAPES if shape != appearance.shape]
    shape = rng.choice(other_shapes)
    # Half of them keep the color, so that color alone does not tell things apart.
    color = appearance.color if rng.random() < 0.5 else rng.choice(COLORS)
    return Appearance(shape, color, rng.choice(SIZES))


def _jitter(rng: random.Random, cell: Position) -> Position:
    x, y = cell
    right = rng.randint(-JITTER, JITTER)
    down = rng.randint(-JITTER, JITTER)
    return x + right, y + down


def _sample_texture(rng: random.Random) -> int:
    return rng.getrandbits(32)
