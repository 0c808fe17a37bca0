"""Negatives by something added (`addition`): a thing, or an attribute, that is not there.

A thing goes with the caption's things in other captions, and no caption of the image names it. An
attribute is a rare one that another caption of the image contradicts. Most things take the place of
a detail that is there, with its relation and all (`details`), so that neither the length nor the
words alone tell the negative; `PURE` of captions have something added to what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ahnpl_cli.english import match_case, vowel_sound
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.details import LEAST, details, is_last_said
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import same_sort, sorts_of
from ahnpl_cli.negatives.lexicon.tables import alike, contraries, dimensions, word_list
from ahnpl_cli.negatives.statistics import kind_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

LIKELY = 10  # best things for a place, of which one is drawn
ASSOCIATED = 0.5  # least mean association with the caption's nouns
KNOWN = 40  # absent things that are looked at
TRIED = 3  # of them in one place
PURE = 0.08  # share of captions that become longer: length tells all of these (ours)
RARE = 0.02  # share of a noun's adjectives from which one is too common to be added (ours)
# Dimensions in which nobody would call a thing otherwise: what is small may be large as well.
_SEEN_AT_ONCE = frozenset(("color", "pattern"))
# Sorts of things that are listed, and that a caption names where they are.
_LISTED = frozenset(("animal", "food", "toy", "instrument", "vehicle"))
_WITH = frozenset(("with", "holding", "has", "carrying"))
_LIMITED = re.compile(r"\b(no|not|without|only|alone|nothing|empty|just|single|bare|lone)\b|n't")
_ARTICLES = frozenset(("a", "an", "the", "some", "two", "three", "his", "her", "their", "its"))


class _Place(NamedTuple):
    """Where something may be added.

    Attributes:
        form: `listed` behind "and", `exchanged` within a list, or `instead` of a relation and its
            noun.
        start: first character of what is replaced.
        end: one past its last.
        beside: number of the noun that the new one stands behind, or for.
    """

    form: str
    start: int
    end: int
    beside: int


def add_detail(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """Something is said to be there as well, or to be of some kind, that is not."""
    text = caption.record.caption
    if _LIMITED.search(text.lower()):
        yield Rejected("negated")
        return
    is_pure = stream.uniform() < PURE
    attributes = list(_attributes(caption, corpus)) if is_pure else []
    things = list(_things(caption, stream, corpus, is_pure=is_pure))
    # Attributes are sure to be false, and rarer.
    first, second = (attributes, things) if stream.uniform() < 0.5 else (things, attributes)
    yield from first
    yield from second


# Things


def _things(
    caption: ParsedCaption, stream: RandomStream, corpus: Corpus, *, is_pure: bool
) -> Iterator[Candidate]:
    words = caption.words
    nouns = [index for index, word in enumerate(words) if grammar.is_noun(word)]
    if not nouns:
        return
    exchanges = list(_exchanges(caption, nouns))
    if is_pure:
        yield from _added_things(caption, [*_ends(caption, nouns), *exchanges], stream, corpus)
    else:
        yield from _told_instead(caption, nouns, stream, corpus)
        yield from _added_things(caption, exchanges, stream, corpus)


def _added_things(
    caption: ParsedCaption, places: Sequence[_Place], stream: RandomStream, corpus: Corpus
) -> Iterator[Candidate]:
    """Things that go with those of the caption, in some places."""
    if not places:
        return
    words = caption.words
    for place in stream.order(places):
        beside = words[place.beside].lemma
        kept = caption.nouns_but(place.beside if place.form == "exchanged" else -1)
        absent = list(islice(_absent(caption, kept, corpus), KNOWN)) if kept else []
        fitting = [thing for thing in absent if _fits(thing, beside)][:LIKELY]
        # Drawn by how common they are, so that rare things do not tell a negative.
        weights = [corpus.statistics.seen[thing] for thing in fitting]
        for thing in islice(stream.order(fitting, weights), TRIED):
            yield _added(caption, place, thing)


def _told_instead(
    caption: ParsedCaption, nouns: Sequence[int], stream: RandomStream, corpus: Corpus
) -> Iterator[Candidate]:
    """What something is to a thing becomes what it is to another."""
    words = caption.words
    for relation, text, thing in details(caption, nouns, stream, corpus):
        start, end = words[relation.first].start, words[relation.object].end
        # "On the beach" gives "on the street": else "the" would be lost only.
        article = "the" if words[relation.last + 1].lower == "the" else None
        yield _added(caption, _Place("instead", start, end, relation.object), thing, text, article)


def _absent(caption: ParsedCaption, nouns: Sequence[str], corpus: Corpus) -> Iterator[str]:
    """Things that no caption of the image names, those that go with its nouns best first."""
    is_usual = corpus.usual(nouns)
    for thing, associated in corpus.companions(nouns, LEAST):
        if associated < ASSOCIATED:
            return
        if is_usual(thing) or not corpus.belongs(thing, nouns):
            continue
        if not validity.said_of_image(thing, "n", caption.image_words):
            yield thing


def _fits(thing: str, beside: str) -> bool:
    """Whether a thing can be listed with a noun, or in its place."""
    if thing in alike("nouns").get(beside, ()) or wordnet.related(thing, beside, "n") is not None:
        return False
    if thing in word_list("mass") or sorts_of(thing).isdisjoint(_LISTED):
        return False
    return same_sort(thing, beside) and kind_of(thing) == kind_of(beside)


def _ends(caption: ParsedCaption, nouns: Sequence[int]) -> Iterator[_Place]:
    """Behind the last noun."""
    words = caption.words
    last = _last_word(caption)
    if last is None or last not in nouns or words[last].tag not in ("NN", "NNS"):
        return
    governor = grammar.governor(words, last)
    end = words[last].end
    lowers = [word.lower for word in words]
    if governor in _WITH and "and" not in lowers[-6:]:
        yield _Place("listed", end, end, last)


def _exchanges(caption: ParsedCaption, nouns: Sequence[int]) -> Iterator[_Place]:
    """Things in lists and behind "with": "a dog and a cat" may give "a dog and a horse"."""
    words = caption.words
    for place in nouns:
        start = place - 1
        while start > 0 and words[start].tag in ("JJ", "NN") and words[start].lower != "and":
            start -= 1
        if start < 2 or words[start].lower not in ("a", "an") or words[place].tag != "NN":
            continue
        if not is_last_said(words, place):
            continue
        before = words[start - 1].lower
        # A bicycle with a cart may be said, and none with a bus.
        is_had = before == "with" and "vehicle" not in sorts_of(words[place].lemma)
        if is_had or before in ("and", ",") and words[start - 2].pos == "n":
            yield _Place("exchanged", words[start].start, words[place].end, place)


def _last_word(caption: ParsedCaption) -> int | None:
    if not caption.is_whole:
        return None
    for index in range(len(caption.words) - 1, -1, -1):
        if caption.words[index].lower not in (".", "!"):
            return index
    return None


def _added(
    caption: ParsedCaption,
    place: _Place,
    thing: str,
    relation: str = "",
    article: str | None = None,
) -> Candidate:
    named = f"{article or ('an' if vowel_sound(thing) else 'a')} {thing}"
    word = caption.words[place.beside]
    start, old = place.start, caption.record.caption[place.start : place.end]
    new = {"listed": f" and {named}", "exchanged": named}.get(place.form, f"{relation} {named}")
    if not old:
        # Edits replace words: an insertion is written as the word before it and more.
        start, old, new = word.start, word.text, f"{word.text} {new.strip()}"
    change = Change(word, new, thing)
    edit = Edit(start, place.end, old, new)
    return Candidate((change,), (edit,), mean_rating(thing), filler="corpus", added=thing)


# Attributes


def _attributes(caption: ParsedCaption, corpus: Corpus) -> Iterator[Candidate]:
    """Adjectives contrary to what another caption of the image says of the same noun."""
    words = caption.words
    for index, word in enumerate(words):
        if not grammar.is_noun(word) or index == 0 or grammar.negated(words, index):
            continue
        before = words[index - 1]
        if before.lower in _ARTICLES:
            adjective = _false_attribute(caption, word, corpus)
            if adjective is not None:
                yield _described(caption, before, word, adjective)


def _false_attribute(caption: ParsedCaption, noun: Word, corpus: Corpus) -> str | None:
    """An adjective, rare of a noun, that is contrary to what is said of it in this image."""
    said = _said(caption, noun)
    if not said:
        return None
    described = corpus.descriptions(noun.lemma)
    # What is often said of such a thing may be true of it for all that a reader knows.
    best, most, limit = None, 1, RARE * sum(described.values())
    for adjective, times in sorted(described.items()):
        if not most < times <= limit or adjective in word_list("weak_adjectives"):
            continue
        if _SEEN_AT_ONCE.isdisjoint(dimensions("attributes").get(adjective, ())):
            continue
        against = contraries("attributes").get(adjective, frozenset())
        if adjective in caption.image_words or adjective in said or against.isdisjoint(said):
            continue
        best, most = adjective, times
    return best


def _said(caption: ParsedCaption, noun: Word) -> set[str]:
    """Words right before a noun in the captions of its image that the table of attributes has."""
    before = re.compile(rf"\b([a-z]+) {re.escape(noun.lower)}\b")
    listed = dimensions("attributes")
    return {
        word for other in caption.image_captions for word in before.findall(other) if word in listed
    }


def _described(caption: ParsedCaption, before: Word, noun: Word, adjective: str) -> Candidate:
    new = f"{adjective} {noun.text}"
    edits = [Edit(noun.start, noun.end, noun.text, new)]
    article = "an" if vowel_sound(adjective) else "a"
    if before.lower in ("a", "an") and before.lower != article:
        edits.insert(
            0, Edit(before.start, before.end, before.text, match_case(article, before.text))
        )
    change = Change(noun, new, adjective)
    return Candidate((change,), tuple(edits), mean_rating(adjective), filler="corpus")
