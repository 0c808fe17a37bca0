"""Negatives by another number (`quantity`): several for one, one for several, a number near it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.tables import word_list
from ahnpl_cli.negatives.statistics import Corpus
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.spelling import match_case, plural, vowel_sound
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NEAR = 3  # a wrong count is at most this far from the right one (ours)
# Chances, as numbers are said in captions; two is by far the commonest.
_SEVERAL = {"two": 0.55, "three": 0.2, "several": 0.15, "four": 0.06, "many": 0.04}
_NEARER = 0.3  # how much less often a number one further off is drawn
# How often one becomes several, so that captions lose as many numbers as they gain, and neither
# "two" nor "a" tells the negative; measured on COCO (see the manual).
RISE = 0.7
FALL = 0.75  # how often two, three or four become one
_MANY = ("several", "many", "numerous", "multiple")
_ONE = ("single", "lone", "solitary")
_BEFORE_HEAD = ("JJ", "JJR", "VBN", "NNP", "CC")
_BEFORE_NOUN = frozenset(("JJ", "VBN", "VBG", "CC", "NN"))
_AFTER_NOUN = frozenset(("VBG", "IN", "VBN", ".", ",", "TO", "CC"))
_PLURAL_VERBS = {"is": "are", "has": "have", "was": "were", "does": "do", "'s": "are"}
_SINGULAR_VERBS = {"are": "is", "have": "has", "were": "was", "do": "does"}
# Words that would no longer agree, or that say how many in another way.
_BOUND_TO_ONE = re.compile(
    r"\b(its|it|he|she|his|her|him|himself|herself|itself|alone|each|single|another|others?|one)\b"
)
_BOUND_TO_SEVERAL = re.compile(
    r"\b(their|they|them|themselves|each|others?|both|either|together|another|while)\b"
)
_CLAUSE_ENDS = frozenset((",", ".", ";", "that", "which", "who", "while", "as", "and", "where"))
_OTHERS = re.compile(r"\b(others?|another)\b")
_GROUPS = re.compile(
    r"\b(several|many|some|both|couple|group|pair|herd|flock|two|three|four|five|six|\d+|few|row"
    r"|bunch|family|team|others)\b"
)


class _Noun(NamedTuple):
    """A noun and the article or number that it stands behind, by place."""

    first: int
    noun: int


def change_quantity(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """A number becomes another one, one becomes several, several become one, none becomes some.

    "three dogs" gives "two dogs", "a dog is" gives "two dogs are", "no dog" gives "a dog".
    """
    words = caption.words
    rises = stream.uniform() < RISE
    for index in stream.order(range(len(words))):
        if words[index].lower != "no" and grammar.negated(words, index):
            continue
        candidate = _number(caption, index, stream, corpus)
        if candidate is None and rises:
            candidate = _several_of_one(caption, index, stream, corpus)
        if candidate is not None:
            yield candidate


def _number(
    caption: ParsedCaption, index: int, stream: RandomStream, corpus: Corpus
) -> Candidate | None:
    """The change of one quantifier and, where its number changes, of its noun and verb."""
    words = caption.words
    word = words[index]
    before = words[index - 1] if index else None
    head = grammar.noun_ahead(words, index + 1, _BEFORE_HEAD, 4)
    if word.lower == "no":
        return _some(caption, index, head)
    if head is None or head + 1 < len(words) and words[head + 1].lower == "of":
        return None
    noun = words[head]
    if noun.tag == "NNS":
        # Half of the small numbers fall to one, half become another number.
        falls = word.lower in NUMBERS[1:4] and stream.uniform() < FALL
        if falls or word.lower in _MANY:
            alone = _one_of_several(caption, _Noun(index, head))
            if alone is not None:
                return alone
        if word.lower in _MANY:
            return _replace(caption, word, word, "two")
        number = _other_number(word.lower, before, stream) if word.tag == "CD" else None
        return _replace(caption, word, word, number) if number else None
    if word.lower in _ONE and before is not None and before.lower == "a":
        return _pluralize(caption, before, word, "several", head)
    if word.lower == "one" and grammar.is_noun(noun) and _may_be_many(caption, before):
        exact = before is not None and before.lower == "exactly"
        return _pluralize(caption, word, word, "two" if exact else "several", head)
    return None


def _may_be_many(caption: ParsedCaption, before: Word | None) -> bool:
    """Whether "one" tells how many there are: not in "the one", nor beside "the others"."""
    text = caption.record.caption.lower()
    return (before is None or before.lower != "the") and not _OTHERS.search(text)


def _other_number(text: str, before: Word | None, stream: RandomStream) -> str | None:
    """A number near the one that a word says, digits for digits; None beyond 2 to 10."""
    digits = text.isdecimal()
    if not digits and text not in NUMBERS:
        return None
    value = int(text) if digits else NUMBERS.index(text) + 1
    if not 2 <= value <= 10:
        return None
    near = [n for n in range(max(2, value - NEAR), min(10, value + NEAR) + 1) if n != value]
    weights = [_NEARER ** abs(number - value) for number in near]
    # "exactly 0 dogs" is said only where things are counted in digits.
    if digits and before is not None and before.lower == "exactly":
        near, weights = [0, *near], [_NEARER, *weights]
    chosen = next(stream.order(near, weights))
    return str(chosen) if digits else NUMBERS[chosen - 1]


def _some(caption: ParsedCaption, index: int, head: int | None) -> Candidate | None:
    """What there was none of is there: "some dogs" or "a dog"."""
    words = caption.words
    no = words[index]
    following = words[index + 1] if index + 1 < len(words) else no
    if head is None and following.tag != "JJ":
        return None
    if head is not None and not _can_be_some(words[head]):
        return None
    # "A no parking sign", "had no idea": there is no noun that was denied.
    if index and words[index - 1].tag in ("DT", "PRP$", "JJ"):
        return None
    if head is not None and words[head].tag == "NNS":
        return _replace(caption, no, no, "some")
    cased = match_case("a", no.text)
    article = cased + "n" if vowel_sound(following.lower) else cased
    return Candidate((Change(no, cased, "a"),), (Edit(no.start, no.end, no.text, article),))


def _can_be_some(noun: Word) -> bool:
    return grammar.is_noun(noun) and noun.lower not in word_list("mass")


def _replace(caption: ParsedCaption, first: Word, last: Word, new: str) -> Candidate:
    """Change a quantifier that reaches from one word to another."""
    old = caption.record.caption[first.start : last.end]
    cased = match_case(new, old)
    return Candidate((Change(first, cased, new),), (Edit(first.start, last.end, old, cased),))


# One and several, with the verb


def _several_of_one(
    caption: ParsedCaption, index: int, stream: RandomStream, corpus: Corpus
) -> Candidate | None:
    """One becomes several with the verb, where no caption of the image says that there are."""
    words = caption.words
    if words[index].lower not in ("a", "an"):
        return None
    head = _singular(words, index + 1)
    if head is None:
        return None
    noun = words[head]
    many = plural(noun.lower)
    if noun.lower in word_list("mass") or noun.lemma in word_list("groups"):
        return None
    if not corpus.heard("two", many):
        return None
    others = caption.image_captions or (caption.record.caption.lower(),)
    counted = re.compile(rf"\b{re.escape(many)}\b")
    if any(counted.search(other) or _GROUPS.search(other) for other in others):
        return None
    if _BOUND_TO_ONE.search(caption.record.caption.lower()):
        return None
    number = next(stream.order(list(_SEVERAL), list(_SEVERAL.values())))
    return _pluralize(caption, words[index], words[index], number, head)


def _singular(words: Sequence[Word], start: int) -> int | None:
    """The singular noun that a noun phrase ends in, if its number can be changed."""
    head = start
    while head < len(words) and words[head].tag in _BEFORE_NOUN and words[head].pos != "n":
        head += 1
    if head >= len(words) or words[head].tag != "NN" or not grammar.is_noun(words[head]):
        return None
    if head + 1 < len(words) and words[head + 1].lower in ("of", "-", "'s", "and", "or"):
        return None
    return head


def _one_of_several(caption: ParsedCaption, place: _Noun) -> Candidate | None:
    """Several become one, with the verb."""
    words = caption.words
    noun = words[place.noun]
    before = words[place.first - 1] if place.first else None
    if before is not None and before.tag in ("DT", "CD", "PRP$", "RB", "JJ"):
        return None
    if _BOUND_TO_SEVERAL.search(caption.record.caption.lower()):
        return None
    if not grammar.is_noun(noun):
        return None
    single = "person" if noun.lower == "people" else noun.lemma
    if single == noun.lower or single in word_list("mass"):
        return None
    verb = _verb(words, place.noun, _SINGULAR_VERBS)
    if verb is None:
        return None
    following = words[place.first + 1].lower if place.noun > place.first + 1 else single
    article = "an" if vowel_sound(following) else "a"
    candidate = _replace(caption, words[place.first], words[place.first], article)
    new = match_case(single, noun.text)
    edits = (*candidate.edits, Edit(noun.start, noun.end, noun.text, new), *verb)
    return Candidate(candidate.changes, edits, mean_rating(noun.lemma))


def _pluralize(
    caption: ParsedCaption, first: Word, last: Word, new: str, head: int
) -> Candidate | None:
    """Change a quantifier and make its noun and verb plurals; None if they have none."""
    noun = caption.words[head]
    if noun.lower in word_list("mass"):
        return None
    verb = _verb(caption.words, head, _PLURAL_VERBS)
    if verb is None:
        return None
    quantifier = _replace(caption, first, last, new)
    many = match_case(plural(noun.lower), noun.text)
    edit = Edit(noun.start, noun.end, noun.text, many)
    edits = (*quantifier.edits, edit, *verb)
    return Candidate(quantifier.changes, edits, mean_rating(noun.lemma))


def _verb(words: Sequence[Word], noun: int, irregular: dict[str, str]) -> tuple[Edit, ...] | None:
    """The edit that lets the verb behind a noun agree, none without one; None if it cannot."""
    if noun + 1 >= len(words):
        return ()
    verb = words[noun + 1]
    if verb.tag not in ("VBZ", "VBP", "VBD", "MD"):
        fits = verb.tag in _AFTER_NOUN or verb.tag == "RB"
        return () if fits and not _has_verb(words, noun + 1) else None
    new = irregular.get(verb.lower)
    if new is None and verb.tag == "VBZ":
        new = wordnet.lemma(verb.lower, "v")
    elif new is None and verb.tag == "VBP":
        new = _third_person(verb.lower)
    if new is None or verb.tag == "VBD" and verb.lower not in irregular:
        return ()
    return (Edit(verb.start, verb.end, verb.text, match_case(new, verb.text)),)


def _has_verb(words: Sequence[Word], start: int) -> bool:
    """Whether a finite verb further on agrees with a noun: "two people with a dog are walking"."""
    for word in words[start:]:
        if word.lower in _CLAUSE_ENDS:
            return False
        if word.tag in ("VBZ", "VBP") or word.lower in ("was", "were"):
            return True
    return False


def _third_person(verb: str) -> str:
    """A verb in the third person, whose endings are those of plurals."""
    return plural(verb) if verb not in ("be", "have") else {"be": "is", "have": "has"}[verb]
