"""What a scene is, and how scenes are drawn by lot.

A scene lists looks (shape, color, size) and spots (where the layout puts them). Looks and spots are
apart so that an edit can exchange two looks and leave everything else, texture included, as it was.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Literal

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
class Look:
    """What a thing looks like."""

    shape: str
    color: str
    size: str


@dataclass(frozen=True, slots=True)
class Thing:
    """A look at its place: centre and radius in pixels, y growing downwards."""

    look: Look
    x: int
    y: int
    radius: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Things on a texture.

    Attributes:
        looks: one per thing.
        spots: (x, y) per thing, in pixels, before the layout has its say.
        layout: `apart` is a few things in quarters, `group` many smaller ones in a finer grid.
        texture: seed of the background and of the shade of each color; twins share it.
    """

    looks: tuple[Look, ...]
    spots: tuple[tuple[int, int], ...]
    layout: Layout
    texture: int

    @property
    def things(self) -> tuple[Thing, ...]:
        """Every thing where it is drawn, in drawing order."""
        radii = GROUP_RADIUS if self.layout == "group" else RADIUS
        return tuple(
            Thing(look, x, y, radii[look.size])
            for look, (x, y) in zip(self.looks, self.spots, strict=True)
        )


def stream(*key: object) -> random.Random:
    """A generator of its own for each key, whatever was drawn before or by which process."""
    text = "\x1f".join(map(str, key)).encode()
    return random.Random(int.from_bytes(hashlib.sha256(text).digest()[:8], "big"))


def held_out(scene: Scene) -> bool:
    """Whether the scene's combination is kept for testing.

    The combination is the unordered set of colors and the unordered set of shapes, so that no
    exchange between the things of a scene moves it from one side to the other.
    """
    colors = "+".join(sorted({look.color for look in scene.looks}))
    shapes = "+".join(sorted({look.shape for look in scene.looks}))
    digest = hashlib.sha256(f"{colors}|{shapes}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_OF == 0


def draw_apart(rng: random.Random, count: int) -> Scene:
    """`count` things (at most 4) of different shapes and colors, each in a quarter of its own.

    Two things are neighbours, so that there is a relation to speak of.
    """
    first, *others = rng.sample(CELLS, count)
    if count == 2:
        others = [rng.choice([c for c in CELLS if (c[0] == first[0]) != (c[1] == first[1])])]
    spots = tuple(_jitter(rng, cell, 2) for cell in (first, *others))
    return Scene(_distinct_looks(rng, count), spots, "apart", _texture(rng))


def draw_group(rng: random.Random, alike: int, others: int) -> Scene:
    """`alike` things of one look first, then `others` of one other look (9 in all)."""
    look = _look(rng)
    looks = (look,) * alike + (_unlike(rng, look),) * others
    spots = tuple(_jitter(rng, cell, 2) for cell in rng.sample(GROUP_CELLS, len(looks)))
    return Scene(looks, spots, "group", _texture(rng))


def _distinct_looks(rng: random.Random, count: int) -> tuple[Look, ...]:
    shapes, colors = rng.sample(SHAPES, count), rng.sample(COLORS, count)
    pairs = zip(shapes, colors, strict=True)
    return tuple(Look(shape, color, rng.choice(SIZES)) for shape, color in pairs)


def _look(rng: random.Random) -> Look:
    return Look(rng.choice(SHAPES), rng.choice(COLORS), rng.choice(SIZES))


def _unlike(rng: random.Random, look: Look) -> Look:
    """A look of another shape; half of them keep the color, so that color alone does not tell."""
    shape = rng.choice([s for s in SHAPES if s != look.shape])
    color = look.color if rng.random() < 0.5 else rng.choice(COLORS)
    return Look(shape, color, rng.choice(SIZES))


def _jitter(rng: random.Random, cell: tuple[int, int], by: int) -> tuple[int, int]:
    return cell[0] + rng.randint(-by, by), cell[1] + rng.randint(-by, by)


def _texture(rng: random.Random) -> int:
    return rng.getrandbits(32)
