"""What the training captions say: several of each scene, which together name every thing.

They name every size in the scene too, so that a word refilled from the corpus which no other
caption of the image uses is false of the image (`ahnpl negatives` rejects the others).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ahnpl_cli.scenes import edits, world
from ahnpl_cli.scenes.grammar import Style, plural, sample_style, say
from ahnpl_cli.scenes.meanings import (
    PHRASES,
    PLACES,
    Count,
    Description,
    Existence,
    Listing,
    Meaning,
    Placement,
    Quantity,
    Relation,
    is_related,
)
from ahnpl_cli.scenes.world import Appearance, Scene

SHARE_APART = 0.88  # of the scenes; the others are groups
ALL_PHRASES = tuple(PHRASES)


@dataclass(frozen=True, slots=True)
class Caption:
    """A meaning and how it is said."""

    meaning: Meaning
    style: Style

    @property
    def text(self) -> str:
        """The caption in English."""
        return say(self.meaning, self.style)


class MentionRates(NamedTuple):
    """How likely a description mentions color and size."""

    color: float = 0.85
    size: float = 0.25


def sample_description(
    rng: random.Random, appearance: Appearance, rates: MentionRates = MentionRates()
) -> Description:
    """Sample which words to use for `appearance`."""
    color = appearance.color if rng.random() < rates.color else None
    size = appearance.size if rng.random() < rates.size else None
    return Description(appearance.shape, color, size)


def sample_scene(rng: random.Random, *, held_out: bool = False) -> Scene:
    """Sample a scene of any layout, of the combinations kept for testing or of the others."""
    while True:
        if rng.random() < SHARE_APART:
            count = rng.choice(world.FEW)
            scene = world.sample_apart(rng, count)
        else:
            alike = rng.randint(1, 6)
            others = rng.randint(0, 3)
            scene = world.sample_group(rng, alike, others)
        if world.is_held_out(scene) == held_out:
            return scene


def sample_captions(rng: random.Random, scene: Scene, count: int) -> list[Caption]:
    """Sample `count` captions that hold of `scene` and together name all its things and sizes."""
    sample_meaning = _sample_of_group if scene.layout == "group" else _sample_of_few
    for attempt in itertools.count():
        # The longer no sample names everything, the more each caption says.
        rates = MentionRates(color=0.85 + 0.02 * attempt, size=0.25 + 0.05 * attempt)
        captions = []
        for _ in range(count):
            meaning = sample_meaning(rng, scene, rates)
            captions.append(Caption(meaning, sample_style(rng)))
        texts = {caption.text for caption in captions}
        if len(texts) == count and _names_all(texts, scene.appearances):
            return captions
    raise AssertionError("unreachable: itertools.count() does not end")


def true_relations(
    scene: Scene, phrases: Sequence[str] = ALL_PHRASES
) -> list[tuple[int, str, int]]:
    """Return (subject, phrase, object) by index, for every phrase that strictly holds."""
    triples = []
    indices = range(len(scene.things))
    for i, j in itertools.permutations(indices, 2):
        subject = scene.things[i]
        object_ = scene.things[j]
        for phrase in phrases:
            if is_related(PHRASES[phrase], subject, object_, loosely=False):
                triples.append((i, phrase, j))
    return triples


def sample_true_place(
    rng: random.Random, item: Description, scene: Scene, *, corners: bool = True
) -> str:
    """Sample one of the places where `item` strictly is.

    Args:
        rng: source of randomness.
        item: the thing, which the scene contains.
        scene: where it is.
        corners: whether a corner may be named, which then happens about half of the time.
    """
    true_places = []
    preferred = []
    for place in PLACES:
        if not Placement(((item, place),)).holds(scene):
            continue
        true_places.append(place)
        # Decided for each place anew. Deciding once would do, but the shipped model and the
        # published scenes were made this way.
        want_corner = corners and rng.random() < 0.5
        if ("corner" in place) == want_corner:
            preferred.append(place)
    return rng.choice(preferred or true_places)


def _sample_of_few(rng: random.Random, scene: Scene, rates: MentionRates) -> Meaning:
    """Sample what to say of a scene of two or three things."""
    which = rng.random()
    if which < 0.65:
        return _sample_relation(rng, scene, rates)
    appearances = rng.sample(scene.appearances, len(scene.appearances))
    if which < 0.85:
        return _sample_placement(rng, scene, appearances, rates)
    if which < 0.88:
        absent = Description(edits.sample_absent_shape(rng, scene))
        beside = sample_description(rng, appearances[0], rates)
        return Existence(absent, False, beside)
    # Without colors, exchanging two nouns of a list would change nothing.
    colored = rates._replace(color=1)
    items = [sample_description(rng, appearance, colored) for appearance in appearances]
    return Listing(tuple(items))


def _sample_relation(rng: random.Random, scene: Scene, rates: MentionRates) -> Relation:
    subject_index, phrase, object_index = rng.choice(true_relations(scene))
    subject = sample_description(rng, scene.appearances[subject_index], rates)
    object_ = sample_description(rng, scene.appearances[object_index], rates)
    return Relation(subject, phrase, object_)


def _sample_placement(
    rng: random.Random, scene: Scene, appearances: Sequence[Appearance], rates: MentionRates
) -> Placement:
    """Sample where one or two of the things are."""
    count = rng.choice((1, 1, 2))
    items = [sample_description(rng, appearance, rates) for appearance in appearances[:count]]
    # Two corners in one sentence would be long, and the halves say enough.
    places = [sample_true_place(rng, item, scene, corners=count == 1) for item in items]
    return Placement(tuple(zip(items, places, strict=True)))


def _sample_of_group(rng: random.Random, scene: Scene, rates: MentionRates) -> Meaning:
    """Sample what to say of a scene of many things, of one or two appearances."""
    distinct = list(dict.fromkeys(scene.appearances))
    counts = []
    for appearance in distinct:
        item = sample_description(rng, appearance, rates)
        counts.append((item, len(item.among(scene.things))))
    which = rng.random()
    item, number = counts[0]
    # Two are neither one nor several.
    if which < 0.3 and number != 2:
        return Quantity(item, number > 2)
    if which >= 0.7:
        counts = counts[:1]
    return Count(tuple(counts))


def _names_all(texts: set[str], appearances: Sequence[Appearance]) -> bool:
    """Whether the texts together use every shape, color and size of the scene."""
    used: set[str] = set()
    for text in texts:
        plain = text.lower().replace(".", "").replace(",", "")
        used.update(plain.split())
    for appearance in appearances:
        names_shape = appearance.shape in used or plural(appearance.shape) in used
        if not (names_shape and appearance.color in used and appearance.size in used):
            return False
    return True
