"""What the training captions say: several of each scene, which together name every thing.

They name every size that is there too, so that a word refilled from the corpus which no other
caption of the image uses is false of the image (`ahnpl negatives` rejects the others).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ahnpl_cli.scenes import world
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
    related,
)
from ahnpl_cli.scenes.world import Appearance, Scene


@dataclass(frozen=True, slots=True)
class Caption:
    """A meaning and how it is said."""

    meaning: Meaning
    style: Style

    @property
    def text(self) -> str:
        """The caption in English."""
        return say(self.meaning, self.style)


class Mention(NamedTuple):
    """How likely a description mentions color and size."""

    color: float = 0.85
    size: float = 0.25


def describe(
    rng: random.Random, appearance: Appearance, mention: Mention = Mention()
) -> Description:
    """A description of `appearance` that mentions color and size at random."""
    return Description(
        appearance.shape,
        appearance.color if rng.random() < mention.color else None,
        appearance.size if rng.random() < mention.size else None,
    )


def sample_scene(rng: random.Random, *, held_out: bool = False) -> Scene:
    """A scene of any kind, of the combinations kept for testing or of the others."""
    while True:
        scene = _sample_any(rng)
        if world.held_out(scene) == held_out:
            return scene


def _sample_any(rng: random.Random) -> Scene:
    if rng.random() < 0.88:
        return world.sample_apart(rng, rng.choice((2, 2, 3)))
    return world.sample_group(rng, rng.randint(1, 6), rng.randint(0, 3))


def sample_captions(rng: random.Random, scene: Scene, count: int) -> list[Caption]:
    """`count` captions that hold of `scene` and together name all its things and sizes."""
    sample = _of_group if scene.layout == "group" else _of_few
    for attempt in itertools.count():
        # The more tries have left something out, the more each caption mentions.
        say_more = Mention(color=0.85 + 0.02 * attempt, size=0.25 + 0.05 * attempt)
        captions = [Caption(sample(rng, scene, say_more), sample_style(rng)) for _ in range(count)]
        texts = {caption.text for caption in captions}
        if len(texts) == count and _names_all(texts, scene.appearances):
            return captions
    raise AssertionError("unreachable: itertools.count() does not end")


def true_relations(
    scene: Scene, among: Sequence[str] = tuple(PHRASES)
) -> list[tuple[int, str, int]]:
    """(subject, phrase, object) by index, for every phrase of `among` that strictly holds."""
    names = sorted({PHRASES[phrase] for phrase in among})
    found = []
    for (i, a), (j, b) in itertools.permutations(enumerate(scene.things), 2):
        true = {name for name in names if related(name, a, b, loosely=False)}
        found += [(i, phrase, j) for phrase in among if PHRASES[phrase] in true]
    return found


def true_place(rng: random.Random, item: Description, scene: Scene, *, corners: bool = True) -> str:
    """One of the places where `item` strictly is, a corner half of the time if those may be."""
    places = [place for place in PLACES if Placement(((item, place),)).holds(scene)]
    among = [p for p in places if ("corner" in p) == (corners and rng.random() < 0.5)]
    return rng.choice(among or places)


def _of_few(rng: random.Random, scene: Scene, mention: Mention) -> Meaning:
    chance = rng.random()
    if chance < 0.65:
        return _relation(rng, scene, mention)
    appearances = rng.sample(scene.appearances, len(scene.appearances))
    if chance < 0.85:
        count = rng.choice((1, 1, 2))
        items = [describe(rng, appearance, mention) for appearance in appearances[:count]]
        places = [true_place(rng, item, scene, corners=count == 1) for item in items]
        return Placement(tuple(zip(items, places, strict=True)))
    if chance < 0.88:
        absent = rng.choice(
            [s for s in world.SHAPES if all(s != appearance.shape for appearance in appearances)]
        )
        return Existence(Description(absent), False, beside=describe(rng, appearances[0], mention))
    # Without colors, exchanging two nouns of a list would change nothing.
    colored = mention._replace(color=1)
    return Listing(tuple(describe(rng, appearance, colored) for appearance in appearances))


def _relation(rng: random.Random, scene: Scene, mention: Mention) -> Relation:
    subject, phrase, object_ = rng.choice(true_relations(scene))
    a, b = scene.appearances[subject], scene.appearances[object_]
    return Relation(describe(rng, a, mention), phrase, describe(rng, b, mention))


def _of_group(rng: random.Random, scene: Scene, mention: Mention) -> Meaning:
    kinds = [describe(rng, appearance, mention) for appearance in dict.fromkeys(scene.appearances)]
    counts = [(item, len(item.among(scene.things))) for item in kinds]
    chance = rng.random()
    item, number = counts[0]
    if chance < 0.3 and number != 2:
        return Quantity(item, number > 2, beside=None)
    return Count(tuple(counts) if chance < 0.7 else (counts[0],))


def _names_all(texts: set[str], appearances: Sequence[Appearance]) -> bool:
    said = {word.strip(".,").lower() for text in texts for word in text.split()}
    qualities = {word for appearance in appearances for word in (appearance.color, appearance.size)}
    return qualities <= said and all({k.shape, plural(k.shape)} & said for k in appearances)
