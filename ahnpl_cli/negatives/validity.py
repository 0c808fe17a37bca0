"""Rejects what is not a negative: a negative is English and false of the image.

Every rejection has a reason, and reasons are counted.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

from ahnpl_cli.negatives import fill, grammar, wordnet
from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.sorts import PERSON, sorts_of
from ahnpl_cli.negatives.tables import Words, alike, cells, contraries, different, word_list
from ahnpl_cli.negatives.wordnet import Pos

SAME_TEXT = "same text"
DUPLICATE = "duplicate"
PART_OF_SPEECH = "part of speech"
AGREEMENT = "agreement"
COMPATIBLE = "compatible"
IN_IMAGE = "said of the image"
REASONS = {
    SAME_TEXT: "the text does not change, but for case and spaces",
    "same lemma": "the new word is a form of the old one",
    "not a word": "no dictionary word of this part of speech",
    PART_OF_SPEECH: "tagged in its new place, the word is another part of speech",
    "synonym": "the new word means the same",
    "hypernym": "the new word is a more general one",
    "hyponym": "the new word is a more specific one",
    COMPATIBLE: "both words may hold at once, such as large and white",
    AGREEMENT: "the word does not agree with an article or pronoun around it",
    IN_IMAGE: "a caption of the image uses the word, or a word for the same thing",
    "symmetric": "exchanged or not, the caption says the same",
    "negated": "after no, not or without, another word may be true",
    "of": "the nouns belong together by `of`",
    DUPLICATE: "another negative of the caption has this text",
}


def normalised(text: str) -> str:
    """Return a text in lower case with single spaces and no full stop."""
    return " ".join(text.lower().split()).rstrip(" .")


@functools.lru_cache(maxsize=1 << 17)
def pair_reason(old: str, new: str, pos: Pos) -> str | None:
    """Return why one lemma in the place of another makes no negative, or None."""
    if old == new:
        return "same lemma"
    if not is_word(new, pos):
        return "not a word"
    if pos == "a" and _contrary(old, new, "attributes"):
        return None
    relation = wordnet.related(old, new, pos)
    if relation is not None:
        return relation
    return None if _against(old, new, pos) else COMPATIBLE


def is_word(lemma: str, pos: Pos) -> bool:
    """Whether a dictionary has the word as this part of speech."""
    return (
        len(lemma) > 2
        and lemma.replace(" ", "").replace("-", "").isalpha()
        and (wordnet.known(lemma, pos))
    )


def _contrary(old: str, new: str, table: str) -> bool:
    return new in contraries(table).get(old, frozenset())


def _against(old: str, new: str, pos: Pos) -> bool:
    """Whether the new word contradicts the old one."""
    if pos == "n":
        return _other_thing(old, new)
    if pos == "v":
        return _contrary(old, new, "verbs")
    return wordnet.opposite(old, new)


def _other_thing(old: str, new: str) -> bool:
    if not grammar.pictured(new):
        return False
    if is_person(old) and is_person(new):
        return new in different("persons").get(old, frozenset())
    if new in alike("nouns").get(old, frozenset()):
        return False
    # A "baseball bat" is a bat.
    heads = old.rpartition(" ")[2], new.rpartition(" ")[2]
    if heads[0] == heads[1]:
        return False
    return heads == (old, new) or pair_reason(*heads, "n") is None


@functools.lru_cache(maxsize=1 << 15)
def is_person(lemma: str) -> bool:
    """Whether a noun names a person."""
    return PERSON in sorts_of(lemma)


SEXES = {
    "male": frozenset(("she", "her", "herself", "hers")),
    "female": frozenset(("he", "his", "him", "himself")),
}


@functools.lru_cache(maxsize=1 << 15)
def sex(lemma: str) -> str | None:
    """Return `male` or `female` for nouns that say so."""
    for name, words in zip(SEXES, cells("persons", "sex"), strict=True):
        if lemma in words:
            return name
    return None


# What can be said falsely of a thing that sits, stands or lies: a cup on a table does all three.
OF_THINGS = frozenset(("hang", "fly", "float", "fall"))


class Place(NamedTuple):
    """What the words around a noun ask of another in its place.

    Attributes:
        countable: it has to take an article.
        mass: it has to stand without one.
        sexes: whom the pronouns of the caption rule out.
        loose: it stands in a loose relation, where common things may be there unsaid.
        lifeless: a verb of posture said of a thing.
    """

    countable: bool
    mass: bool
    sexes: tuple[str, ...]
    loose: bool
    lifeless: bool = False


ANYWHERE = Place(False, False, (), False)


def place_of(units: Sequence[Unit], index: int) -> Place:
    """Return what the place of a noun or verb asks for."""
    unit = units[index]
    if unit.pos != "n":
        return ANYWHERE._replace(lifeless=unit.pos == "v" and fill.lifeless(units, index))
    slot = grammar.determiner(units, index)
    said_ = {other.lower for other in units if other.tag in ("PRP", "PRP$")}
    return Place(
        unit.tag == "NN" and slot == "a",
        unit.tag == "NN" and slot == "none" and unit.lower in word_list("mass"),
        tuple(name for name, words in SEXES.items() if not words.isdisjoint(said_)),
        grammar.governor(units, index) in grammar.LOOSE,
    )


def place_reason(place: Place, new: str, lemma: str) -> str | None:
    """Return why a word cannot stand in a place, or None."""
    if place.lifeless:
        return None if lemma in OF_THINGS else COMPATIBLE
    mass = new in word_list("mass")
    if place.countable and mass or place.mass and not mass or sex(lemma) in place.sexes:
        return AGREEMENT
    return COMPATIBLE if place.loose and new in word_list("ubiquitous") else None


@functools.lru_cache(maxsize=1 << 16)
def names(lemma: str, pos: Pos) -> Words:
    """Return the lemmas that, said of an image, may make `lemma` true of it."""
    head = lemma.rpartition(" ")[2]
    found = {lemma, head}
    if pos == "n":
        found |= alike("nouns").get(lemma, frozenset()) | alike("nouns").get(head, frozenset())
    return frozenset(found)


_GENERAL = frozenset(("n", "a"))  # parts of speech whose relatives may name the same


def telling(image_words: Words, pos: Pos) -> Words:
    """Return the words of an image that name something; "view" or "front" name no thing."""
    return image_words - word_list("unpictured") if pos == "n" else image_words


def said(lemma: str, pos: Pos, image_words: Words) -> bool:
    """Whether captions of the image use a lemma, or a word that may name the same thing."""
    words = telling(image_words, pos)
    if not names(lemma, pos).isdisjoint(words):
        return True
    return pos in _GENERAL and any(wordnet.related(lemma, word, pos) is not None for word in words)
