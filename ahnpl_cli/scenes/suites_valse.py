"""The VALSE pieces that the world can express, as pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ahnpl_cli.scenes import edits, plans
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import sample_style
from ahnpl_cli.scenes.meanings import Count, Description, Existence, Quantity
from ahnpl_cli.scenes.pairs import (
    ItemSampler,
    PairMaker,
    ScenePair,
    actants,
    opposed,
    pair_from_plan,
    with_notes,
)
from ahnpl_cli.scenes.world import Scene


def existence(sampler: ItemSampler) -> ScenePair | None:
    """One scene has the thing; the other has its color, or its shape, elsewhere."""
    scene, style = sampler.few(), sample_style(sampler.rng)
    which = sampler.rng.randrange(len(scene.appearances))
    item = plans.describe(scene.appearances[which], sampler.words(1, color=0.6)[0])
    new = edits.change(scene, which, shape=edits.absent_shape(sampler.rng, scene))
    captions = Caption(Existence(item, True), style), Caption(Existence(item, False), style)
    return ScenePair((scene, new), captions, ({"count": 1}, {"count": 0}))


def plurals(sampler: ItemSampler) -> ScenePair | None:
    """One thing, or three to five."""
    few, many = _counted(sampler, 1, sampler.rng.randint(3, 5))
    item, beside = _group_words(sampler, few)
    style = sample_style(sampler.rng)
    single = Caption(Quantity(item, False, beside), style)
    pair = ScenePair((few, many), (single, Caption(Quantity(item, True, beside), style)))
    return with_notes(pair, {"class": item.shape}, {"class": item.shape})


def counting(pairs: Sequence[tuple[int, int]]) -> PairMaker:
    """So many things, or so many."""

    def make(sampler: ItemSampler) -> ScenePair | None:
        numbers = sampler.rng.choice(pairs)
        few, many = _counted(sampler, *numbers)
        item, _ = _group_words(sampler, few)
        style = sample_style(sampler.rng)
        style = replace(style, prefix="there is ", digits=True, sentence=True)
        first, second = (Caption(Count(((item, n),)), style) for n in numbers)
        notes = {"count": numbers[0]}, {"count": numbers[1]}
        return ScenePair((few, many), (first, second), notes)

    return make


def _counted(sampler: ItemSampler, fewer: int, more: int) -> tuple[Scene, Scene]:
    """A scene with `fewer` and with `more` things of one appearance, and up to three others."""
    many = sampler.group(more, sampler.rng.randint(0, 3))
    drop = more - fewer
    return replace(many, appearances=many.appearances[drop:], spots=many.spots[drop:]), many


def _group_words(sampler: ItemSampler, scene: Scene) -> tuple[Description, Description | None]:
    """How to call the things that are counted and, if one stands apart, that one."""
    item = plans.describe(scene.appearances[0], sampler.words(1, color=0.6)[0])
    other = scene.appearances[-1]
    alone = other != scene.appearances[0] and scene.appearances.count(other) == 1
    return item, plans.describe(other, (True, False)) if alone else None


def foil_it(sampler: ItemSampler) -> ScenePair | None:
    """Three things listed, one noun replaced."""
    scene = sampler.few()
    if len(scene.appearances) < 3:
        return None
    order = sampler.rng.sample(range(3), 3)
    which, shape = sampler.rng.choice(order), edits.absent_shape(sampler.rng, scene)
    plan = plans.listed(order, sampler.words(3))
    pair = pair_from_plan(
        scene, edits.change(scene, which, shape=shape), plan, sample_style(sampler.rng)
    )
    return with_notes(pair, {"class": scene.appearances[which].shape}, {"class": shape})


MAKERS: dict[str, PairMaker] = {
    "existence": existence,
    "plurals": plurals,
    "counting-hard": counting([(n, n + 1) for n in range(1, 6)]),
    "counting-small-quant": counting([(1, 2), (1, 3), (2, 3)]),
    # The authors' captions count high and their foils low; here either may, or the text would tell.
    "counting-adversarial": counting([(few, many) for few in (1, 2) for many in (4, 5, 6)]),
    "relations": opposed,
    "actant-swap": actants,
    "foil-it": foil_it,
}
