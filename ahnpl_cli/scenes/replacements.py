"""Twins whose things stand in another relation, said with another preposition or verb."""

from __future__ import annotations

from dataclasses import replace

from ahnpl_cli.scenes import edits, plans
from ahnpl_cli.scenes.grammar import draw_style
from ahnpl_cli.scenes.meanings import OPPOSITES, PREPOSITIONS, VERBS
from ahnpl_cli.scenes.twins import Lots, Maker, Twins, noted, told


def _replaced(phrases: tuple[str, ...]) -> Maker:
    """Twins whose things are exchanged, said by the opposite phrase."""

    def make(lots: Lots) -> Twins | None:
        scene = lots.few()
        words = lots.sizeless(scene, 2)
        found = plans.relation(lots.rng, scene, phrases)
        if found is None:
            return None
        i, phrase, j = found
        # The exchanged subject now stands where the object was.
        plan_b = plans.related(j, OPPOSITES[phrase], i, words)
        new = edits.exchange_all(scene, i, j)
        plan = plans.related(i, phrase, j, words)
        twins = told(scene, new, plan, draw_style(lots.rng), plan_b)
        return noted(twins, {"class": phrase}, {"class": OPPOSITES[phrase]})

    return make


preposition = _replaced(tuple(p for p in PREPOSITIONS if p in OPPOSITES))
verb = _replaced(tuple(p for p in VERBS if p in OPPOSITES))


def action(lots: Lots) -> Twins | None:
    """Twins where the same thing carries, or holds, the same other."""
    scene, words = lots.few(("carry",)), [(color, False) for color, _ in lots.words(2)]
    for index, size in enumerate(("large", "small")):  # the sizes that `hold` needs
        scene = edits.change(scene, index, size=size)
    pairs = (("carries", "holds"), ("carrying", "holding"), ("carried by", "held by"))
    carry, hold = lots.rng.choice(pairs)
    i, j = (1, 0) if "by" in carry else (0, 1)
    twins = told(
        scene,
        replace(scene, layout="hold"),
        plans.related(i, carry, j, words),
        draw_style(lots.rng),
        plans.related(i, hold, j, words),
    )
    return noted(twins, {"class": carry}, {"class": hold})
