"""The same meaning in other words: the second true caption of a SugarCrepe++ item."""

from __future__ import annotations

import random
from dataclasses import replace

from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import sample_style
from ahnpl_cli.scenes.meanings import OPPOSITES, Listing, Meaning, Placement, Relation


def rephrase(rng: random.Random, caption: Caption) -> Caption:
    """Return another caption of the same meaning.

    What stands on both sides of a relation or a list changes places, so that a reader of bags of
    words or of first nouns is misled; the rest is said in another style.
    """
    meaning = _turned(caption.meaning)
    style = caption.style
    while True:
        text = Caption(meaning, style).text
        # Capitals and a period alone make no other wording.
        if text.lower().rstrip(".") != caption.text.lower().rstrip("."):
            return Caption(meaning, style)
        style = replace(sample_style(rng), sentence=caption.style.sentence)


def _turned(meaning: Meaning) -> Meaning:
    """Return what means the same the other way around; the meaning itself where nothing turns."""
    if isinstance(meaning, Relation):
        return Relation(meaning.object, OPPOSITES[meaning.phrase], meaning.subject)
    if isinstance(meaning, Listing):
        return Listing(meaning.items[::-1])
    if isinstance(meaning, Placement):
        return Placement(meaning.items[::-1])
    return meaning
