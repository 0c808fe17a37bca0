"""ARO's VG-Relation and VG-Attribution, and Winoground's groups, as pairs."""

from __future__ import annotations

from typing import Any

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.grammar import Style
from ahnpl_cli.scenes.meanings import PHRASES
from ahnpl_cli.scenes.pairs import (
    ItemSampler,
    PairMaker,
    ScenePair,
    actants,
    alternate,
    pair_from_plan,
    with_notes,
)
from ahnpl_cli.scenes.suites_sugarcrepe import swapped

# None of them is among the symmetric relations that ARO's average leaves out.
VG_RELATIONS = tuple(PHRASES)
ARO_STYLE = Style(clause=True, definite=True, variant=1)
BARE = ((False, False), (False, False))
COLORED = ((True, False), (True, False))
ITEMS_PER_COLOR_PAIR = 60  # so that each ordered pair has the 25 that ARO's average asks for


def vg_relation(sampler: ItemSampler) -> ScenePair | None:
    """Nouns exchanged in "the star is above the moon"; every relation equally often."""
    phrase = VG_RELATIONS[sampler.index % len(VG_RELATIONS)]
    scene = sampler.few()
    found = plans.relation(sampler.rng, scene, (phrase,))
    if found is None:
        return None
    i, _, j = found
    plan = plans.related(i, phrase, j, BARE)
    note = {"relation_name": phrase}
    return with_notes(
        pair_from_plan(scene, edits.exchange_all(scene, i, j), plan, ARO_STYLE), note, note
    )


def vg_attribution(sampler: ItemSampler) -> ScenePair | None:
    """Colors exchanged in "the red star and the blue moon"; few pairs of colors."""
    pairs = [(a, b) for k, a in enumerate(world.COLORS) for b in world.COLORS[k + 1 :]]
    used = max(1, min(len(pairs), sampler.total // ITEMS_PER_COLOR_PAIR))
    colors = pairs[(sampler.index // 2) % used * (len(pairs) // used)]
    scene = world.sample_apart(sampler.rng, 2)
    for k in (0, 1):
        scene = edits.change(scene, k, color=colors[k])
    plan = plans.listed((0, 1), COLORED)
    pair = pair_from_plan(scene, edits.exchange(scene, 0, 1, ("color",)), plan, ARO_STYLE)
    names = {"obj1_name": scene.appearances[0].shape, "obj2_name": scene.appearances[1].shape}
    notes: list[dict[str, Any]] = [{"attributes": [*c], **names} for c in (colors, colors[::-1])]
    return with_notes(pair, *notes)


def _tagged(maker: PairMaker, tag: str, collapsed: str) -> PairMaker:
    note = {"tag": tag, "collapsed_tag": collapsed}

    def make(sampler: ItemSampler) -> ScenePair | None:
        pair = maker(sampler)
        return pair and with_notes(pair, note, note)

    return make


MAKERS: dict[str, PairMaker] = {
    "vg_relation": vg_relation,
    "vg_attribution": vg_attribution,
    "winoground": alternate(
        _tagged(swapped("shape"), "Noun", "Object"),
        _tagged(swapped("color"), "Adjective-Color", "Object"),
        _tagged(actants, "Noun Phrase", "Relation"),
    ),
}
