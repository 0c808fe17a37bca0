"""What a test caption will say of a scene, decided before the scene is changed.

A plan names things by their index, so that the same plan put to the changed scene gives the
caption that is true there. That is how a caption and its foil come to differ by the edit alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from ahnpl_cli.scenes.captions import true_place, true_relations
from ahnpl_cli.scenes.meanings import (
    Description,
    Listing,
    Meaning,
    Placement,
    Relation,
)
from ahnpl_cli.scenes.world import Appearance, Scene

Plan = Callable[[Scene], Meaning]
Words = tuple[bool, bool]  # is the color said, is the size said


def sample_words(rng: random.Random, count: int, *, color: float = 0.8) -> list[Words]:
    """Which words each of `count` descriptions mentions."""
    return [(rng.random() < color, rng.random() < 0.25) for _ in range(count)]


def describe(appearance: Appearance, words: Words) -> Description:
    """`appearance` with the words that the plan mentions."""
    color, size = words
    return Description(
        appearance.shape, appearance.color if color else None, appearance.size if size else None
    )


def relation(
    rng: random.Random, scene: Scene, phrases: Sequence[str]
) -> tuple[int, str, int] | None:
    """A true (subject, phrase, object) with a phrase of `phrases`; None where there is none."""
    found = true_relations(scene, phrases)
    return rng.choice(found) if found else None


def related(subject: int, phrase: str, object_: int, words: Sequence[Words]) -> Plan:
    """The plan to say that two things stand in a relation."""

    def plan(scene: Scene) -> Meaning:
        a, b = scene.appearances[subject], scene.appearances[object_]
        return Relation(describe(a, words[0]), phrase, describe(b, words[1]))

    return plan


def listed(indices: Sequence[int], words: Sequence[Words]) -> Plan:
    """The plan to list things."""

    def plan(scene: Scene) -> Meaning:
        appearances = [scene.appearances[i] for i in indices]
        return Listing(
            tuple(describe(appearance, w) for appearance, w in zip(appearances, words, strict=True))
        )

    return plan


def placed(indices: Sequence[int], places: Sequence[str], words: Sequence[Words]) -> Plan:
    """The plan to say where things are."""

    def plan(scene: Scene) -> Meaning:
        appearances = [scene.appearances[i] for i in indices]
        items = [describe(appearance, w) for appearance, w in zip(appearances, words, strict=True)]
        return Placement(tuple(zip(items, places, strict=True)))

    return plan


def sample_places(rng: random.Random, scene: Scene, indices: Sequence[int]) -> list[str]:
    """A true place for each of these things."""
    appearances = [scene.appearances[i] for i in indices]
    items = [
        Description(appearance.shape, appearance.color, appearance.size)
        for appearance in appearances
    ]
    return [true_place(rng, item, scene, corners=len(items) == 1) for item in items]
