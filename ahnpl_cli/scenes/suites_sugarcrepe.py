"""The seven SugarCrepe files as twins; `add` says more in the foil, as SugarCrepe's does."""

from __future__ import annotations

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.grammar import draw_style
from ahnpl_cli.scenes.meanings import PHRASES
from ahnpl_cli.scenes.twins import Lots, Maker, Twins, opposed, told, two_named
from ahnpl_cli.scenes.world import Look, Scene


def swapped(part: str) -> Maker:
    """Twins that exchange the `shape` or the `color` of two things."""

    def make(lots: Lots) -> Twins | None:
        scene = lots.few()
        made = two_named(lots, scene, color=1 if part == "color" else 0.8)
        if made is None:
            return None
        plan, i, j = made
        return told(scene, edits.exchange(scene, i, j, (part,)), plan, draw_style(lots.rng))

    return make


def replace_obj(lots: Lots) -> Twins | None:
    """Twins of which one thing has another shape."""
    scene = lots.few()
    made = two_named(lots, scene, color=0.8)
    if made is None:
        return None
    plan, *named = made
    shape = edits.absent_shape(lots.rng, scene)
    new = edits.change(scene, lots.rng.choice(named), shape=shape)
    return told(scene, new, plan, draw_style(lots.rng))


def replace_att(lots: Lots) -> Twins | None:
    """Twins of which one thing has another color or, more rarely, size."""
    scene = lots.few()
    made = two_named(lots, scene, color=1)
    if made is None:
        return None
    plan, *named = made
    which = lots.rng.choice(named)
    # A size that the plan does not mention gives no twins; the next lot may.
    if lots.rng.random() < 0.3:
        new = edits.change(scene, which, size=edits.other_size(scene.looks[which].size))
    else:
        new = edits.change(scene, which, color=edits.absent_color(lots.rng, scene))
    return told(scene, new, plan, draw_style(lots.rng))


def add_obj(lots: Lots) -> Twins | None:
    """The foil lists one more thing, whose shape and color are there, but not together."""
    scene, rng = lots.few(), lots.rng
    count = len(scene.looks)
    a, b = rng.sample(scene.looks, 2)
    stranger = Look(a.shape, b.color, rng.choice(world.SIZES))
    new = Scene((*scene.looks, stranger), (*scene.spots, _free(scene)), scene.layout, scene.texture)
    words = lots.words(count + 1, color=1)
    said = rng.sample(range(count), rng.randint(1, count))
    plan = plans.listed(said, words[: len(said)])
    plan_b = plans.listed([*said, count], words[: len(said) + 1])
    return told(scene, new, plan, draw_style(rng), plan_b)


def _free(scene: Scene) -> tuple[int, int]:
    middle = world.SIDE // 2
    taken = {(x > middle, y > middle) for x, y in scene.spots}
    return next(cell for cell in world.CELLS if (cell[0] > middle, cell[1] > middle) not in taken)


def add_att(lots: Lots) -> Twins | None:
    """The foil gives one thing a wrong color: half of the time the other thing's."""
    scene, rng = lots.few(), lots.rng
    found = plans.relation(rng, scene, tuple(PHRASES))
    if found is None:
        return None
    i, phrase, j = found
    which = rng.choice((0, 1))
    bare = lots.words(2, color=0)
    said = [(k == which, size) for k, (_, size) in enumerate(bare)]
    other = scene.looks[(j, i)[which]].color
    color = other if rng.random() < 0.5 else edits.absent_color(rng, scene)
    new = edits.change(scene, (i, j)[which], color=color)
    plan, plan_b = plans.related(i, phrase, j, bare), plans.related(i, phrase, j, said)
    return told(scene, new, plan, draw_style(rng), plan_b)


MAKERS: dict[str, Maker] = {
    "add_obj": add_obj,
    "add_att": add_att,
    "replace_obj": replace_obj,
    "replace_att": replace_att,
    "replace_rel": opposed,
    "swap_obj": swapped("shape"),
    "swap_att": swapped("color"),
}
