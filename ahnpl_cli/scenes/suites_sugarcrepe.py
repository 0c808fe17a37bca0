"""The seven SugarCrepe files as scene pairs.

As in SugarCrepe, the foil of the two `add` files says more than the caption.
"""

from __future__ import annotations

from dataclasses import replace

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.edits import Part
from ahnpl_cli.scenes.pairs import (
    ItemSampler,
    PairMaker,
    ScenePair,
    make_opposites,
    pair_from_plan,
    plan_two,
)
from ahnpl_cli.scenes.plans import Mention
from ahnpl_cli.scenes.world import Appearance, Position, Scene


def swap_maker(part: Part) -> PairMaker:
    """Return the maker of pairs that exchange the `shape` or the `color` of two things."""
    # A color has to be said, or the two captions would be the same.
    color = 1.0 if part == "color" else 0.8

    def make_swap(sampler: ItemSampler) -> ScenePair | None:
        scene = sampler.few()
        planned = plan_two(sampler, scene, color=color)
        if planned is None:
            return None
        exchanged = edits.exchange(scene, planned.i, planned.j, (part,))
        return pair_from_plan(scene, exchanged, planned.plan, sampler.style())

    return make_swap


def _make_replace_obj(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair in which one thing has another shape."""
    scene = sampler.few()
    planned = plan_two(sampler, scene, color=0.8)
    if planned is None:
        return None
    shape = edits.sample_absent_shape(sampler.rng, scene)
    replaced = sampler.rng.choice((planned.i, planned.j))
    changed = edits.change(scene, replaced, shape=shape)
    return pair_from_plan(scene, changed, planned.plan, sampler.style())


def _make_replace_att(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair in which one thing has another color or, more rarely, size."""
    scene = sampler.few()
    planned = plan_two(sampler, scene, color=1)
    if planned is None:
        return None
    replaced = sampler.rng.choice((planned.i, planned.j))
    # A size that the plan does not mention gives no valid pair; the next sample may.
    if sampler.rng.random() < 0.3:
        size = edits.other_size(scene.appearances[replaced].size)
        changed = edits.change(scene, replaced, size=size)
    else:
        color = edits.sample_absent_color(sampler.rng, scene)
        changed = edits.change(scene, replaced, color=color)
    return pair_from_plan(scene, changed, planned.plan, sampler.style())


def _make_add_obj(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair whose foil lists one more thing.

    Its shape and its color both occur in the scene, but not on the same thing.
    """
    scene = sampler.few()
    rng = sampler.rng
    count = len(scene.appearances)
    of_shape, of_color = rng.sample(scene.appearances, 2)
    size = rng.choice(world.SIZES)
    added = Appearance(of_shape.shape, of_color.color, size)
    larger = replace(
        scene,
        appearances=(*scene.appearances, added),
        positions=(*scene.positions, _free_cell(scene)),
    )
    mentions = sampler.mentions(count + 1, color=1)
    listed_count = rng.randint(1, count)
    listed = rng.sample(range(count), listed_count)
    plan = plans.listing_plan(listed, mentions[:listed_count])
    second_plan = plans.listing_plan([*listed, count], mentions[: listed_count + 1])
    return pair_from_plan(scene, larger, plan, sampler.style(), second_plan)


def _free_cell(scene: Scene) -> Position:
    """Return the first cell in whose quarter nothing stands."""
    taken = {_quarter(position) for position in scene.positions}
    return next(cell for cell in world.CELLS if _quarter(cell) not in taken)


def _quarter(position: Position) -> tuple[bool, bool]:
    x, y = position
    return x > world.SIDE // 2, y > world.SIDE // 2


def _make_add_att(sampler: ItemSampler) -> ScenePair | None:
    """Make a pair whose foil gives one thing a wrong color: half of the time the other thing's."""
    scene = sampler.few()
    rng = sampler.rng
    relation = plans.sample_relation(rng, scene)
    if relation is None:
        return None
    i, phrase, j = relation
    colored = rng.choice((0, 1))
    mentions = sampler.mentions(2, color=0)
    # The caption is silent about the color that the foil adds, so it holds of both scenes.
    second_mentions = list(mentions)
    second_mentions[colored] = Mention(color=True, size=mentions[colored].size)
    changed_index, other_index = (i, j) if colored == 0 else (j, i)
    if rng.random() < 0.5:
        color = scene.appearances[other_index].color
    else:
        color = edits.sample_absent_color(rng, scene)
    changed = edits.change(scene, changed_index, color=color)
    plan = plans.relation_plan(i, phrase, j, mentions)
    second_plan = plans.relation_plan(i, phrase, j, second_mentions)
    return pair_from_plan(scene, changed, plan, sampler.style(), second_plan)


PAIR_MAKERS: dict[str, PairMaker] = {
    "add_obj": _make_add_obj,
    "add_att": _make_add_att,
    "replace_obj": _make_replace_obj,
    "replace_att": _make_replace_att,
    "replace_rel": make_opposites,
    "swap_obj": swap_maker("shape"),
    "swap_att": swap_maker("color"),
}
