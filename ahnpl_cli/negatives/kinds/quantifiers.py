"""Quantifiers: where they stand, and what an image's other captions say of how many there are."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from ahnpl_cli.english import match_case, plural
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.noun_sorts import LIVING, sorts_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
BARE = ""  # several without a word for it: "dogs"
MANY = ("several", "many", "numerous", "multiple", "some")
GROUPS = frozenset(("group", "couple", "bunch", "herd", "flock", "crowd", "lot", "row", "pair"))
TWO = ("two", "a couple of", "a pair of")
BEFORE_HEAD = ("JJ", "JJR", "VBN", "NNP", "CC")
_BEFORE_BARE = frozenset(("IN", "TO", "VBG", "VBZ", "VBP"))
# What other captions call two, more or one; behind it the words that may name what is counted.
_BEHIND = r"\b((?: [a-z]+){,5})"
_CALLED_TWO = re.compile(r"\b(?:two|2|couple|pair|both|twins?)" + _BEHIND)
_CALLED_FEW = re.compile(r"\b(?:few|some|several)" + _BEHIND)
_CALLED_MORE = re.compile(
    r"\b(?:several|many|multiple|numerous|lots|group|bunch|crowd|herd|flock|team|three|four|five"
    r"|six|seven|eight|various)" + _BEHIND
)
CALLED_ONE = re.compile(r"\b(one|single|lone|alone|solitary)\b")
# What another caption calls several things without their name.
_SEVERAL_UNNAMED = re.compile(
    r"\b(both|couple|pair|group|crowd|herd|flock|bunch|team|family|others?|another|row|set)\b"
)
_COUNTED = re.compile(r"\b(several|many|some|two|three|four|five|six|\d+|few)\b")
_LETTERS = re.compile("[a-z]+")
_ARE = {"is": "are", "was": "were"}


class Several(NamedTuple):
    """What says that there are several.

    Attributes:
        first: word of the quantifier, or of the noun phrase where there is none.
        last: word of the quantifier; before `first` where there is none.
        noun: that is counted, by its place.
        said: the quantifier in lower case.
    """

    first: int
    last: int
    noun: int
    said: str


def several_at(words: Sequence[Word], index: int) -> Several | None:
    """What says from a word on that there are several of a noun, if anything does."""
    lower = words[index].lower
    following = [word.lower for word in words[index + 1 : index + 3]]
    last = index
    if lower == "a" and following[:1] == ["few"]:
        last = index + 1
    elif lower == "a" and _is_group(words, index + 1):
        last = index + 2
    elif lower == "a" and following[:1] == ["large"] and _is_group(words, index + 2):
        last = index + 3
    elif (lower == "lots" or index == 0 and lower in GROUPS) and following[:1] == ["of"]:
        last = index + 1
    elif lower not in MANY and not 2 <= value_of(lower) <= 10:
        if words[index].tag not in ("NNS", "JJ") or not may_be_bare(words, index):
            return None
        last = index - 1  # nothing but the plural
    noun = grammar.noun_ahead(words, last + 1, BEFORE_HEAD, 4)
    if noun is None or words[noun].tag != "NNS":
        return None
    # "A pair of scissors" is no two.
    is_living = not LIVING.isdisjoint(sorts_of(words[noun].lemma))
    if "pair" in (lower, *following[:1]) and not is_living:
        return None
    # "Shoes stands", "pilots cosmonauts": the noun goes on, or the tags are wrong.
    if noun + 1 < len(words) and words[noun + 1].tag in ("NN", "NNS", "NNP", "POS"):
        return None
    said = " ".join(word.lower for word in words[index : last + 1])
    return Several(index, last, noun, said)


def _is_group(words: Sequence[Word], index: int) -> bool:
    following = [word.lower for word in words[index : index + 2]]
    return following[1:] == ["of"] and following[0] in GROUPS


def may_be_bare(words: Sequence[Word], index: int) -> bool:
    """Whether a noun phrase that begins here may be a plural without a quantifier."""
    if index == 0:
        return True
    before = words[index - 1]
    return before.tag in _BEFORE_BARE and before.lower != "of"


def value_of(text: str) -> int:
    """The number that a word says, 0 if it says none."""
    if text.isdecimal():
        return int(text)
    return NUMBERS.index(text) + 1 if text in NUMBERS else 0


def replace_words(caption: ParsedCaption, first: Word, last: Word, new: str) -> Candidate:
    """Change a quantifier that reaches from one word to another."""
    old = caption.record.caption[first.start : last.end]
    cased = match_case(new, old)
    return Candidate((Change(first, cased, new),), (Edit(first.start, last.end, old, cased),))


def there_are(words: Sequence[Word], index: int, quantifier: str) -> tuple[Edit, ...] | None:
    """Return the edit that lets "there is" agree with a new quantifier; None if it cannot."""
    before = words[index - 1] if index else None
    # "There is a couple of dogs": as captions say.
    if before is None or before.lower not in _ARE or quantifier.startswith("a "):
        return ()
    if index < 2 or words[index - 2].lower != "there":
        return None
    are = match_case(_ARE[before.lower], before.text)
    return (Edit(before.start, before.end, before.text, are),)


# Other captions of the image


def is_said_so(caption: ParsedCaption, noun: Word, number: str) -> bool:
    """Whether another caption of the image says a number of the same things, or may."""
    value = value_of(number)
    if value > 2:
        called = re.compile(rf"\b(?:{NUMBERS[min(value, 10) - 1]}|{value})" + _BEHIND)
    elif number == "a few":
        called = _CALLED_FEW
    else:
        called = _CALLED_TWO if value == 2 or number in TWO else _CALLED_MORE
    own = caption.record.caption.lower()
    for other in caption.image_captions:
        behind = () if other == own else map(str.split, called.findall(other))
        for forms in behind:
            if not forms or any(_is_several_of(form, noun.lemma) for form in forms):
                return True
    return False


def is_said_of_one(caption: ParsedCaption, single: str) -> bool:
    """Whether another caption of the image names one such thing."""
    one = re.compile(rf"\b(a|an|one|the|single)( \w+)? {re.escape(single)}\b")
    own = caption.record.caption.lower()
    others = [other for other in caption.image_captions if other != own]
    return any(one.search(other) or CALLED_ONE.search(other) for other in others)


def may_be_several(caption: ParsedCaption, noun: Word) -> bool:
    """Whether a caption of the image says, or may say, that there are several of a thing."""
    others = _told(caption.image_captions or (caption.record.caption.lower(),))
    # "Two sheep" are told by their number alone.
    is_alike = plural(noun.lower) == noun.lower
    if others.has_unnamed or is_alike and others.has_number:
        return True
    return any(_is_several_of(form, noun.lemma) for form in others.forms)


class _Told(NamedTuple):
    """What captions say of how many: whether several unnamed, whether a number, and all words."""

    has_unnamed: bool
    has_number: bool
    forms: frozenset[str]


@functools.lru_cache(maxsize=512)  # each thing of an image's captions is looked for in all of them
def _told(captions: tuple[str, ...]) -> _Told:
    forms = frozenset(form for caption in captions for form in _LETTERS.findall(caption))
    has_number = any(map(_COUNTED.search, captions))
    return _Told(any(map(_SEVERAL_UNNAMED.search, captions)), has_number, forms)


@functools.lru_cache(maxsize=1 << 17)
def _is_several_of(form: str, lemma: str) -> bool:
    """Whether a word is a plural that may name several of what a noun names."""
    if form in ("people", "men", "women"):
        return validity.is_person(lemma)
    if form[-1:] != "s" and form not in ("children", "geese", "mice"):
        return False
    single = wordnet.lemma(form, "n")
    if single == form or not wordnet.known(form, "n"):
        return False
    if validity.is_person(single) and validity.is_person(lemma):
        return True
    return single in validity.aliases(lemma, "n") or wordnet.related(single, lemma, "n") is not None
