"""The seven SugarCrepe files as pairs; `add` says more in the foil, as SugarCrepe's does."""

from __future__ import annotations

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.grammar import sample_style
from ahnpl_cli.scenes.meanings import PHRASES
from ahnpl_cli.scenes.pairs import (
    ItemSampler,
    PairMaker,
    ScenePair,
    opposed,
    pair_from_plan,
    two_named,
)
from ahnpl_cli.scenes.world import Appearance, Scene


def swapped(part: str) -> PairMaker:
    """Pairs that exchange the `shape` or the `color` of two things."""

    def make(sampler: ItemSampler) -> ScenePair | None:
        scene = sampler.few()
        made = two_named(sampler, scene, color=1 if part == "color" else 0.8)
        if made is None:
            return None
        plan, i, j = made
        return pair_from_plan(
            scene, edits.exchange(scene, i, j, (part,)), plan, sample_style(sampler.rng)
        )

    return make


def replace_obj(sampler: ItemSampler) -> ScenePair | None:
    """A pair of which one thing has another shape."""
    scene = sampler.few()
    made = two_named(sampler, scene, color=0.8)
    if made is None:
        return None
    plan, *named = made
    shape = edits.absent_shape(sampler.rng, scene)
    new = edits.change(scene, sampler.rng.choice(named), shape=shape)
    return pair_from_plan(scene, new, plan, sample_style(sampler.rng))


def replace_att(sampler: ItemSampler) -> ScenePair | None:
    """A pair of which one thing has another color or, more rarely, size."""
    scene = sampler.few()
    made = two_named(sampler, scene, color=1)
    if made is None:
        return None
    plan, *named = made
    which = sampler.rng.choice(named)
    # A size that the plan does not mention gives no pair; the next sample may.
    if sampler.rng.random() < 0.3:
        new = edits.change(scene, which, size=edits.other_size(scene.appearances[which].size))
    else:
        new = edits.change(scene, which, color=edits.absent_color(sampler.rng, scene))
    return pair_from_plan(scene, new, plan, sample_style(sampler.rng))


def add_obj(sampler: ItemSampler) -> ScenePair | None:
    """The foil lists one more thing, whose shape and color are there, but not together."""
    scene, rng = sampler.few(), sampler.rng
    count = len(scene.appearances)
    a, b = rng.sample(scene.appearances, 2)
    stranger = Appearance(a.shape, b.color, rng.choice(world.SIZES))
    new = Scene(
        (*scene.appearances, stranger), (*scene.spots, _free(scene)), scene.layout, scene.texture
    )
    words = sampler.words(count + 1, color=1)
    said = rng.sample(range(count), rng.randint(1, count))
    plan = plans.listed(said, words[: len(said)])
    plan_b = plans.listed([*said, count], words[: len(said) + 1])
    return pair_from_plan(scene, new, plan, sample_style(rng), plan_b)


def _free(scene: Scene) -> tuple[int, int]:
    middle = world.SIDE // 2
    taken = {(x > middle, y > middle) for x, y in scene.spots}
    return next(cell for cell in world.CELLS if (cell[0] > middle, cell[1] > middle) not in taken)


def add_att(sampler: ItemSampler) -> ScenePair | None:
    """The foil gives one thing a wrong color: half of the time the other thing's."""
    scene, rng = sampler.few(), sampler.rng
    found = plans.relation(rng, scene, tuple(PHRASES))
    if found is None:
        return None
    i, phrase, j = found
    which = rng.choice((0, 1))
    bare = sampler.words(2, color=0)
    said = [(k == which, size) for k, (_, size) in enumerate(bare)]
    other = scene.appearances[(j, i)[which]].color
    color = other if rng.random() < 0.5 else edits.absent_color(rng, scene)
    new = edits.change(scene, (i, j)[which], color=color)
    plan, plan_b = plans.related(i, phrase, j, bare), plans.related(i, phrase, j, said)
    return pair_from_plan(scene, new, plan, sample_style(rng), plan_b)


MAKERS: dict[str, PairMaker] = {
    "add_obj": add_obj,
    "add_att": add_att,
    "replace_obj": replace_obj,
    "replace_att": replace_att,
    "replace_rel": opposed,
    "swap_obj": swapped("shape"),
    "swap_att": swapped("color"),
}
