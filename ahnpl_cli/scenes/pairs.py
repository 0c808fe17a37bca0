"""Scene pairs: two scenes, each with the caption that is true of it and false of the other.

Every test item shows one scene of a pair, chosen by a fair coin, so that caption and foil are
exchangeable and nothing in the text alone can tell them apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import Style, sample_style
from ahnpl_cli.scenes.meanings import OPPOSITES
from ahnpl_cli.scenes.plans import Mention, Plan
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
    notes: tuple[Notes, Notes] = ({}, {})


@dataclass(frozen=True, slots=True)
class ItemSampler:
    """Where a maker of pairs gets its scenes and words from.

    Attributes:
        rng: the item's own generator.
        held_out: whether scenes are of the combinations kept for testing, or of the others.
        index: number of the item in its suite.
        total: items in the suite.
    """

    rng: random.Random
    held_out: bool
    index: int
    total: int

    def few(self) -> Scene:
        """Sample a scene of two or three things."""
        while True:
            count = self.rng.choice(world.FEW)
            scene = world.sample_apart(self.rng, count)
            if world.is_held_out(scene) == self.held_out:
                return scene

    def group(self, alike: int, others: int) -> Scene:
        """Sample a scene of many things."""
        while True:
            scene = world.sample_group(self.rng, alike, others)
            if world.is_held_out(scene) == self.held_out:
                return scene

    def mentions(self, count: int, *, color: float = 0.8) -> list[Mention]:
        """Sample which words each of `count` descriptions mentions."""
        return plans.sample_mentions(self.rng, count, color=color)

    def style(self) -> Style:
        """Sample how the captions of a pair are said."""
        return sample_style(self.rng)


# None where what was sampled allows no such pair; the next sample may.
PairMaker = Callable[[ItemSampler], ScenePair | None]


def is_valid_pair(pair: ScenePair, *, held_out: bool, one_sided: bool) -> bool:
    """Whether captions hold strictly, foils not even loosely, and both scenes are on one side.

    Args:
        pair: the pair.
        held_out: the side: of the combinations kept for testing, or of the others.
        one_sided: whether the first caption may hold of the second scene too.
    """
    first_scene, second_scene = pair.scenes
    first, second = pair.captions
    if first.text == second.text:
        return False
    if any(world.is_held_out(scene) != held_out for scene in pair.scenes):
        return False
    if not first.meaning.holds(first_scene) or not second.meaning.holds(second_scene):
        return False
    # What is neither strictly true nor plainly false makes no question.
    if second.meaning.holds(first_scene, loosely=True):
        return False
    return one_sided or not first.meaning.holds(second_scene, loosely=True)


def pair_from_plan(
    first: Scene,
    second: Scene,
    plan: Plan,
    style: Style,
    second_plan: Plan | None = None,
) -> ScenePair:
    """Return the pair whose captions follow one plan, or the second its own."""
    first_caption = Caption(plan(first), style)
    second_caption = Caption((second_plan or plan)(second), style)
    return ScenePair((first, second), (first_caption, second_caption))


def with_notes(pair: ScenePair, first: Notes, second: Notes) -> ScenePair:
    """Return the pair with notes."""
    return replace(pair, notes=(first, second))


class PlannedPair(NamedTuple):
    """A plan that names two things, and which two."""

    plan: Plan
    i: int
    j: int


def plan_two(sampler: ItemSampler, scene: Scene, *, color: float) -> PlannedPair | None:
    """Sample a plan that names two things in any way; None where the sampled way finds no two.

    Args:
        sampler: source of randomness.
        scene: the things.
        color: probability that a description mentions the color.
    """
    mentions = sampler.mentions(2, color=color)
    which = sampler.rng.random()
    if which < 0.6:
        relation = plans.sample_relation(sampler.rng, scene)
        if relation is None:
            return None
        i, phrase, j = relation
        plan = plans.relation_plan(i, phrase, j, mentions)
        return PlannedPair(plan, i, j)
    indices = sampler.rng.sample(range(len(scene.appearances)), 2)
    if which < 0.8:
        places = plans.sample_places(sampler.rng, scene, indices)
        plan = plans.placement_plan(indices, places, mentions)
    else:
        # Without its color a thing in a list cannot be taken for the other.
        colored = [mention._replace(color=True) for mention in mentions]
        plan = plans.listing_plan(indices, colored)
    return PlannedPair(plan, *indices)


def make_swapped_roles(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair whose subject and object are exchanged."""
    scene = sampler.few()
    # The same words for both, or the text would tell which of them had been the subject.
    mentions = sampler.mentions(1) * 2
    relation = plans.sample_relation(sampler.rng, scene)
    if relation is None:
        return None
    i, phrase, j = relation
    exchanged = edits.exchange_all(scene, i, j)
    plan = plans.relation_plan(i, phrase, j, mentions)
    pair = pair_from_plan(scene, exchanged, plan, sampler.style())
    subject, object_ = scene.appearances[i], scene.appearances[j]
    return with_notes(pair, {"class": subject.shape}, {"class": object_.shape})


def make_opposites(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair whose things are exchanged, said by the opposite phrase."""
    scene = sampler.few()
    mentions = sampler.mentions(2)
    relation = plans.sample_relation(sampler.rng, scene)
    if relation is None:
        return None
    i, phrase, j = relation
    opposite = OPPOSITES[phrase]
    plan = plans.relation_plan(i, phrase, j, mentions)
    # The exchanged subject now stands where the object was.
    second_plan = plans.relation_plan(j, opposite, i, mentions)
    exchanged = edits.exchange_all(scene, i, j)
    pair = pair_from_plan(scene, exchanged, plan, sampler.style(), second_plan)
    return with_notes(pair, {"class": phrase}, {"class": opposite})
