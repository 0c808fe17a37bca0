"""Pairs: two scenes, each with the caption that is true of it and false of the other.

Every test item shows one scene of a pair, chosen by a fair coin, so that caption and foil are
exchangeable and nothing in the text alone can tell them apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import Style, sample_style
from ahnpl_cli.scenes.meanings import OPPOSITES, PHRASES
from ahnpl_cli.scenes.plans import Plan, Words
from ahnpl_cli.scenes.world import Scene

Notes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScenePair:
    """Two scenes and their captions.

    Attributes:
        scenes: they differ by the edit alone.
        captions: `captions[i]` holds of `scenes[i]` and, unless one-sided, not of the other.
        notes: what the official record also says, when that scene is shown.
    """

    scenes: tuple[Scene, Scene]
    captions: tuple[Caption, Caption]
    notes: tuple[Notes, Notes] = field(default_factory=lambda: ({}, {}))


@dataclass(frozen=True, slots=True)
class ItemSampler:
    """What a maker samples from.

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
            scene = world.sample_apart(self.rng, self.rng.choice((2, 2, 3)))
            if world.held_out(scene) == self.held_out:
                return scene

    def group(self, alike: int, others: int) -> Scene:
        """A scene of many things."""
        while True:
            scene = world.sample_group(self.rng, alike, others)
            if world.held_out(scene) == self.held_out:
                return scene

    def words(self, count: int, *, color: float = 0.8) -> list[Words]:
        """Which words each of `count` descriptions mentions."""
        return plans.sample_words(self.rng, count, color=color)


PairMaker = Callable[[ItemSampler], ScenePair | None]


def is_valid_pair(pair: ScenePair, *, held_out: bool, one_sided: bool) -> bool:
    """Whether captions strictly hold, foils not even loosely, and both scenes are on one side."""
    (a, b), (of_a, of_b) = pair.scenes, (c.meaning for c in pair.captions)
    return (
        pair.captions[0].text != pair.captions[1].text
        and all(world.held_out(scene) == held_out for scene in pair.scenes)
        and of_a.holds(a)
        and of_b.holds(b)
        and not of_b.holds(a, loosely=True)
        and (one_sided or not of_a.holds(b, loosely=True))
    )


def pair_from_plan(
    a: Scene, b: Scene, plan: Plan, style: Style, plan_b: Plan | None = None
) -> ScenePair:
    """The pair whose captions follow one plan, or the second its own."""
    meanings = plan(a), (plan_b or plan)(b)
    return ScenePair((a, b), (Caption(meanings[0], style), Caption(meanings[1], style)))


def with_notes(pair: ScenePair, first: Notes, second: Notes) -> ScenePair:
    """The pair with notes."""
    return replace(pair, notes=(first, second))


def alternate(*makers: PairMaker) -> PairMaker:
    """The makers in turn."""

    def make(sampler: ItemSampler) -> ScenePair | None:
        return makers[sampler.index % len(makers)](sampler)

    return make


def two_named(sampler: ItemSampler, scene: Scene, *, color: float) -> tuple[Plan, int, int] | None:
    """A plan that names two things in any way, and which two; None where there are none."""
    words = sampler.words(2, color=color)
    chance = sampler.rng.random()
    if chance < 0.6:
        found = plans.relation(sampler.rng, scene, tuple(PHRASES))
        if found is None:
            return None
        i, phrase, j = found
        return plans.related(i, phrase, j, words), i, j
    i, j = sampler.rng.sample(range(len(scene.appearances)), 2)
    if chance < 0.8:
        places = plans.sample_places(sampler.rng, scene, (i, j))
        return plans.placed((i, j), places, words), i, j
    # Without its color a thing in a list cannot be taken for the other.
    return plans.listed((i, j), [(True, size) for _, size in words]), i, j


def actants(sampler: ItemSampler) -> ScenePair | None:
    """A pair whose subject and object are exchanged."""
    scene, words = sampler.few(), sampler.words(1) * 2
    found = plans.relation(sampler.rng, scene, tuple(PHRASES))
    if found is None:
        return None
    i, phrase, j = found
    new = edits.exchange_all(scene, i, j)
    pair = pair_from_plan(scene, new, plans.related(i, phrase, j, words), sample_style(sampler.rng))
    first, second = scene.appearances[i].shape, scene.appearances[j].shape
    return with_notes(pair, {"class": first}, {"class": second})


def opposed(sampler: ItemSampler) -> ScenePair | None:
    """A pair whose things are exchanged, said by the opposite phrase."""
    scene, words = sampler.few(), sampler.words(2)
    found = plans.relation(sampler.rng, scene, tuple(PHRASES))
    if found is None:
        return None
    i, phrase, j = found
    opposite = OPPOSITES[phrase]
    # The exchanged subject now stands where the object was.
    pair = pair_from_plan(
        scene,
        edits.exchange_all(scene, i, j),
        plans.related(i, phrase, j, words),
        sample_style(sampler.rng),
        plans.related(j, opposite, i, words),
    )
    return with_notes(pair, {"class": phrase}, {"class": opposite})
