"""ARO's VG-Relation and VG-Attribution, and Winoground's groups, as scene pairs."""

from __future__ import annotations

import itertools

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.grammar import Style
from ahnpl_cli.scenes.meanings import PHRASES
from ahnpl_cli.scenes.pairs import (
    ItemSampler,
    PairMaker,
    ScenePair,
    make_swapped_roles,
    pair_from_plan,
    with_notes,
)
from ahnpl_cli.scenes.plans import Mention
from ahnpl_cli.scenes.suites_sugarcrepe import swap_maker

# None of them is among the symmetric relations that ARO's average leaves out.
VG_RELATIONS = tuple(PHRASES)
ARO_STYLE = Style(clause=True, definite=True, variant=1)
BARE = Mention(color=False, size=False)
COLORED = Mention(color=True, size=False)
ITEMS_PER_COLOR_PAIR = 60  # so that each ordered pair has the 25 that ARO's average asks for


def _make_vg_relation(sampler: ItemSampler) -> ScenePair | None:
    """Exchange the nouns in "the star is above the moon"; every relation equally often."""
    phrase = VG_RELATIONS[sampler.index % len(VG_RELATIONS)]
    scene = sampler.few()
    relation = plans.sample_relation(sampler.rng, scene, (phrase,))
    if relation is None:
        return None
    i, _, j = relation
    plan = plans.relation_plan(i, phrase, j, (BARE, BARE))
    exchanged = edits.exchange_all(scene, i, j)
    pair = pair_from_plan(scene, exchanged, plan, ARO_STYLE)
    note = {"relation_name": phrase}
    return with_notes(pair, note, note)


def _make_vg_attribution(sampler: ItemSampler) -> ScenePair | None:
    """Exchange the colors in "the red star and the blue moon"."""
    first_color, second_color = _color_pair(sampler.index, sampler.total)
    scene = world.sample_apart(sampler.rng, 2)
    scene = edits.change(scene, 0, color=first_color)
    scene = edits.change(scene, 1, color=second_color)
    plan = plans.listing_plan((0, 1), (COLORED, COLORED))
    exchanged = edits.exchange(scene, 0, 1, ("color",))
    pair = pair_from_plan(scene, exchanged, plan, ARO_STYLE)
    first, second = scene.appearances
    names = {"obj1_name": first.shape, "obj2_name": second.shape}
    return with_notes(
        pair,
        {"attributes": [first_color, second_color], **names},
        {"attributes": [second_color, first_color], **names},
    )


def _color_pair(index: int, total: int) -> tuple[str, str]:
    """Return the colors of an item; few pairs of colors, so that each has items enough."""
    pairs = list(itertools.combinations(world.COLORS, 2))
    used = max(1, min(len(pairs), total // ITEMS_PER_COLOR_PAIR))
    # Two items in a row have the same pair, once in each order. The pairs used are spread over all.
    step = len(pairs) // used
    return pairs[index // 2 % used * step]


def _tagged(make: PairMaker, tag: str, collapsed: str) -> PairMaker:
    note = {"tag": tag, "collapsed_tag": collapsed}

    def make_tagged(sampler: ItemSampler) -> ScenePair | None:
        pair = make(sampler)
        return None if pair is None else with_notes(pair, note, note)

    return make_tagged


def _alternate(*makers: PairMaker) -> PairMaker:
    """Return the maker that takes the given ones in turn."""

    def make_in_turn(sampler: ItemSampler) -> ScenePair | None:
        make = makers[sampler.index % len(makers)]
        return make(sampler)

    return make_in_turn


PAIR_MAKERS: dict[str, PairMaker] = {
    "vg_relation": _make_vg_relation,
    "vg_attribution": _make_vg_attribution,
    "winoground": _alternate(
        _tagged(swap_maker("shape"), "Noun", "Object"),
        _tagged(swap_maker("color"), "Adjective-Color", "Object"),
        _tagged(make_swapped_roles, "Noun Phrase", "Relation"),
    ),
}
