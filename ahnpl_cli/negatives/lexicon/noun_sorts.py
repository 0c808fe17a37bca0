"""What sort of thing a noun names, so that swaps and refills make sense.

The sorts of common caption nouns stand in `tables/sorts.txt`; of others it is the first of the
WordNet concepts below that the noun's first sense is a kind of, else its lexicographer file.
"""

from __future__ import annotations

import functools

from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.tables import dimensions

# Lemma, which of its senses, and the sort.
ANCHORS: tuple[tuple[str, int, str], ...] = (
    ("person", 0, "person"),
    ("animal", 0, "animal"),
    ("beverage", 0, "drink"),
    ("fruit", 0, "food"),
    ("vegetable", 0, "food"),
    ("food", 0, "food"),
    ("food", 1, "food"),
    ("furniture", 0, "furniture"),
    ("headdress", 0, "clothing"),
    ("footwear", 0, "clothing"),
    ("clothing", 0, "clothing"),
    ("vehicle", 0, "vehicle"),
    ("toy", 0, "toy"),
    ("musical instrument", 0, "instrument"),
    ("cutlery", 0, "tableware"),
    ("tableware", 0, "tableware"),
    ("appliance", 1, "appliance"),
    ("computer", 0, "electronics"),
    ("room", 0, "room"),
    ("building", 0, "building"),
    ("container", 0, "container"),
    ("plant", 1, "plant"),
    ("body of water", 0, "outdoors"),
    ("body part", 0, "body"),
    ("sport", 0, "sport"),
    ("structure", 0, "structure"),
)
PERSON, ANIMAL = "person", "animal"
LIVING = frozenset((PERSON, ANIMAL))


@functools.cache
def _anchor_synsets() -> list[tuple[int, str]]:
    return [(wordnet.senses(lemma, "n")[sense], sort) for lemma, sense, sort in ANCHORS]


@functools.lru_cache(maxsize=1 << 15)
def sorts_of(lemma: str) -> frozenset[str]:
    """Return the sorts of a noun, empty if it is unknown; a compound is of its last word's."""
    listed = dimensions("sorts")
    for word in (lemma, lemma.rpartition(" ")[2]):
        if word in listed:
            return listed[word]
        senses = wordnet.senses(word, "n")
        if senses:
            above = wordnet.above(senses[0], "n")
            for synset, sort in _anchor_synsets():
                if synset in above:
                    return frozenset((sort,))
            # No anchor: nouns of one lexicographer file still have something in common.
            return frozenset((str(wordnet.file_of(word, "n")),))
    return frozenset()


def is_sorted(lemma: str) -> bool:
    """Whether a noun has a sort of its own, and no more in common than a file of WordNet's."""
    return any(not sort.isdecimal() for sort in sorts_of(lemma))


def widened(sorts: frozenset[str]) -> frozenset[str]:
    """Return sorts with persons and animals as one."""
    return sorts | LIVING if not sorts.isdisjoint(LIVING) else sorts


def same_sort(first: str, second: str) -> bool:
    """Whether two nouns have a sort in common; persons and animals count as one."""
    return not widened(sorts_of(first)).isdisjoint(sorts_of(second))


def animate(lemma: str) -> bool:
    """Whether a noun names a person or an animal."""
    return not sorts_of(lemma).isdisjoint(LIVING)
