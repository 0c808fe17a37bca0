"""Twins: two scenes, each with the caption that is true of it and false of the other.

Every test item is one of two twins, chosen by a fair coin, so that caption and foil are
exchangeable and nothing in the text alone can tell them apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import Style, draw_style
from ahnpl_cli.scenes.meanings import OPPOSITES, PHRASES
from ahnpl_cli.scenes.plans import Plan, Words
from ahnpl_cli.scenes.world import Scene

Notes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Twins:
    """Two scenes and their captions.

    Attributes:
        scenes: they differ by the edit alone.
        captions: `captions[i]` holds of `scenes[i]` and, unless one-sided, not of the other.
        notes: what the official record also says, when that twin is shown.
    """

    scenes: tuple[Scene, Scene]
    captions: tuple[Caption, Caption]
    notes: tuple[Notes, Notes] = field(default_factory=lambda: ({}, {}))


@dataclass(frozen=True, slots=True)
class Lots:
    """What a maker draws from.

    Attributes:
        rng: the item's own generator.
        held_out: combinations kept for testing, or the others.
        index: number of the item in its suite.
        total: items in the suite.
    """

    rng: random.Random
    held_out: bool
    index: int
    total: int

    def few(self) -> Scene:
        """A scene of two or three things."""
        while True:
            scene = world.draw_apart(self.rng, self.rng.choice((2, 2, 3)))
            if world.held_out(scene) == self.held_out:
                return scene

    def group(self, alike: int, others: int) -> Scene:
        """A scene of many things."""
        while True:
            scene = world.draw_group(self.rng, alike, others)
            if world.held_out(scene) == self.held_out:
                return scene

    def words(self, count: int, *, color: float = 0.8) -> list[Words]:
        """Which words each of `count` descriptions mentions."""
        return plans.draw_words(self.rng, count, color=color)


Maker = Callable[[Lots], Twins | None]


def sound(twins: Twins, *, held_out: bool, one_sided: bool) -> bool:
    """Whether captions strictly hold, foils not even loosely, and both twins are on one side."""
    (a, b), (of_a, of_b) = twins.scenes, (c.meaning for c in twins.captions)
    return (
        twins.captions[0].text != twins.captions[1].text
        and all(world.held_out(scene) == held_out for scene in twins.scenes)
        and of_a.holds(a)
        and of_b.holds(b)
        and not of_b.holds(a, loosely=True)
        and (one_sided or not of_a.holds(b, loosely=True))
    )


def told(a: Scene, b: Scene, plan: Plan, style: Style, plan_b: Plan | None = None) -> Twins:
    """Twins whose captions follow one plan, or the second its own."""
    meanings = plan(a), (plan_b or plan)(b)
    return Twins((a, b), (Caption(meanings[0], style), Caption(meanings[1], style)))


def noted(twins: Twins, first: Notes, second: Notes) -> Twins:
    """The twins with notes."""
    return replace(twins, notes=(first, second))


def mixed(*makers: Maker) -> Maker:
    """The makers in turn."""

    def make(lots: Lots) -> Twins | None:
        return makers[lots.index % len(makers)](lots)

    return make


def two_named(lots: Lots, scene: Scene, *, color: float) -> tuple[Plan, int, int] | None:
    """A plan that names two things in any way, and which two; None where the lot has no such."""
    words, lot = lots.words(2, color=color), lots.rng.random()
    if lot < 0.6:
        found = plans.relation(lots.rng, scene, tuple(PHRASES))
        if found is None:
            return None
        i, phrase, j = found
        return plans.related(i, phrase, j, words), i, j
    i, j = lots.rng.sample(range(len(scene.looks)), 2)
    if lot < 0.8:
        places = plans.draw_places(lots.rng, scene, (i, j))
        return plans.placed((i, j), places, words), i, j
    # Without its color a thing in a list cannot be taken for the other.
    return plans.listed((i, j), [(True, size) for _, size in words]), i, j


def actants(lots: Lots) -> Twins | None:
    """Twins whose subject and object are exchanged."""
    scene, words = lots.few(), lots.words(1) * 2
    found = plans.relation(lots.rng, scene, tuple(PHRASES))
    if found is None:
        return None
    i, phrase, j = found
    new = edits.exchange_all(scene, i, j)
    twins = told(scene, new, plans.related(i, phrase, j, words), draw_style(lots.rng))
    first, second = scene.looks[i].shape, scene.looks[j].shape
    return noted(twins, {"class": first}, {"class": second})


def opposed(lots: Lots) -> Twins | None:
    """Twins whose things are exchanged, said by the opposite phrase."""
    scene, words = lots.few(), lots.words(2)
    found = plans.relation(lots.rng, scene, tuple(PHRASES))
    if found is None:
        return None
    i, phrase, j = found
    opposite = OPPOSITES[phrase]
    # The exchanged subject now stands where the object was.
    twins = told(
        scene,
        edits.exchange_all(scene, i, j),
        plans.related(i, phrase, j, words),
        draw_style(lots.rng),
        plans.related(j, opposite, i, words),
    )
    return noted(twins, {"class": phrase}, {"class": opposite})
