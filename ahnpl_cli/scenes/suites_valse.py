"""The VALSE pieces that the world can express, as scene pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ahnpl_cli.scenes import edits, plans
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.meanings import Count, Description, Existence, Quantity
from ahnpl_cli.scenes.pairs import (
    ItemSampler,
    PairMaker,
    ScenePair,
    make_opposites,
    make_swapped_roles,
    pair_from_plan,
    with_notes,
)
from ahnpl_cli.scenes.plans import Mention
from ahnpl_cli.scenes.world import Scene


def _make_existence(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair of which one scene contains the thing.

    Its color, or its shape, may occur in the other scene too, on another thing.
    """
    scene = sampler.few()
    style = sampler.style()
    index = sampler.rng.randrange(len(scene.appearances))
    (mention,) = sampler.mentions(1, color=0.6)
    item = plans.describe(scene.appearances[index], mention)
    shape = edits.sample_absent_shape(sampler.rng, scene)
    without = edits.change(scene, index, shape=shape)
    present = Caption(Existence(item, True), style)
    absent = Caption(Existence(item, False), style)
    pair = ScenePair((scene, without), (present, absent))
    return with_notes(pair, {"count": 1}, {"count": 0})


def _make_plurals(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair of one thing and three to five."""
    # Two would be neither one nor several.
    number = sampler.rng.randint(3, 5)
    few, many = _sample_counted(sampler, 1, number)
    item, beside = _describe_group(sampler, few)
    style = sampler.style()
    single = Caption(Quantity(item, False, beside), style)
    several = Caption(Quantity(item, True, beside), style)
    note = {"class": item.shape}
    return with_notes(ScenePair((few, many), (single, several)), note, note)


def _counting_maker(number_pairs: Sequence[tuple[int, int]]) -> PairMaker:
    """Return the maker of pairs of so many things and so many."""

    def make_counting(sampler: ItemSampler) -> ScenePair | None:
        fewer, more = sampler.rng.choice(number_pairs)
        few, many = _sample_counted(sampler, fewer, more)
        item, _ = _describe_group(sampler, few)
        # The sentence that the authors' counting pieces use.
        style = replace(sampler.style(), prefix="there is ", digits=True, sentence=True)
        first = Caption(Count(((item, fewer),)), style)
        second = Caption(Count(((item, more),)), style)
        pair = ScenePair((few, many), (first, second))
        return with_notes(pair, {"count": fewer}, {"count": more})

    return make_counting


def _sample_counted(sampler: ItemSampler, fewer: int, more: int) -> tuple[Scene, Scene]:
    """Sample a scene with `fewer` and with `more` things of one look, and up to three others."""
    others = sampler.rng.randint(0, 3)
    many = sampler.group(more, others)
    # The counted things come first, so these are left out of both tuples.
    surplus = more - fewer
    few = replace(many, appearances=many.appearances[surplus:], positions=many.positions[surplus:])
    return few, many


def _describe_group(sampler: ItemSampler, scene: Scene) -> tuple[Description, Description | None]:
    """Describe the things that are counted and, if a single other thing is there, that one."""
    counted = scene.appearances[0]
    other = scene.appearances[-1]
    (mention,) = sampler.mentions(1, color=0.6)
    item = plans.describe(counted, mention)
    if other == counted or scene.appearances.count(other) > 1:
        return item, None
    return item, plans.describe(other, Mention(color=True, size=False))


def _make_foil_it(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair of three things listed, one noun replaced."""
    scene = sampler.few()
    if len(scene.appearances) < 3:
        return None
    order = sampler.rng.sample(range(3), 3)
    replaced = sampler.rng.choice(order)
    shape = edits.sample_absent_shape(sampler.rng, scene)
    plan = plans.listing_plan(order, sampler.mentions(3))
    changed = edits.change(scene, replaced, shape=shape)
    pair = pair_from_plan(scene, changed, plan, sampler.style())
    old_shape = scene.appearances[replaced].shape
    return with_notes(pair, {"class": old_shape}, {"class": shape})


PAIR_MAKERS: dict[str, PairMaker] = {
    "existence": _make_existence,
    "plurals": _make_plurals,
    "counting-hard": _counting_maker([(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]),
    "counting-small-quant": _counting_maker([(1, 2), (1, 3), (2, 3)]),
    # The authors' captions count high and their foils low; here either may, or the text would tell.
    "counting-adversarial": _counting_maker([(1, 4), (1, 5), (1, 6), (2, 4), (2, 5), (2, 6)]),
    "relations": make_opposites,
    "actant-swap": make_swapped_roles,
    "foil-it": _make_foil_it,
}
