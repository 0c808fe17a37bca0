"""What a test caption will say of a scene, decided before the scene is changed.

A plan names things by their index, so that the same plan put to the changed scene gives the
caption that is true there. That is how a caption and its foil come to differ by the edit alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ahnpl_cli.scenes.captions import ALL_PHRASES, sample_true_place, true_relations
from ahnpl_cli.scenes.meanings import Description, Listing, Meaning, Placement, Relation
from ahnpl_cli.scenes.world import Appearance, Scene

Plan = Callable[[Scene], Meaning]


class Mention(NamedTuple):
    """Which words a description mentions beside the shape."""

    color: bool
    size: bool


def describe(appearance: Appearance, mention: Mention) -> Description:
    """Return the description of `appearance` with the words that are mentioned."""
    color = appearance.color if mention.color else None
    size = appearance.size if mention.size else None
    return Description(appearance.shape, color, size)


def sample_mentions(rng: random.Random, count: int, *, color: float = 0.8) -> list[Mention]:
    """Sample which words each of `count` descriptions mentions; `color` is a probability."""
    mentions = []
    for _ in range(count):
        says_color = rng.random() < color
        says_size = rng.random() < 0.25
        mentions.append(Mention(says_color, says_size))
    return mentions


def sample_relation(
    rng: random.Random, scene: Scene, phrases: Sequence[str] = ALL_PHRASES
) -> tuple[int, str, int] | None:
    """Sample a true (subject, phrase, object) with one of `phrases`; None where none is true."""
    triples = true_relations(scene, phrases)
    return rng.choice(triples) if triples else None


def sample_places(rng: random.Random, scene: Scene, indices: Sequence[int]) -> list[str]:
    """Sample a true place for each of these things."""
    # Two corners in one sentence would be long, and the halves say enough.
    corners = len(indices) == 1
    places = []
    for index in indices:
        appearance = scene.appearances[index]
        # Described in full, so that no other thing of the scene can be meant.
        item = Description(appearance.shape, appearance.color, appearance.size)
        place = sample_true_place(rng, item, scene, corners=corners)
        places.append(place)
    return places


def relation_plan(subject: int, phrase: str, object_: int, mentions: Sequence[Mention]) -> Plan:
    """Return the plan to say that two things stand in a relation."""

    def plan(scene: Scene) -> Meaning:
        # Described when the plan is put to a scene: an edit may have changed what stands there.
        subject_item = describe(scene.appearances[subject], mentions[0])
        object_item = describe(scene.appearances[object_], mentions[1])
        return Relation(subject_item, phrase, object_item)

    return plan


def listing_plan(indices: Sequence[int], mentions: Sequence[Mention]) -> Plan:
    """Return the plan to list things."""

    def plan(scene: Scene) -> Meaning:
        return Listing(_describe_each(scene, indices, mentions))

    return plan


def placement_plan(
    indices: Sequence[int], places: Sequence[str], mentions: Sequence[Mention]
) -> Plan:
    """Return the plan to say where things are."""

    def plan(scene: Scene) -> Meaning:
        items = _describe_each(scene, indices, mentions)
        return Placement(tuple(zip(items, places, strict=True)))

    return plan


def _describe_each(
    scene: Scene, indices: Sequence[int], mentions: Sequence[Mention]
) -> tuple[Description, ...]:
    items = []
    for index, mention in zip(indices, mentions, strict=True):
        items.append(describe(scene.appearances[index], mention))
    return tuple(items)
