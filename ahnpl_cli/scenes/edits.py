"""Changes to a scene that leave everything else of it as it was, texture included."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ahnpl_cli.scenes.world import COLORS, SHAPES, SIZES, Appearance, Scene


def exchange(scene: Scene, i: int, j: int, parts: Sequence[str]) -> Scene:
    """Things `i` and `j` exchange their `shape`, `color` or `size`."""
    appearances = list(scene.appearances)
    appearances[i] = replace(appearances[i], **_parts(scene.appearances[j], parts))
    appearances[j] = replace(appearances[j], **_parts(scene.appearances[i], parts))
    return replace(scene, appearances=tuple(appearances))


def exchange_all(scene: Scene, i: int, j: int) -> Scene:
    """Things `i` and `j` exchange places."""
    return exchange(scene, i, j, ("shape", "color", "size"))


def change(scene: Scene, i: int, **parts: str) -> Scene:
    """Thing `i` gets another `shape`, `color` or `size`."""
    appearances = list(scene.appearances)
    appearances[i] = replace(appearances[i], **parts)
    return replace(scene, appearances=tuple(appearances))


def absent_shape(rng: random.Random, scene: Scene) -> str:
    """A shape that nothing in the scene has."""
    return rng.choice(
        [s for s in SHAPES if all(s != appearance.shape for appearance in scene.appearances)]
    )


def absent_color(rng: random.Random, scene: Scene) -> str:
    """A color that nothing in the scene has."""
    return rng.choice(
        [c for c in COLORS if all(c != appearance.color for appearance in scene.appearances)]
    )


def other_size(size: str) -> str:
    """The size that `size` is not."""
    return SIZES[1 - SIZES.index(size)]


def _parts(appearance: Appearance, parts: Sequence[str]) -> dict[str, Any]:
    return {part: getattr(appearance, part) for part in parts}
