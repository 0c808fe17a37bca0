"""Half-truths on scenes: a short true text, the same with a true detail, and with a wrong one.

The long texts have the same number of words, so that length tells the short one and nothing else.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from ahnpl_cli.scenes import edits, plans, world
from ahnpl_cli.scenes.grammar import Style, say
from ahnpl_cli.scenes.meanings import OPPOSITES, Listing, Relation
from ahnpl_cli.scenes.plans import Mention
from ahnpl_cli.scenes.world import Scene

FILE = "half_truths/coco_qwen.jsonl"
KINDS = ("object", "attribute", "relation")  # what is wrong of the detail, in turn
PLAIN = Style(variant=1)


def image(index: int) -> str:
    """Return the path of an image, relative to the output folder."""
    return f"half_truths/images/{index:06d}.jpg"


def sample(rng: random.Random, index: int) -> tuple[Scene, dict[str, Any]]:
    """Sample a scene of the combinations kept for testing, and its record."""
    kind = KINDS[index % len(KINDS)]
    while True:
        scene = world.sample_apart(rng, rng.choice(world.FEW))
        if not world.is_held_out(scene):
            continue
        truth = _sample_truth(rng, scene)
        wrong = _wrong(rng, scene, truth, kind)
        # A wrong color may be true of another thing of that shape, as a wrong place may.
        if not wrong.holds(scene, loosely=True):
            break
    record = {
        "image": image(index).rsplit("/", 1)[-1],
        "anchor": say(Listing((truth.subject,)), PLAIN),
        "full_truth": say(truth, PLAIN),
        "half_truth": say(wrong, PLAIN),
        "triplet_type": kind,
    }
    return scene, record


def _sample_truth(rng: random.Random, scene: Scene) -> Relation:
    """Sample a true relation whose object is described by its color."""
    relation = plans.sample_relation(rng, scene)
    assert relation is not None  # two neighbors always stand in one
    subject, phrase, object_ = relation
    mentions = (Mention(color=True, size=False), Mention(color=True, size=False))
    meaning = plans.relation_plan(subject, phrase, object_, mentions)(scene)
    assert isinstance(meaning, Relation)
    return meaning


def _wrong(rng: random.Random, scene: Scene, truth: Relation, kind: str) -> Relation:
    if kind == "relation":
        return replace(truth, phrase=OPPOSITES[truth.phrase])
    if kind == "object":
        shape = edits.sample_absent_shape(rng, scene)
        return replace(truth, object=replace(truth.object, shape=shape))
    color = edits.sample_absent_color(rng, scene)
    return replace(truth, object=replace(truth.object, color=color))
