"""What can be told of a caption's grammar from its tags, without a parser."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.concreteness import rating
from ahnpl_cli.negatives.sorts import same_sort
from ahnpl_cli.negatives.tables import contraries, dimensions, word_list

Determiner = Literal["a", "the", "number", "none"]
MODIFIERS = ("JJ", "JJR", "JJS", "RB", "VBN", "VBG", "CD", "NN", "NNP", "HYPH", "POS")
NEGATIONS = ("no", "not", "n't", "without", "never", "neither", "nor", "nobody", "nothing")
CONCRETE = 3.9  # rating below which a noun names nothing to be seen (ours)
LOOSE = frozenset(
    ("near", "by", "beside", "with", "and", "behind", "around", "to", "of", "from", "past", "above")
    + ("below", "over", "under", "between", "at", "against", "or", ",")
)
_CLAUSE_ENDS = (",", ".", ";", "but", "and")
_LISTING = frozenset(("and", ","))
_LISTED = ("DT", "JJ", "PRP$", "CD", "CC", "RB", "NN", "NNS", "NNP", "''", "``")
_BESIDE = frozenset(
    (",", "&", "/", "-", "and", "or", "nor", "with", "near", "nearby", "by", "beside", "besides")
    + ("next", "close", "adjacent", "to", "along", "alongside", "together", "plus", "also", "while")
)


def is_noun(unit: Unit) -> bool:
    """Whether a unit names a thing that a picture can show."""
    return unit.pos == "n" and unit.lower not in word_list("unpictured") and pictured(unit.lemma)


@functools.lru_cache(maxsize=1 << 14)
def pictured(lemma: str) -> bool:
    """Whether a noun is concrete enough to be seen; nouns that nobody rated may be."""
    if lemma in word_list("unpictured"):
        return False
    found = rating(lemma)
    return found is None or found >= CONCRETE or lemma in dimensions("sorts")


def determiner(units: Sequence[Unit], index: int) -> Determiner:
    """What stands before a noun and its modifiers."""
    for unit in reversed(units[max(0, index - 5) : index]):
        if unit.lower in ("a", "an", "another", "each", "every", "one"):
            return "a"
        if unit.tag == "CD":
            return "number"
        if unit.lower in ("some", "any", "much", "enough"):  # "some fruit", but no "some cup"
            return "none"
        if unit.tag in ("DT", "PRP$", "PDT", "WP$") or unit.lower == "'s":
            return "the"
        if unit.tag not in MODIFIERS and unit.lower != "and":  # "a man and woman"
            return "none"
    return "none"


def modifiers(units: Sequence[Unit], index: int) -> frozenset[str]:
    """The adjectives right before a noun."""
    found = set()
    for unit in reversed(units[:index]):
        if unit.tag not in ("JJ", "CC", ",", "NN") or unit.tag == "NN" and unit.pos == "n":
            break
        if unit.tag == "JJ":
            found.add(unit.lower)
    return frozenset(found)


def negated(units: Sequence[Unit], index: int) -> bool:
    """Whether a unit stands in the scope of a negation, where another word may be true."""
    for unit in reversed(units[:index]):
        if unit.lower in _CLAUSE_ENDS:
            return False
        if unit.lower in NEGATIONS:
            return True
    return False


_NEAR = frozenset(("near", "next", "beside", "by", "alongside", "close", "with"))
_STATES = frozenset(
    ("be", "sit", "stand", "lie", "lay", "park", "pose", "rest", "serve", "wait", "walk")
)


def contrary(first: str, second: str, table: str = "attributes") -> bool:
    """Whether two words cannot hold of the same thing at once."""
    return second in contraries(table).get(first, frozenset())


def governor(units: Sequence[Unit], index: int) -> str:
    """The word before the noun phrase of a noun, such as its preposition or verb."""
    for unit in reversed(units[max(0, index - 6) : index]):
        if unit.tag not in ("DT", "JJ", "PRP$", "CD", "NN", "NNP", "VBN", "JJR", "JJS", "POS"):
            return unit.lower
    return ""


def symmetric(units: Sequence[Unit], first: int, second: int) -> bool:
    """Whether exchanging two nouns leaves what is said true.

    It does in a mere listing ("a dog next to a cat", "a cup on the left and a jar on the left"),
    unless the nouns are told apart by contrary adjectives ("a red cup and a blue plate").
    """
    if not _listed(units, first, second) and not _in_one_place(units, first, second):
        return False
    ours, theirs = modifiers(units, first), modifiers(units, second)
    return not any(contrary(a, b) for a in ours for b in theirs)


def _listed(units: Sequence[Unit], first: int, second: int) -> bool:
    between = units[first + 1 : second]
    near = any(unit.lower in _NEAR for unit in between)
    if any(not _beside(unit) and not (near and unit.lemma in _STATES) for unit in between):
        return False
    words = [unit.lower for unit in between]
    if "with" not in words or _LISTING.intersection(words[words.index("with") :]):
        return True
    return same_sort(units[first].lemma, units[second].lemma)


def _in_one_place(units: Sequence[Unit], first: int, second: int) -> bool:
    """Whether the same words follow both nouns, joined by "and"."""
    words = [unit.lower for unit in units]
    if "and" not in words[first + 1 : second]:
        return False
    place = words[first + 1 : words.index("and", first + 1)]
    return bool(place) and words[second + 1 : second + 1 + len(place)] == place


def _beside(unit: Unit) -> bool:
    return unit.lower in _BESIDE or unit.tag in _LISTED
