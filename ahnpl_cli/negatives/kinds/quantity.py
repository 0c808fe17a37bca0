"""Negatives by a changed number (`quantity`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.lexicon.concreteness import Weigh
from ahnpl_cli.negatives.lexicon.tables import word_list
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.spelling import match_case, plural, vowel_sound
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NEAR = 3  # a wrong count is at most this far from the right one (ours)
_MANY = ("several", "many", "numerous", "multiple")
_ONE = ("single", "lone", "solitary")
_BEFORE_HEAD = ("JJ", "VBN", "NNP", "CC")


def change_quantity(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh
) -> Iterator[Candidate | Rejected]:
    """A number becomes another one, or none becomes some.

    "three dogs" gives "two dogs", "a single dog" gives "several dogs", "no dog" gives "a dog".
    """
    for index in stream.order(range(len(caption.words))):
        candidate = _at(caption, index, stream)
        if candidate is not None:
            yield candidate


def _at(caption: ParsedCaption, index: int, stream: RandomStream) -> Candidate | None:
    """The change of one word and, where its number changes, of its noun."""
    words = caption.words
    word = words[index]
    before = words[index - 1] if index else None
    head = grammar.noun_ahead(words, index + 1, _BEFORE_HEAD, 4)
    if word.lower == "no" and index + 1 < len(words):
        return _some(caption, word, words[head].tag == "NNS" if head is not None else False)
    if head is None:
        return None
    noun = words[head]
    if noun.tag == "NNS":
        if word.lower in _MANY:
            return _replace(caption, word, word, "two")
        number = _other_number(word.lower, stream) if word.tag == "CD" else None
        return _replace(caption, word, word, number) if number else None
    if word.lower in _ONE and before is not None and before.lower == "a":
        return _pluralize(caption, before, word, "several", noun)
    if word.lower == "one" and _is_without_verb(words, head):
        exact = before is not None and before.lower == "exactly"
        return _pluralize(caption, word, word, "two" if exact else "several", noun)
    return None


def _is_without_verb(words: Sequence[Word], noun: int) -> bool:
    """Whether no finite verb agrees with the noun."""
    return noun + 1 == len(words) or words[noun + 1].tag not in ("VBZ", "VBP", "VBD", "MD")


def _other_number(text: str, stream: RandomStream) -> str | None:
    """A number near the one that a word says, digits for digits; None beyond 2 to 10."""
    digits = text.isdecimal()
    if not digits and text not in NUMBERS:
        return None
    value = int(text) if digits else NUMBERS.index(text) + 1
    if not 2 <= value <= 10:
        return None
    near = range(max(2, value - NEAR), min(10, value + NEAR) + 1)
    chosen = next(stream.order([number for number in near if number != value]))
    return str(chosen) if digits else NUMBERS[chosen - 1]


def _some(caption: ParsedCaption, no: Word, many: bool) -> Candidate:
    """What there was none of is there: "some dogs" or "a dog"."""
    if many:
        return _replace(caption, no, no, "some")
    cased = match_case("a", no.text)
    following = caption.record.caption[no.end :].lstrip()
    article = cased + "n" if vowel_sound(following) else cased
    return Candidate((Change(no, cased, "a"),), (Edit(no.start, no.end, no.text, article),))


def _replace(caption: ParsedCaption, first: Word, last: Word, new: str) -> Candidate:
    """Change a quantifier that reaches from one word to another."""
    old = caption.record.caption[first.start : last.end]
    cased = match_case(new, old)
    return Candidate((Change(first, cased, new),), (Edit(first.start, last.end, old, cased),))


def _pluralize(
    caption: ParsedCaption, first: Word, last: Word, new: str, noun: Word
) -> Candidate | None:
    """Change a quantifier and make its noun a plural; None if the noun has none."""
    if noun.lower in word_list("mass"):
        return None
    quantifier = _replace(caption, first, last, new)
    edit = Edit(noun.start, noun.end, noun.text, plural(noun.text))
    return Candidate(quantifier.changes, (*quantifier.edits, edit))
