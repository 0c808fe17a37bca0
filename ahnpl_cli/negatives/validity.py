"""The rule book: a negative is English and false of the image.

Every rejection has a reason, the reasons are counted, and `records.REASONS` explains them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.noun_sorts import PERSON, sorts_of
from ahnpl_cli.negatives.lexicon.tables import (
    Words,
    alike,
    cells,
    contrary,
    different,
    dimensions,
    word_list,
)
from ahnpl_cli.negatives.lexicon.wordnet import Pos
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word

SAME_TEXT = "same text"
SAME_LEMMA = "same lemma"
NO_WORD = "not a word"
DUPLICATE = "duplicate"
PART_OF_SPEECH = "part of speech"
AGREEMENT = "agreement"
COMPATIBLE = "compatible"
IN_IMAGE = "said of the image"
NEGATED = "negated"
READS_WORSE = "reads worse"
UNHEARD = "unheard of"
DOUBLED = "doubled word"
IMPLAUSIBLE = "implausible"
# A candidate less plausible than its caption stays with chance exp(doubt * plausibility), and never
# below the least plausibility (ours, from what was read on COCO; see the manual). Kinds of the
# papers that are absurd by design are not doubted. Numbers and attributes differ in how often they
# are said more than in what they can be said of.
DOUBT = {
    **{"relation": 0.1, "attribute": 0.05, "action": 0.2, "object": 0.1},
    **{"quantity": 0.03, "spatial": 0.15, "addition": 0.06},
}
# Kinds that are absurd more often where captions hardly know the words around (by what was read).
IN_KNOWN = frozenset(("relation", "action", "object", "spatial"))
LEAST_PLAUSIBLE = {kind: -6.0 for kind in DOUBT} | {"quantity": -8.0}
# How much telling words of a kind count beside --balance: an addition or a relation has few words
# to choose from (ours, from blind accuracies on COCO).
TELLING = {
    **{"relation": 1.3, "attribute": 0.7, "action": 0.2, "object": 0.4},
    **{"quantity": 1.3, "spatial": 2.3, "addition": 3.0},
}


# What can be said falsely of a thing that sits, stands or lies: a cup on a table does all three.
OF_THINGS = frozenset(("hang", "fly", "float", "fall"))
PRONOUNS = {
    "male": frozenset(("she", "her", "herself", "hers")),
    "female": frozenset(("he", "his", "him", "himself")),
}
# A verb is said of an image only by its own name: "sit" does not say that anything rests.
_WITH_RELATIVES = frozenset(("n", "a"))


@functools.lru_cache(maxsize=512)  # a caption is held against each of its negatives
def normalized(text: str) -> str:
    """Return a text in lower case with single spaces and no full stop."""
    return " ".join(text.lower().split()).rstrip(" .")


def word_reason(
    old: Word, new: str, context: Context, image_words: Words, *, keeps_peers: bool = True
) -> str | None:
    """Return why another word in the place of one makes no negative, as far as words tell.

    Args:
        old: the word that is replaced.
        new: the word put in its place.
        context: what the words around ask for.
        image_words: lemmas that captions of the image use.
        keeps_peers: whether a noun is put for its own only, as `refill_reason` has it.
    """
    assert old.pos is not None
    lower = new.lower()
    lemma = wordnet.lemma(lower, old.pos)
    reason_of_pair = refill_reason if keeps_peers else pair_reason
    reason = reason_of_pair(old.lemma, lemma, old.pos)
    return reason or place_reason(lower, lemma, old.pos, context, image_words)


def place_reason(
    lower: str, lemma: str, pos: Pos, context: Context, image_words: Words
) -> str | None:
    """Return why a word that contradicts another makes no negative in its place, or None."""
    if said_of_image(lemma, pos, image_words):
        return IN_IMAGE
    return context_reason(context, lower, lemma)


_DOUBLED = re.compile(r"\b(\w+) \1\b")


def doubles_a_word(caption: str, negative: str) -> bool:
    """Whether a negative says a word twice in a row that its caption does not ("a a sign")."""
    doubled = _DOUBLED.search(negative.lower())
    return doubled is not None and doubled.group() not in caption.lower()


# The word against the one that it replaces


@functools.lru_cache(maxsize=1 << 17)
def pair_reason(old: str, new: str, pos: Pos) -> str | None:
    """Return why one lemma in the place of another makes no negative, or None."""
    if old == new:
        return SAME_LEMMA
    if not is_word(new, pos):
        return NO_WORD
    # Our own table of adjectives knows better than WordNet, which takes senses together.
    if pos == "a" and contrary(old, new):
        return None
    relation = wordnet.related(old, new, pos)
    if relation is not None:
        return relation
    return None if contradicts(old, new, pos) else COMPATIBLE


@functools.lru_cache(maxsize=1 << 16)
def refill_reason(old: str, new: str, pos: Pos) -> str | None:
    """Return why one lemma is not put for another, or None.

    Beyond `pair_reason`, nouns keep to their own: whoever swims in a pond swims in no mountain.
    """
    if pos == "n" and not _are_peers(old, new):
        return IMPLAUSIBLE
    return pair_reason(old, new, pos)


def _are_peers(old: str, new: str) -> bool:
    """Whether our table has two nouns on one line, or knows neither of them."""
    peers = alike("peers")
    names = [noun if noun in peers else noun.rpartition(" ")[2] for noun in (old, new)]
    if not any(name in peers for name in names):
        return True
    return names[1] in peers.get(names[0], frozenset())


@functools.lru_cache(maxsize=1 << 16)
def is_word(lemma: str, pos: Pos) -> bool:
    """Whether a dictionary has the word as this part of speech."""
    letters = lemma.replace(" ", "").replace("-", "")
    return len(lemma) > 2 and letters.isalpha() and wordnet.known(lemma, pos)


def contradicts(old: str, new: str, pos: Pos) -> bool:
    """Whether two lemmas that are not related cannot hold of the same thing at once."""
    if pos == "n":
        return _is_other_thing(old, new)
    if pos == "v":
        return contrary(old, new, "verbs")
    # Our own table knows better where it knows both: to WordNet, stone is no gray.
    known = dimensions("attributes")
    if old in known and new in known:
        return contrary(old, new)
    return wordnet.opposite(old, new)


def _is_other_thing(old: str, new: str) -> bool:
    if not grammar.depictable(new):
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


# The word in its place


class Context(NamedTuple):
    """What the words around a word ask of another in its place.

    Attributes:
        countable: it has to take an article.
        mass: it has to stand without one.
        excluded_genders: whom the pronouns of the caption rule out.
        loose: it stands in a loose relation, where common things may be there unsaid.
        lifeless: a verb of posture said of a thing.
    """

    countable: bool = False
    mass: bool = False
    excluded_genders: tuple[str, ...] = ()
    loose: bool = False
    lifeless: bool = False


def context_of(words: Sequence[Word], index: int) -> Context:
    """Return what the place of a word asks for."""
    word = words[index]
    if word.pos != "n":
        return Context(lifeless=word.pos == "v" and grammar.lifeless(words, index))
    before = grammar.determiner(words, index)
    singular = word.tag == "NN"
    pronouns = {other.lower for other in words if other.tag in ("PRP", "PRP$")}
    excluded = [name for name, others in PRONOUNS.items() if not others.isdisjoint(pronouns)]
    return Context(
        countable=singular and before == "a",
        mass=singular and before == "none" and word.lower in word_list("mass"),
        excluded_genders=tuple(excluded),
        loose=grammar.governor(words, index) in grammar.LOOSE,
    )


def context_reason(context: Context, new: str, lemma: str) -> str | None:
    """Return why a word cannot stand in a place, or None."""
    if context.lifeless:
        return None if lemma in OF_THINGS else COMPATIBLE
    mass = new in word_list("mass")
    if context.countable and mass or context.mass and not mass:
        return AGREEMENT
    if gender(lemma) in context.excluded_genders:
        return AGREEMENT
    return COMPATIBLE if context.loose and new in word_list("ubiquitous") else None


@functools.lru_cache(maxsize=1 << 15)
def gender(lemma: str) -> str | None:
    """Return `male` or `female` for nouns that say so."""
    for name, lemmas in zip(PRONOUNS, cells("persons", "sex"), strict=True):
        if lemma in lemmas:
            return name
    return None


# The word beside what captions say of the image


def said_of_image(lemma: str, pos: Pos, image_words: Words) -> bool:
    """Whether captions of the image use a lemma, or a word that may name the same thing."""
    if pos == "n":
        image_words = _naming(image_words)
    if not aliases(lemma, pos).isdisjoint(image_words):
        return True
    return pos in _WITH_RELATIVES and wordnet.related_to_any(lemma, image_words, pos)


@functools.lru_cache(maxsize=512)
def _naming(image_words: Words) -> Words:
    """The words that name a thing; "view" or "front" name none."""
    return image_words - word_list("unpictured")


@functools.lru_cache(maxsize=1 << 16)
def aliases(lemma: str, pos: Pos) -> Words:
    """Return the lemmas that, said of an image, may make `lemma` true of it."""
    head = lemma.rpartition(" ")[2]
    if pos != "n":
        return frozenset((lemma, head))
    same_thing = alike("nouns")
    return same_thing.get(lemma, frozenset()) | same_thing.get(head, frozenset()) | {lemma, head}
