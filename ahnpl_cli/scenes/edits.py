"""Changes to a scene that leave everything else of it as it was, texture included."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ahnpl_cli.scenes.world import COLORS, SHAPES, SIZES, Scene

Part = Literal["shape", "color", "size"]  # a field of `Appearance`
ALL_PARTS: tuple[Part, ...] = ("shape", "color", "size")


def exchange(scene: Scene, i: int, j: int, parts: Sequence[Part]) -> Scene:
    """Return the scene with some parts of things `i` and `j` exchanged."""
    first = scene.appearances[i]
    second = scene.appearances[j]
    exchanged = scene
    for part in parts:
        exchanged = change(exchanged, i, **{part: getattr(second, part)})
        exchanged = change(exchanged, j, **{part: getattr(first, part)})
    return exchanged


def exchange_all(scene: Scene, i: int, j: int) -> Scene:
    """Return the scene with things `i` and `j` in each other's place."""
    return exchange(scene, i, j, ALL_PARTS)


def change(scene: Scene, i: int, **parts: str) -> Scene:
    """Return the scene with another `shape`, `color` or `size` of thing `i`."""
    appearances = list(scene.appearances)
    appearances[i] = replace(appearances[i], **parts)
    return replace(scene, appearances=tuple(appearances))


def sample_absent_shape(rng: random.Random, scene: Scene) -> str:
    """Sample a shape that nothing in the scene has."""
    present = {appearance.shape for appearance in scene.appearances}
    absent = [shape for shape in SHAPES if shape not in present]
    return rng.choice(absent)


def sample_absent_color(rng: random.Random, scene: Scene) -> str:
    """Sample a color that nothing in the scene has."""
    present = {appearance.color for appearance in scene.appearances}
    absent = [color for color in COLORS if color not in present]
    return rng.choice(absent)


def other_size(size: str) -> str:
    """Return the size that `size` is not."""
    small, large = SIZES
    return small if size == large else large
