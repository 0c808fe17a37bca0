"""Negatives by another number (`quantity`): a number for another, several for one, one for several.

What two are called and what more are called change places about as often as captions say each, so
that neither tells a negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ahnpl_cli.english import match_case, vowel_sound
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.one_and_several import one_of_several, several_of_one
from ahnpl_cli.negatives.kinds.quantifiers import (
    BARE,
    BEFORE_HEAD,
    CALLED_ONE,
    GROUPS,
    MANY,
    NUMBERS,
    Several,
    is_said_so,
    may_be_bare,
    replace_words,
    several_at,
    there_are,
    value_of,
)
from ahnpl_cli.negatives.lexicon.concreteness import Weigh
from ahnpl_cli.negatives.lexicon.noun_sorts import LIVING, sorts_of
from ahnpl_cli.negatives.lexicon.tables import is_color, word_list
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

NEAR = 3  # a wrong count is at most this far from the right one (ours)
# Chances of what stands for two and for more, about as often as captions of COCO say each.
# Two may be called a group, and a couple may be a few: neither stands for the other.
_MORE = {
    **{"several": 0.36, "many": 0.34, "three": 0.12},
    **{"multiple": 0.06, "lots of": 0.06, "a lot of": 0.06},
}
_MANY_MORE = {"many": 0.6, "lots of": 0.2, "a lot of": 0.2}
_TWO = {"two": 1.0}
# Of many it is also false that they are a few, or three.
_FEWER = {"two": 0.7, "a few": 0.2, "three": 0.1}
_NEARER = 0.3  # how much less often a number one further off is drawn
_LARGER = 0.25  # and a larger one than the one that is said
# How often one may become several, a plural that nothing counts is counted, and several become one
# before another number is tried; measured on COCO (see the manual).
RISE = 0.1
COUNT = 0.3
FALL = 0.15
_VERY_MANY = frozenset(("many", "numerous", "lots of", "a lot of", "a crowd of", "crowd of"))
_ONE = ("single", "lone", "solitary")
_COUNTING = frozenset((*NUMBERS, *MANY, *_ONE, "no", "a", "an", "lots"))
# (Whether of people, what they are called) -> what they may be called instead.
_OF_PEOPLE = frozenset(("lots of", "many", "several"))
_MEN_OR_PEOPLE = {
    (True, "men"): {"men": 0.35, "people": 0.65},
    (True, "women"): {"women": 0.35, "people": 0.65},
    (False, "people"): {"people": 0.7, "men": 0.2, "women": 0.1},
}
# Words that say how many in another way.
_BOUND_TO_NUMBER = re.compile(
    r"\b(both|either|neither|(?<!no )one(?! another)|another|(?<!each )others?|second|third"
    r"|half|twins?|former|latter|respectively)\b"
)
# In front of a number, words that hold of others as well, or that ask for just this one.
_LOOSE = frozenset(
    ("least", "most", "than", "nearly", "almost", "about", "over", "under", "approximately")
    + ("between", "every", "other", "another", "up")
)
# Counts that go without saying: a bicycle has two wheels, whatever is said.
_FIXED = frozenset(("wheel", "story", "half", "sleeve", "way", "lane", "level", "tone", "tier"))


def change_quantity(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """A number becomes another one, one becomes several, several become one, none becomes some.

    "three dogs" gives "two dogs" or "one dog", "a dog is" gives "two dogs are", "no dog" "a dog".
    """
    words = caption.words
    rises = stream.uniform() < RISE
    places = [index for index in range(len(words)) if _may_count(words, index)]
    for index in stream.order(places):
        word = words[index]
        if word.lower == "no":
            candidate = _some(caption, index)
            if candidate is not None:
                yield candidate
            continue
        if grammar.negated(words, index):
            continue
        several = several_at(words, index)
        if several is not None:
            yield from _of_several(caption, several, stream, corpus)
            continue
        follower = words[index + 1].lower if index + 1 < len(words) else ""
        is_only = word.lower == "one" or word.lower == "a" and follower in _ONE
        if is_only or rises and word.lower in ("a", "an"):
            last = index + 1 if follower in _ONE else index
            yield from several_of_one(caption, index, last, stream, corpus)


def _may_count(words: Sequence[Word], index: int) -> bool:
    """Whether a word may begin to tell how many there are of something."""
    word = words[index]
    if word.lower in _COUNTING or word.tag == "CD":
        return True
    if index == 0 and word.lower in GROUPS:
        return True
    return word.tag in ("NNS", "JJ") and may_be_bare(words, index)


def _of_several(
    caption: ParsedCaption, several: Several, stream: RandomStream, corpus: Corpus
) -> Iterator[Candidate]:
    """Another number, or one alone, in the place of several."""
    if not _is_counted(caption, several):
        return
    words = caption.words
    before = words[several.first - 1] if several.first else None
    is_bound = before is not None and before.tag in ("DT", "PDT", "PRP$", "JJ", "CD", "RB", "RBR")
    if not is_bound and several.said != BARE and stream.uniform() < FALL:
        alone = one_of_several(caption, several, stream)
        if alone is not None:
            yield alone
    # "A group of people is" becomes "two people are"; other verbs agree already.
    is_group = several.last > several.first
    verb = grammar.verb_agreeing(words, several.noun, several=True) if is_group else ()
    if verb is None:
        return
    numbers = _numbers_near(several.said, before)
    if several.said in ("some", BARE):
        if several.said == BARE and stream.uniform() > COUNT:
            return
        numbers = _numbers_against(caption, words[several.noun])
    for number in stream.order(list(numbers), list(numbers.values())):
        if is_bound and not (_is_number(number) and _is_number(several.said)):
            continue
        noun = words[several.noun].lower
        names = _MEN_OR_PEOPLE.get((number in _OF_PEOPLE, noun), {noun: 1.0})
        many = next(stream.order(list(names), list(names.values())))
        if is_said_so(caption, words[several.noun], number):
            continue
        if not value_of(number) and not corpus.heard(number.rpartition(" ")[2], many):
            continue
        opening = there_are(words, several.first, number)
        if opening is not None:
            counted = _counted_so(caption, several, number, many)
            yield counted._replace(edits=(*opening, *counted.edits, *verb))


def _is_number(text: str) -> bool:
    return text.isdecimal() or value_of(text) > 0


def _is_counted(caption: ParsedCaption, several: Several) -> bool:
    """Whether a number tells how many there are, and nothing else of the caption does."""
    words = caption.words
    noun = words[several.noun]
    before = words[several.first - 1].lower if several.first else ""
    if before in _LOOSE or _BOUND_TO_NUMBER.search(caption.record.caption.lower()):
        return False
    # "Two of the three apples": there are no fewer than two.
    if several.first > 1 and before == "the" and words[several.first - 2].lower == "of":
        return False
    is_measure = noun.lower in word_list("measures")
    if not is_measure and noun.lower != "people" and not grammar.is_noun(noun):
        return False
    sorts = sorts_of(noun.lemma)
    if noun.lemma in _FIXED or "body" in sorts:
        return False
    # "Sheep" stand without an article as well.
    if noun.lower in word_list("mass") and LIVING.isdisjoint(sorts):
        return False
    # "Four elephants, two babies and two adults": they make up the number before.
    if before == "," and any(value_of(word.lower) > 1 for word in words[: several.first]):
        return False
    if is_color(noun.lemma):
        return False
    behind = [word.lower for word in words[several.noun + 1 : several.noun + 3]]
    if behind[:1] == ["of"] and not is_measure:
        return False
    # "Two zebras, a mother and a foal" names them all; so does "the larger".
    if behind[:1] in ([","], [":"], ["-"], ["("]) and behind[1:] != ["and"]:
        return not {"a", "an", "two", "three", "the"}.intersection(behind)
    return not any(word.tag in ("JJR", "JJS") for word in words)


def _numbers_near(said: str, before: Word | None) -> dict[str, float]:
    """What may be said instead of a number or quantifier, and how often."""
    value = value_of(said)
    if value and (said.isdecimal() or value > 2):
        near = range(max(2, value - NEAR), min(10, value + NEAR) + 1)
        weights = {number: _NEARER ** abs(number - value) for number in near if number != value}
        if not said.isdecimal():
            # Captions say the smaller number more often.
            return {
                NUMBERS[number - 1]: weight * (1.0 if number < value else _LARGER)
                for number, weight in weights.items()
            }
        # "exactly 0 dogs" is said only where things are counted in digits.
        if before is not None and before.lower == "exactly":
            weights[0] = _NEARER
        return {str(number): weight for number, weight in weights.items()}
    if value:
        return _MORE
    if said.rpartition(" ")[0] in ("a couple", "a pair", "couple", "pair"):
        return _MANY_MORE
    # Some, and multiple, may be two; a few are neither two nor many.
    if said in ("some", "multiple"):
        return {}
    if said == "a few":
        return {"two": 0.5, "many": 0.5}
    return _FEWER if said in _VERY_MANY else _TWO


def _numbers_against(caption: ParsedCaption, noun: Word) -> dict[str, float]:
    """Numbers of what a caption does not count, or calls some, that another caption denies."""
    are_two = is_said_so(caption, noun, "two")
    if are_two == is_said_so(caption, noun, "several"):
        return {}
    return _MORE if are_two else _TWO


def _counted_so(caption: ParsedCaption, several: Several, number: str, many: str) -> Candidate:
    """Put a number before several, in the place of what says how many they are."""
    words = caption.words
    noun, first = words[several.noun], words[several.first]
    if several.said != BARE:
        candidate = replace_words(caption, first, words[several.last], number)
        if many != noun.lower:
            edit = Edit(noun.start, noun.end, noun.text, match_case(many, noun.text))
            candidate = candidate._replace(edits=(*candidate.edits, edit))
        return candidate
    # "Young dogs" gives "Two young dogs".
    is_upper = len(first.text) > 1 and first.text.isupper()
    lowered = first.text if is_upper else first.text[:1].lower() + first.text[1:]
    cased = match_case(number, first.text)
    edit = Edit(first.start, first.end, first.text, f"{cased} {lowered}")
    return Candidate((Change(first, cased, number),), (edit,))


def _some(caption: ParsedCaption, index: int) -> Candidate | None:
    """What there was none of is there: "some dogs" or "a dog"."""
    words = caption.words
    no = words[index]
    head = grammar.noun_ahead(words, index + 1, BEFORE_HEAD, 4)
    following = words[index + 1] if index + 1 < len(words) else no
    if head is None and following.tag != "JJ" or CALLED_ONE.search(caption.record.caption.lower()):
        return None
    if head is not None and (
        words[head].lower in word_list("mass") or not grammar.is_noun(words[head])
    ):
        return None
    # "A no parking sign", "had no idea": there is no noun that was denied.
    if index and words[index - 1].tag in ("DT", "PRP$", "JJ"):
        return None
    if head is not None and words[head].tag == "NNS":
        return replace_words(caption, no, no, "some")
    cased = match_case("a", no.text)
    article = cased + "n" if vowel_sound(following.lower) else cased
    return Candidate((Change(no, cased, "a"),), (Edit(no.start, no.end, no.text, article),))
