"""Negatives by another number (`quantity`): several for one, one for several, a number near it.

What falls to one comes out of the same forms ("two dogs", "a group of dogs", "dogs") that one rises
to, and about as often, so that neither "two" nor "a" tells a negative.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ahnpl_cli.english import match_case, plural, vowel_sound
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import sorts_of
from ahnpl_cli.negatives.lexicon.tables import word_list
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NEAR = 3  # a wrong count is at most this far from the right one (ours)
BARE = ""  # several without a word for it: "dogs"
# Chances of what one rises to, about as often as captions of COCO say each where they may fall.
_SEVERAL = {
    **{"two": 0.4, "three": 0.09, "several": 0.08, "some": 0.06, "many": 0.05, "four": 0.03},
    **{"a group of": 0.12, "a couple of": 0.07, BARE: 0.25},
}
_NEARER = 0.3  # how much less often a number one further off is drawn
# How often one may become several, and two, three or four one; measured on COCO (see the manual).
RISE = 0.95
FALL = 0.85
_MANY = ("several", "many", "numerous", "multiple", "some")
_GROUPS = frozenset(("group", "couple", "bunch", "herd", "flock", "crowd", "lot", "row"))
_ONE = ("single", "lone", "solitary")
_COUNTING = frozenset((*NUMBERS, *_MANY, *_ONE, "no", "a", "an", "lots"))
_BEFORE_HEAD = ("JJ", "JJR", "VBN", "NNP", "CC")
_BEFORE_NOUN = frozenset(("JJ", "VBN", "VBG", "CC", "NN"))
_BEFORE_BARE = frozenset(("IN", "TO", "VBG", "VBZ", "VBP"))
# Behind other words one seldom says several where one was: nobody rides two bicycles.
_BEFORE_SEVERAL = frozenset(
    ("with", "near", "has", "by", "to", "behind", "holding", "watching", "eating", "passing")
    + ("between", "and", "carrying", "beside", "past", "around", "at", "feeding", "chasing")
)
# Several persons are anyone, and anyone may be several: "people" are more than "persons" are said.
_PERSONS = {"people": ("person", "man", "woman")}
_MANY_PERSONS = {"person": ("people",), "man": ("men", "people"), "woman": ("women", "people")}
# Words that would no longer agree, or that say how many in another way.
_BOUND_TO_ONE = re.compile(
    r"\b(its|it|he|she|his|her|him|himself|herself|itself|alone|each|single|another|others?|one)\b"
)
_BOUND_TO_SEVERAL = re.compile(
    r"\b(their|they|them|themselves|each|others?|both|either|together|another|while|various"
    r"|different|variety|assorted|scattered|gathered|gather|clustered|surround)\b"
)
_OTHERS = re.compile(r"\b(others?|another)\b")
# What another caption calls several things without their name.
_SEVERAL_UNNAMED = re.compile(
    r"\b(both|couple|pair|group|crowd|herd|flock|bunch|team|family|others?|another|row|set)\b"
)
_LETTERS = re.compile("[a-z]+")
_COUNTED = re.compile(r"\b(several|many|some|two|three|four|five|six|\d+|few)\b")


class _Several(NamedTuple):
    """What says that there are several: a quantifier's first and last word, and the noun."""

    first: int
    last: int
    noun: int


def change_quantity(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """A number becomes another one, one becomes several, several become one, none becomes some.

    "three dogs" gives "two dogs", "a dog is" gives "two dogs are", "no dog" gives "a dog".
    """
    words = caption.words
    rises = stream.uniform() < RISE
    for index in stream.order([index for index in range(len(words)) if _may_count(words, index)]):
        if words[index].lower != "no" and grammar.negated(words, index):
            continue
        candidate = _number(caption, index, stream)
        if candidate is not None:
            yield candidate
        elif rises:
            yield from _several_of_one(caption, index, stream, corpus)


def _may_count(words: Sequence[Word], index: int) -> bool:
    """Whether a word may begin to tell how many there are of something."""
    word = words[index]
    if word.lower in _COUNTING or word.tag == "CD":
        return True
    return word.tag in ("NNS", "JJ") and _may_be_bare(words, index)


def _number(caption: ParsedCaption, index: int, stream: RandomStream) -> Candidate | None:
    """The change of one quantifier and, where its number changes, of its noun and verb."""
    words = caption.words
    word = words[index]
    before = words[index - 1] if index else None
    if word.lower == "no":
        return _some(caption, index, grammar.noun_ahead(words, index + 1, _BEFORE_HEAD, 4))
    several = _several(words, index)
    if several is not None:
        # Half of the small numbers fall to one, half become another number.
        if word.lower not in NUMBERS[1:4] or stream.uniform() < FALL:
            alone = _one_of_several(caption, several, stream)
            if alone is not None:
                return alone
        if word.lower in _MANY and word.lower != "some":
            return _replace(caption, word, word, "two")
    head = grammar.noun_ahead(words, index + 1, _BEFORE_HEAD, 4)
    if head is None or head + 1 < len(words) and words[head + 1].lower == "of":
        return None
    noun = words[head]
    if noun.tag == "NNS":
        number = _other_number(word.lower, before, stream) if word.tag == "CD" else None
        return _replace(caption, word, word, number) if number else None
    if word.lower in _ONE and before is not None and before.lower == "a":
        return _pluralize(caption, before, word, "several", head)
    if word.lower == "one" and grammar.is_noun(noun) and _may_be_many(caption, before):
        exact = before is not None and before.lower == "exactly"
        return _pluralize(caption, word, word, "two" if exact else "several", head)
    return None


def _several(words: Sequence[Word], index: int) -> _Several | None:
    """What says from a word on that there are several of a noun, if anything does."""
    lower = words[index].lower
    last = index
    if lower in ("a", "lots"):
        following = [word.lower for word in words[index + 1 : index + 3]]
        if following[:1] == ["few"]:
            last = index + 1
        elif following[1:] == ["of"] and following[0] in _GROUPS:
            last = index + 2
        elif lower == "lots" and following[:1] == ["of"]:
            last = index + 1
        else:
            return None
    elif lower not in _MANY and lower not in NUMBERS[1:]:
        if words[index].tag not in ("NNS", "JJ") or not _may_be_bare(words, index):
            return None
        last = index - 1  # nothing but the plural
    noun = grammar.noun_ahead(words, last + 1, _BEFORE_HEAD, 4)
    if noun is None or words[noun].tag != "NNS":
        return None
    if noun + 1 < len(words) and words[noun + 1].lower in ("of", "and", ","):
        return None
    return _Several(index, last, noun)


def _may_be_bare(words: Sequence[Word], index: int) -> bool:
    """Whether a noun phrase that begins here may be a plural without a quantifier."""
    if index == 0:
        return True
    before = words[index - 1]
    return before.tag in _BEFORE_BARE and before.lower != "of"


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
    if head is not None and (
        words[head].lower in word_list("mass") or not grammar.is_noun(words[head])
    ):
        return None
    # "A no parking sign", "had no idea": there is no noun that was denied.
    if index and words[index - 1].tag in ("DT", "PRP$", "JJ"):
        return None
    if head is not None and words[head].tag == "NNS":
        return _replace(caption, no, no, "some")
    cased = match_case("a", no.text)
    article = cased + "n" if vowel_sound(following.lower) else cased
    return Candidate((Change(no, cased, "a"),), (Edit(no.start, no.end, no.text, article),))


def _replace(caption: ParsedCaption, first: Word, last: Word, new: str) -> Candidate:
    """Change a quantifier that reaches from one word to another."""
    old = caption.record.caption[first.start : last.end]
    cased = match_case(new, old)
    return Candidate((Change(first, cased, new),), (Edit(first.start, last.end, old, cased),))


# One and several, with the verb


def _several_of_one(
    caption: ParsedCaption, index: int, stream: RandomStream, corpus: Corpus
) -> Iterator[Candidate]:
    """One becomes several with the verb, where no caption of the image says that there are."""
    words = caption.words
    if words[index].lower not in ("a", "an"):
        return
    head = _singular(words, index + 1)
    if head is None or _BOUND_TO_ONE.search(caption.record.caption.lower()):
        return
    noun = words[head]
    is_first = not any(word.pos == "n" for word in words[:index])
    if not is_first and words[index - 1].lower not in _BEFORE_SEVERAL:
        return
    is_plural = noun.lower in word_list("mass") or noun.lemma in word_list("groups")
    if is_plural or _may_be_several(caption, noun):
        return
    for quantifier in stream.order(list(_SEVERAL), list(_SEVERAL.values())):
        many = next(stream.order(_MANY_PERSONS.get(noun.lower, (plural(noun.lower),))))
        if quantifier == BARE:
            before = words[index - 1].lower if index else ""
            is_heard = not corpus.is_small and corpus.follows(before, many) > 1
            if not is_heard or not _may_be_bare(words, index):
                continue
        elif not corpus.heard(quantifier.rpartition(" ")[2], many):
            continue
        candidate = _pluralize(caption, words[index], words[index], quantifier, head, many)
        if candidate is not None:
            yield candidate


def _may_be_several(caption: ParsedCaption, noun: Word) -> bool:
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


def _one_of_several(
    caption: ParsedCaption, several: _Several, stream: RandomStream
) -> Candidate | None:
    """Several become one, with the verb."""
    words = caption.words
    noun = words[several.noun]
    before = words[several.first - 1] if several.first else None
    if before is not None and before.tag in ("DT", "CD", "PRP$", "RB", "JJ", "VBP"):
        return None
    # Who wears glasses wears no glass.
    if noun.lower == "glasses" or noun.lemma in word_list("groups"):
        return None
    if "body" in sorts_of(noun.lemma):
        return None
    if _BOUND_TO_SEVERAL.search(caption.record.caption.lower()) or not grammar.is_noun(noun):
        return None
    single = next(stream.order(_PERSONS.get(noun.lower, (noun.lemma,))))
    if single == noun.lower or single in word_list("mass") or _is_said_of_one(caption, single):
        return None
    verb = grammar.verb_agreeing(words, several.noun, grammar.SINGULAR_VERBS)
    if verb is None:
        return None
    start = several.last + 1
    following = words[start].lower if several.noun > start else single
    article = "an" if vowel_sound(following) else "a"
    edits = _with_one(caption, several, article, single)
    change = Change(words[several.first], edits[0].new, "a")
    return Candidate((change,), (*edits, *verb), mean_rating(noun.lemma))


def _with_one(
    caption: ParsedCaption, several: _Several, article: str, single: str
) -> tuple[Edit, ...]:
    """The edits of quantifier and noun."""
    words = caption.words
    noun = words[several.noun]
    text = match_case(single, noun.text)
    edit = Edit(noun.start, noun.end, noun.text, text)
    if several.last >= several.first:
        return (*_replace(caption, words[several.first], words[several.last], article).edits, edit)
    # A plural without a quantifier gets an article: "Young dogs" gives "A young dog".
    first = words[several.first]
    is_upper = len(first.text) > 1 and first.text.isupper()
    old = first.text if several.noun != several.first else text
    lowered = old if is_upper else old[:1].lower() + old[1:]
    new = f"{match_case(article, first.text)} {lowered}"
    opening = Edit(first.start, first.end, first.text, new)
    return (opening,) if several.noun == several.first else (opening, edit)


def _is_said_of_one(caption: ParsedCaption, single: str) -> bool:
    """Whether another caption of the image names one such thing."""
    one = re.compile(rf"\b(a|an|one|the|single)( \w+)? {re.escape(single)}\b")
    return any(one.search(other) for other in caption.image_captions)


def _pluralize(
    caption: ParsedCaption, first: Word, last: Word, new: str, head: int, many: str | None = None
) -> Candidate | None:
    """Change a quantifier and make its noun and verb plurals; None if they have none."""
    words = caption.words
    noun = words[head]
    if noun.lower in word_list("mass"):
        return None
    verb = grammar.verb_agreeing(words, head, grammar.PLURAL_VERBS)
    if verb is None:
        return None
    many = match_case(many or plural(noun.lower), noun.text)
    edit = Edit(noun.start, noun.end, noun.text, many)
    if new != BARE:
        quantifier = _replace(caption, first, last, new)
        edits = (*quantifier.edits, edit, *verb)
        return Candidate(quantifier.changes, edits, mean_rating(noun.lemma))
    # "A dog" gives "Dogs", "A brown dog" gives "Brown dogs".
    follower = words[words.index(last) + 1]
    text = many if follower is noun else follower.text
    # An article in capitals is one at the beginning: "A dog".
    cased = text[:1].upper() + text[1:] if first.text[0].isupper() else text
    old = caption.record.caption[first.start : follower.end]
    opening = Edit(first.start, follower.end, old, cased)
    edits = (opening, *verb) if follower is noun else (opening, edit, *verb)
    return Candidate((Change(first, cased, many),), edits, mean_rating(noun.lemma))
