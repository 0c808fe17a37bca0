"""Noun phrases, and which words relate which nouns: "riding" in "a man riding a horse".

Both from the tags of a caption, without a parser.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

from ahnpl_cli.negatives.lexicon.noun_sorts import sorts_of
from ahnpl_cli.negatives.lexicon.tables import alike, contrary, dimensions, word_list
from ahnpl_cli.negatives.lexicon.wordnet import lemma
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import NOUNS, VERBS, Word

_INSIDE = frozenset(("DT", "PRP$", "CD", "JJ", "JJR", "JJS", "NN", "NNS", "NNP", "NNPS"))
_OPENS = ("DT", "PRP$")
LONGEST = 5  # words of a relation, as in "is standing in front of"
FINITE = ("VBZ", "VBP", "VBD")
# A relation that follows its noun without a finite verb: "sitting on", "parked by", "under". Any
# may stand for another, also behind "is".
REDUCED = "reduced"
_PHRASE_TAGS = frozenset(["DT", "JJ", "JJR", "JJS", "PRP$", "CD", "NN", "NNP", "HYPH"])
_RELATION_TAGS = frozenset([*VERBS, "IN", "TO", "RP", "RB"])
_AUXILIARIES = frozenset(("is", "are", "was", "were", "'s", "being", "be"))
_PRONOUNS = frozenset(("that", "who", "which"))
_INSIDE_PHRASES = frozenset(("front", "top", "next", "close"))
_VAGUE = frozenset(
    ("of", "with", "for", "from", "as", "like", "during", "at", "about", "than", "that", "because")
    + ("while", "after", "before", "without", "if", "until", "since", "so", "to")
)
# Relations that say that something is beside a thing, or below it.
BESIDE = frozenset(
    ("next to", "near", "close to", "beside", "alongside", "in front of", "behind", "by", "around")
)
BELOW = frozenset(("under", "underneath", "beneath", "below"))
# Relations that say where something is; with a verb they do if it says how it is there.
_WHERE = BESIDE | BELOW | {"on", "on top of", "atop", "in", "inside", "inside of", "above", "over"}
# Who leans on a thing is next to it.
_BEING_THERE = grammar.POSTURES - {"lean"} | {"ride", "park", "drive", "sleep", "place", "set"}
# What is in a thing that closes around it is beside it no more; in grass and leaves it is both.
_CLOSED = frozenset(("vehicle", "building"))
# Words behind a thing that tell more of what is done to it: "a bike and a car", "along a river".
GOES_ON = frozenset(("for", "to", "into", "onto", "off", "out", "and", "or", "against", "from"))
ALONG = frozenset(("along", "down", "up", "through", "across", "over", "past", "towards", "toward"))
_PERCHES = frozenset(("branch", "twig", "wire", "log", "perch", "feeder"))
THING = "thing"  # a kind of noun
# Sorts of what others are on, and verbs of who moves a thing without being on it.
CARRIES = frozenset(("vehicle", "board", "animal"))
HELD = frozenset(("hold", "carry", "push", "pull", "drag"))


class Relation(NamedTuple):
    """A relation between two nouns of a caption; all are numbers of words.

    Attributes:
        head: the noun that stands in the relation.
        first: first word of the relation, "is" and "are" left out.
        last: its last word.
        object: the noun that it is to.
        form: `REDUCED`, or the tag of its finite verb.
    """

    head: int
    first: int
    last: int
    object: int
    form: str


class RelationWords(NamedTuple):
    """What a relation says: its verb's base form and its preposition; None without."""

    verb: str | None
    preposition: str | None


def relations_of(words: Sequence[Word]) -> list[Relation]:
    """Return the relations of a caption: noun, relating words, noun, and nothing else between."""
    relations = []
    for index, word in enumerate(words):
        if word.pos == "n":
            relation = _relation_to(words, index)
            if relation is not None:
                relations.append(relation)
    return relations


def text_of(words: Sequence[Word], relation: Relation) -> str:
    """Return the words of a relation, in lower case."""
    return " ".join(word.lower for word in words[relation.first : relation.last + 1])


def _relation_to(words: Sequence[Word], noun: int) -> Relation | None:
    """The relation that a noun is the object of."""
    last = noun - 1
    while last >= 0 and words[last].tag in _PHRASE_TAGS and not _is_inside(words, last):
        last -= 1
    first = last
    while first >= 0 and last - first < LONGEST:
        if words[first].tag not in _RELATION_TAGS and not _is_inside(words, first):
            break
        first -= 1
    head = first
    first += 1
    # "A dog that is under a bench": the dog is.
    if head > 0 and words[head].lower in _PRONOUNS:
        head -= 1
    if head < 0 or first > last or words[head].pos != "n":
        return None
    while first <= last:
        word = words[first]
        is_left_out = word.lower in _AUXILIARIES or word.tag == "RB"
        if not is_left_out or word.lower in ("next", "close", "not", "n't"):
            break
        first += 1
    if first > last or not _is_one_relation(words[first : last + 1]):
        return None
    form = words[first].tag if words[first].tag in FINITE else REDUCED
    return Relation(head, first, last, noun, form)


def _is_inside(words: Sequence[Word], index: int) -> bool:
    """Whether a word is the middle of "in front of", "on top of", "next to"."""
    if words[index].lower not in _INSIDE_PHRASES or index + 1 >= len(words):
        return False
    return words[index + 1].lower in ("of", "to")


def _is_one_relation(words: Sequence[Word]) -> bool:
    """Whether words are a verb, a preposition, or both, and say something that can be seen."""
    if any(word.tag in VERBS for word in words[1:]):
        return False
    last = words[-1].lower
    if last in _VAGUE and last not in ("of", "to"):
        return False
    # Only a phrase of the table may end in a word that says nothing alone.
    if last in ("of", "to", "for", "with") and preposition_of(words) is None:
        return False
    return words[0].tag in VERBS or preposition_of(words) is not None


def preposition_of(words: Sequence[Word]) -> str | None:
    """Return the preposition that a relation ends with, if the table of relations has it."""
    return _listed_ending(tuple(word.lower for word in words))


@functools.lru_cache(maxsize=1 << 14)
def _listed_ending(lowers: tuple[str, ...]) -> str | None:
    listed = dimensions("relations")
    for start in range(max(0, len(lowers) - 3), len(lowers)):
        ending = " ".join(lowers[start:])
        if ending in listed and (start or not ending.endswith("ing")):
            return ending
    return None


@functools.lru_cache(maxsize=1 << 15)
def read_relation(text: str) -> RelationWords:
    """Return verb and preposition of a relation written out, such as "sitting on"."""
    lowers = tuple(text.split())
    preposition = _listed_ending(lowers)
    length = len(preposition.split()) if preposition else 0
    if len(lowers) == length:
        return RelationWords(None, preposition)
    behind = preposition or " ".join(lowers[1:])
    return RelationWords(lemma(lowers[0], "v"), behind or None)


@functools.lru_cache(maxsize=1 << 16)
def excludes(old: str, new: str, head_kind: str) -> bool:
    """Whether two relations cannot hold at once between the same two things.

    Args:
        old: one, as written.
        new: the other.
        head_kind: `person`, `animal` or `thing`: a thing that stands somewhere also sits there.
    """
    first, second = read_relation(old), read_relation(new)
    if _at_once(first, second):
        return False
    for one in _keys(first):
        for other in _keys(second):
            if contrary(one, other, "relations"):
                return True
    if first.verb is None or second.verb is None or first.verb == second.verb:
        return False
    return verbs_exclude(first.verb, second.verb, head_kind)


def _at_once(first: RelationWords, second: RelationWords) -> bool:
    """Whether what is done to a thing, or beside it, may be done together."""
    one = first.verb or first.preposition
    other = second.verb or second.preposition
    if one == other or one is None or other is None:
        return False
    # Where a verb says no more than a place, the places tell.
    are_places = first.preposition != second.preposition and {one, other} <= grammar.POSTURES
    return not are_places and other in alike("at_once").get(one, ())


def _keys(relation: RelationWords) -> tuple[str, ...]:
    """What the table of relations may know a relation by: a preposition, or a verb without one."""
    if relation.preposition is not None:
        return (relation.preposition,)
    return (relation.verb,) if relation.verb else ()


def places_exclude(old: str, new: str, target: str) -> bool:
    """Whether two relations contradict each other as far as they say where something is.

    Who holds, eats or pulls a thing is near it, and what is in grass is near grass. A thing is on
    another or beside it only where things are put on such, and in it only where it is closed.
    """
    words = read_relation(old), read_relation(new)
    # A bird on a branch is said to sit, to stand and to perch.
    if target in _PERCHES and {read.verb for read in words} <= grammar.POSTURES:
        return False
    places = {read.preposition for read in words}
    if len(places) == 1:
        return True
    are_where = [_is_where(read) for read in words]
    if not any(are_where):
        return BESIDE.isdisjoint(places)
    if not all(are_where):
        return _may_be_held(words, target)
    sorts = sorts_of(target)
    if places <= BESIDE:
        return True
    if not places.isdisjoint(("in", "inside", "inside of")):
        is_closed = target in word_list("containers") or not sorts.isdisjoint(_CLOSED)
        return is_closed or target == "tree" and not places.isdisjoint(BELOW)
    is_surface = target in word_list("surfaces") or not sorts.isdisjoint(CARRIES)
    return is_surface or places <= BESIDE | BELOW


def is_plain(text: str) -> bool:
    """Whether a relation is a verb and a preposition, either alone, and nothing more."""
    verb, preposition = read_relation(text)
    words = (preposition or "").split()
    return len(text.split()) == len(words) + (verb is not None)


def _is_where(relation: RelationWords) -> bool:
    """Whether a relation says no more than where something is, and how it is there."""
    if relation.preposition is None:
        return relation.verb == "ride"
    return relation.preposition in _WHERE and relation.verb in {None, *_BEING_THERE}


def _may_be_held(words: tuple[RelationWords, RelationWords], target: str) -> bool:
    """Whether one holds what the other is on: a board, but no table."""
    places = {read.preposition for read in words} - {None}
    is_held = any(read.verb in HELD for read in words)
    return is_held and places <= {"on"} and not sorts_of(target).isdisjoint(CARRIES)


def verbs_exclude(first: str, second: str, head_kind: str) -> bool:
    """Whether two verbs cannot be said of the same thing at once."""
    postures = {first, second} & grammar.POSTURES
    if head_kind == "thing" and postures:
        return False
    # An animal that lies also sits or rests, as people use the words.
    if head_kind == "animal" and {first, second} <= grammar.LOW_POSTURES:
        return False
    return contrary(first, second, "verbs")


# Noun phrases


class NounPhrase(NamedTuple):
    """A noun with what stands before it: its first and last word, and its head."""

    first: int
    last: int
    head: int


def noun_phrases(words: Sequence[Word]) -> list[NounPhrase]:
    """Return the noun phrases of a caption in order; "a slice of pizza" is one."""
    phrases: list[NounPhrase] = []
    index = 0
    while index < len(words):
        if words[index].tag not in _INSIDE:
            index += 1
            continue
        end = index + 1
        # A second article begins another phrase.
        while end < len(words) and words[end].tag in _INSIDE:
            if words[end].tag in _OPENS:
                break
            end += 1
        nouns = [place for place in range(index, end) if words[place].tag in NOUNS]
        if nouns:
            head = nouns[-1]
            phrases.append(NounPhrase(index, head, head))
        index = end
    return _measures_joined(words, phrases)


def _measures_joined(words: Sequence[Word], phrases: list[NounPhrase]) -> list[NounPhrase]:
    """Phrases with "a slice" and "pizza" made one where "of" stands between them."""
    joined: list[NounPhrase] = []
    for phrase in phrases:
        before = joined[-1] if joined else None
        if before is not None and before.last + 2 == phrase.first:
            is_measure = words[before.head].lower in word_list("measures")
            if is_measure and words[before.last + 1].lower == "of":
                joined[-1] = NounPhrase(before.first, phrase.last, phrase.head)
                continue
        joined.append(phrase)
    return joined
