"""What can be told of a caption's grammar from its tags, without a parser."""

from __future__ import annotations

import functools
from collections.abc import Container, Sequence
from typing import Literal

from ahnpl_cli.english import match_case, third_person
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import rating
from ahnpl_cli.negatives.lexicon.noun_sorts import animate, same_sort
from ahnpl_cli.negatives.lexicon.tables import contrary, dimensions, word_list
from ahnpl_cli.negatives.text.words import NOUNS, Word
from ahnpl_cli.records import Edit

Determiner = Literal["a", "the", "number", "none"]
MODIFIERS = ("JJ", "JJR", "JJS", "RB", "VBN", "VBG", "CD", "NN", "NNP", "HYPH", "POS")
NEGATIONS = frozenset(
    ("no", "not", "n't", "without", "never", "neither", "nor", "nobody", "nothing")
)
_AFTER_NOUN = frozenset(("VBG", "IN", "VBN", ".", ",", "TO", "CC"))
_FINITE = ("VBZ", "VBP", "VBD", "MD")
_PLURAL_VERBS = {"is": "are", "has": "have", "was": "were", "does": "do"}
_SINGULAR_VERBS = {"are": "is", "have": "has", "were": "was"}
# Up to these a verb may agree with a noun.
_AGREE_TO = frozenset((",", ".", ";", "that", "which", "who", "while", "as", "and", "where"))
CONCRETE = 3.9  # rating below which a noun names nothing to be seen (ours)
# Words before a noun after which common things may be there unsaid: "a man near a tree".
LOOSE = frozenset(
    ("near", "by", "beside", "with", "and", "behind", "around", "to", "of", "from", "past", "above")
    + ("below", "over", "under", "between", "at", "against", "or", ",")
)
# Prepositions that tell where something is.
PLACES = frozenset(
    ("in", "on", "at", "near", "beside", "under", "behind", "into", "over", "through", "along")
    + ("across", "by", "down", "inside", "outside", "above", "around")
)
POSTURES = frozenset(("sit", "stand", "lie", "lay", "rest", "lean", "perch", "float"))
# Postures that one animal may be said to have at once.
LOW_POSTURES = frozenset(("sit", "lie", "lay", "rest", "sleep", "lounge", "relax", "nap", "perch"))
_CLAUSES = frozenset(
    (".", "!", "?", ";", ":", "while", "but", "because", "which", "who", "whose", "where")
    + ("whereas", "although")
)
_CLAUSE_ENDS = frozenset((",", ".", ";", "but", "and"))
_INSIDE_NOUN_PHRASE = frozenset(["DT", "JJ", "PRP$", "CD", "NN", "NNP", "VBN", "JJR", "JJS", "POS"])
_LISTING = frozenset(("and", ","))
_LISTED = ("DT", "JJ", "PRP$", "CD", "CC", "RB", "NN", "NNS", "NNP", "''", "``")
_BESIDE = frozenset(
    (",", "&", "/", "-", "and", "or", "nor", "with", "near", "nearby", "by", "beside", "besides")
    + ("next", "close", "adjacent", "to", "along", "alongside", "together", "plus", "also", "while")
)
_NEAR = frozenset(("near", "next", "beside", "by", "alongside", "close", "with"))
_STATES = frozenset(
    ("be", "sit", "stand", "lie", "lay", "park", "pose", "rest", "serve", "wait", "walk")
)


def is_noun(word: Word) -> bool:
    """Whether a word names a thing that a picture can show."""
    if word.pos != "n" or word.lower in word_list("unpictured"):
        return False
    return depictable(word.lemma)


@functools.lru_cache(maxsize=1 << 14)
def depictable(lemma: str) -> bool:
    """Whether a noun is concrete enough to be seen; nouns that nobody rated may be."""
    if lemma in word_list("unpictured"):
        return False
    known = rating(lemma)
    if known is None or known >= CONCRETE:
        return True
    return lemma in dimensions("sorts")


def noun_ahead(
    words: Sequence[Word], start: int, passing: Container[str], within: int
) -> int | None:
    """Return the index of the first noun from `start` on, or None.

    Args:
        words: of the caption.
        start: where to begin.
        passing: tags that may stand before the noun.
        within: how many words are looked at.
    """
    end = min(start + within, len(words))
    for index in range(start, end):
        if words[index].tag in NOUNS:
            return index
        if words[index].tag not in passing:
            return None
    return None


def determiner(words: Sequence[Word], index: int) -> Determiner:
    """What stands before a noun and its modifiers."""
    before = words[max(0, index - 5) : index]
    for word in reversed(before):
        if word.lower in ("a", "an", "another", "each", "every", "one"):
            return "a"
        if word.tag == "CD":
            return "number"
        if word.lower in ("some", "any", "much", "enough"):  # "some fruit", but no "some cup"
            return "none"
        if word.tag in ("DT", "PRP$", "PDT", "WP$") or word.lower == "'s":
            return "the"
        if word.tag not in MODIFIERS and word.lower != "and":  # "a man and woman"
            return "none"
    return "none"


def modifiers(words: Sequence[Word], index: int) -> frozenset[str]:
    """The adjectives right before a noun."""
    adjectives = set()
    for word in reversed(words[:index]):
        if word.tag not in ("JJ", "CC", ",", "NN"):
            break
        if word.tag == "NN" and word.pos == "n":
            break
        if word.tag == "JJ":
            adjectives.add(word.lower)
    return frozenset(adjectives)


def in_one_clause(words: Sequence[Word], first: int, second: int) -> bool:
    """Whether nothing between two words ends a sentence or begins a clause of its own."""
    between = words[first + 1 : second]
    return not any(word.lower in _CLAUSES for word in between)


def negated(words: Sequence[Word], index: int) -> bool:
    """Whether a word stands in the scope of a negation, where another word may be true."""
    for word in reversed(words[:index]):
        if word.lower in _CLAUSE_ENDS:
            return False
        if word.lower in NEGATIONS:
            return True
    return False


def lifeless(words: Sequence[Word], index: int) -> bool:
    """Whether a verb of posture is said of a thing, as far as the nouns before it tell."""
    if words[index].lemma not in POSTURES:
        return False
    nouns = (word.lemma for word in words[:index] if word.pos == "n")
    return not any(map(animate, nouns))


def subject(words: Sequence[Word], index: int) -> int | None:
    """Return the noun that a verb is said of, by its place: the nearest one before it."""
    furthest = max(-1, index - 7)
    for place in range(index - 1, furthest, -1):
        word = words[place]
        if word.pos == "n":
            # "a group of people riding": the noun of "of" is the doer as well.
            return place
        if word.tag in ("IN", "CC", ".", ","):
            return None
    return None


def governor(words: Sequence[Word], index: int) -> str:
    """The word before the noun phrase of a noun, such as its preposition or verb."""
    before = words[max(0, index - 6) : index]
    for word in reversed(before):
        if word.tag not in _INSIDE_NOUN_PHRASE:
            return word.lower
    return ""


def symmetric(words: Sequence[Word], first: int, second: int) -> bool:
    """Whether swapping two nouns leaves what is said true.

    It does in a mere listing ("a dog next to a cat", "a cup on the left and a jar on the left"),
    unless the nouns are told apart by contrary adjectives ("a red cup and a blue plate").
    """
    if not _listed(words, first, second) and not _in_one_place(words, first, second):
        return False
    of_second = modifiers(words, second)
    for adjective in modifiers(words, first):
        if any(contrary(adjective, other) for other in of_second):
            return False
    return True


def _listed(words: Sequence[Word], first: int, second: int) -> bool:
    between = words[first + 1 : second]
    near = any(word.lower in _NEAR for word in between)
    for word in between:
        is_state = near and word.lemma in _STATES
        if not is_state and not _beside(word):
            return False
    lowers = [word.lower for word in between]
    if "with" not in lowers:
        return True
    behind_with = lowers[lowers.index("with") :]
    if _LISTING.intersection(behind_with):
        return True
    # "a dog with a cat" lists, "a man with a hat" does not.
    return same_sort(words[first].lemma, words[second].lemma)


def _in_one_place(words: Sequence[Word], first: int, second: int) -> bool:
    """Whether the same words follow both nouns, joined by "and"."""
    lowers = [word.lower for word in words]
    if "and" not in lowers[first + 1 : second]:
        return False
    joint = lowers.index("and", first + 1)
    place = lowers[first + 1 : joint]
    behind = lowers[second + 1 : second + 1 + len(place)]
    return bool(place) and behind == place


def _beside(word: Word) -> bool:
    return word.lower in _BESIDE or word.tag in _LISTED


def verb_agreeing(words: Sequence[Word], noun: int, *, several: bool) -> tuple[Edit, ...] | None:
    """Return the edit that lets the verb behind a noun agree, none without one; None if it cannot.

    Args:
        words: of a caption.
        noun: whose number changes, by its place.
        several: whether it names several from now on, else one.
    """
    if noun + 1 >= len(words):
        return ()
    verb = words[noun + 1]
    if verb.tag not in _FINITE:
        fits = verb.tag in _AFTER_NOUN or verb.tag == "RB"
        is_relative = verb.tag in ("WDT", "WP")
        return () if (fits or is_relative) and not _has_verb(words, noun + 1, several) else None
    if verb.lower.startswith("'") or _goes_on(words, noun + 2):
        return None
    new = (_PLURAL_VERBS if several else _SINGULAR_VERBS).get(verb.lower)
    # "A group of dogs is": the verb may agree with the group already, as it does with one dog.
    if new is None and verb.tag == ("VBZ" if several else "VBP"):
        new = wordnet.lemma(verb.lower, "v") if several else third_person(verb.lower)
    if new is None or new == verb.lower:
        return ()
    return (Edit(verb.start, verb.end, verb.text, match_case(new, verb.text)),)


def _goes_on(words: Sequence[Word], start: int) -> bool:
    """Whether another verb is said of the same subject: "a dog sits and looks"."""
    for before, word in zip(words[start:], words[start + 1 :], strict=False):
        if before.lower in _LISTING and word.tag in ("VBZ", "VBP", "VB"):
            return True
    return False


def _has_verb(words: Sequence[Word], start: int, several: bool) -> bool:
    """Whether a finite verb further on would no longer agree: "a man with a dog is walking"."""
    agreeing, past = ("VBZ", "was") if several else ("VBP", "were")
    # Up to the first verb of a relative clause: "a group of people that are walking".
    is_relative = words[start].tag in ("WDT", "WP")
    for word in words[start + is_relative :]:
        if word.lower in _AGREE_TO:
            return False
        if word.tag == agreeing or word.lower == past:
            return True
    return False
