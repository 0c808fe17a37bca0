"""The VALSE pieces that the world can express, as twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ahnpl_cli.scenes import edits, plans
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import draw_style
from ahnpl_cli.scenes.meanings import Count, Description, Existence, Quantity
from ahnpl_cli.scenes.twins import Lots, Maker, Twins, actants, noted, opposed, told
from ahnpl_cli.scenes.world import Scene


def existence(lots: Lots) -> Twins | None:
    """One twin has the thing; the other has its color, or its shape, elsewhere."""
    scene, style = lots.few(), draw_style(lots.rng)
    which = lots.rng.randrange(len(scene.looks))
    item = plans.describe(scene.looks[which], lots.words(1, color=0.6)[0])
    new = edits.change(scene, which, shape=edits.absent_shape(lots.rng, scene))
    captions = Caption(Existence(item, True), style), Caption(Existence(item, False), style)
    return Twins((scene, new), captions, ({"count": 1}, {"count": 0}))


def plurals(lots: Lots) -> Twins | None:
    """One thing, or three to five."""
    few, many = _counted(lots, 1, lots.rng.randint(3, 5))
    item, beside = _group_words(lots, few)
    style = draw_style(lots.rng)
    single = Caption(Quantity(item, False, beside), style)
    twins = Twins((few, many), (single, Caption(Quantity(item, True, beside), style)))
    return noted(twins, {"class": item.shape}, {"class": item.shape})


def counting(pairs: Sequence[tuple[int, int]]) -> Maker:
    """So many things, or so many."""

    def make(lots: Lots) -> Twins | None:
        numbers = lots.rng.choice(pairs)
        few, many = _counted(lots, *numbers)
        item, _ = _group_words(lots, few)
        style = draw_style(lots.rng)
        style = replace(style, prefix="there is ", digits=True, sentence=True)
        first, second = (Caption(Count(((item, n),)), style) for n in numbers)
        notes = {"count": numbers[0]}, {"count": numbers[1]}
        return Twins((few, many), (first, second), notes)

    return make


def _counted(lots: Lots, fewer: int, more: int) -> tuple[Scene, Scene]:
    """A scene with `fewer` and with `more` things of one look, and up to three others."""
    many = lots.group(more, lots.rng.randint(0, 3))
    drop = more - fewer
    return replace(many, looks=many.looks[drop:], spots=many.spots[drop:]), many


def _group_words(lots: Lots, scene: Scene) -> tuple[Description, Description | None]:
    """How to call the things that are counted and, if one stands apart, that one."""
    item = plans.describe(scene.looks[0], lots.words(1, color=0.6)[0])
    other = scene.looks[-1]
    alone = other != scene.looks[0] and scene.looks.count(other) == 1
    return item, plans.describe(other, (True, False)) if alone else None


def foil_it(lots: Lots) -> Twins | None:
    """Three things listed, one noun replaced."""
    scene = lots.few()
    if len(scene.looks) < 3:
        return None
    order = lots.rng.sample(range(3), 3)
    which, shape = lots.rng.choice(order), edits.absent_shape(lots.rng, scene)
    plan = plans.listed(order, lots.words(3))
    twins = told(scene, edits.change(scene, which, shape=shape), plan, draw_style(lots.rng))
    return noted(twins, {"class": scene.looks[which].shape}, {"class": shape})


MAKERS: dict[str, Maker] = {
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
