"""Negatives by something added (`addition`): a thing, or an attribute, that is not there.

A thing goes with the caption's things in other captions, and no caption of the image names it. It
is added to a list or behind the last noun or, as often, put in the place of a detail, so that the
length tells nothing. An attribute is added only where another caption of the image says the
contrary of the same noun.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import animate, same_sort, sorts_of
from ahnpl_cli.negatives.lexicon.tables import alike, contraries, dimensions, word_list
from ahnpl_cli.negatives.statistics import Corpus, group_of, kind_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import REDUCED, read_relation, relations_of
from ahnpl_cli.negatives.text.spelling import match_case, vowel_sound
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

LEAST = 12  # images that must show a thing
LIKELY = 10  # best things for a place, of which one is drawn
ASSOCIATED = 0.5  # least mean association with the caption's nouns
KNOWN = 40  # absent things that are looked at
SHARE = 0.05  # of what is said between such nouns below which a relation is odd (ours)
NEAR = "next to"  # where captions do not say how something is to a thing
TRIED = 2  # of them in one place
# Things of these sorts are places, or parts of others, and stand beside nothing.
_NO_THINGS = frozenset(
    ("sport", "meal", "room", "outdoors", "way", "building", "window", "shape", "body", "clothing")
)
_WITH = frozenset(("with", "holding", "has", "carrying"))
# Relations that would place something inside what is added.
_INSIDE = frozenset(("in", "inside", "inside of", "into", "out of", "through", "of"))
_LIMITED = re.compile(r"\b(no|not|without|only|alone|nothing|empty|just|single|bare|lone)\b|n't")
_ARTICLES = frozenset(("a", "an", "the", "some", "two", "three", "his", "her", "their", "its"))


class _Place(NamedTuple):
    """Where something may be added.

    Attributes:
        form: `listed` behind "and", `exchanged` within a list, `beside` the last noun, or `instead`
            of the last phrase.
        start: first character of what is replaced.
        end: one past its last.
        beside: number of the noun next to which the new one will stand.
        head: number of the noun that a relation to the new one is said of.
    """

    form: str
    start: int
    end: int
    beside: int
    head: int


def add_detail(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """Something is said to be there as well, or to be of some kind, that is not."""
    text = caption.record.caption
    if _LIMITED.search(text.lower()):
        yield Rejected("negated")
        return
    attributes = list(_attributes(caption, corpus))
    things = list(_things(caption, stream, corpus))
    # Attributes are sure to be false, and rarer.
    first, second = (attributes, things) if stream.uniform() < 0.5 else (things, attributes)
    yield from first
    yield from second


# Things


def _things(caption: ParsedCaption, stream: RandomStream, corpus: Corpus) -> Iterator[Candidate]:
    words = caption.words
    nouns = [index for index, word in enumerate(words) if grammar.is_noun(word)]
    if not nouns:
        return
    places = [*_exchanges(caption, nouns), *_ends(caption, nouns)]
    if not places:
        return
    absent = list(islice(_absent(caption, [words[i].lemma for i in nouns], corpus), KNOWN))
    for place in stream.order(places):
        beside = words[place.beside].lemma
        fitting = [thing for thing in absent if _fits(thing, beside, place.form)][:LIKELY]
        # Drawn by how common they are, so that rare things do not tell a negative.
        weights = [corpus.statistics.seen[thing] for thing in fitting]
        for thing in islice(stream.order(fitting, weights), TRIED):
            relation = _relation(caption, place, thing, stream, corpus)
            yield _added(caption, place, thing, relation)


def _absent(caption: ParsedCaption, nouns: Sequence[str], corpus: Corpus) -> Iterator[str]:
    """Things that no caption of the image names, those that go with its nouns best first."""
    for thing, associated in corpus.companions(nouns, LEAST):
        if associated < ASSOCIATED:
            return
        if not _may_be_added(thing) or not corpus.belongs(thing, nouns):
            continue
        if not validity.said_of_image(thing, "n", caption.image_words):
            yield thing


def _may_be_added(thing: str) -> bool:
    is_named = thing in dimensions("sorts") or kind_of(thing) != "thing"
    if not is_named or thing in word_list("ubiquitous"):
        return False
    if thing in word_list("mass") or thing in word_list("unpictured"):
        return False
    return sorts_of(thing).isdisjoint(_NO_THINGS)


def _fits(thing: str, beside: str, kind: str) -> bool:
    """Whether a thing can stand beside a noun in this form."""
    if thing in alike("nouns").get(beside, ()) or wordnet.related(thing, beside, "n") is not None:
        return False
    if kind in ("listed", "exchanged"):
        return same_sort(thing, beside) and kind_of(thing) == kind_of(beside)
    # What is beside a thing is no part of it and nothing that wears it.
    return not animate(thing) or animate(beside)


def _ends(caption: ParsedCaption, nouns: Sequence[int]) -> Iterator[_Place]:
    """Behind the last noun, or instead of the phrase of place that it ends."""
    words = caption.words
    last = _last_word(caption)
    if last is None or last not in nouns or words[last].tag not in ("NN", "NNS"):
        return
    governor = grammar.governor(words, last)
    end = words[last].end
    lowers = [word.lower for word in words]
    if governor in _WITH and "and" not in lowers[-6:]:
        yield _Place("listed", end, end, last, last)
    elif governor in grammar.PLACES:
        yield _Place("beside", end, end, last, last)
    relations = relations_of(words)
    if relations and relations[-1].object == last and relations[-1].form == REDUCED:
        # Instead of where it is: "sitting on a beach" gives "holding a surfboard".
        first, head = relations[-1].first, relations[-1].head
        if words[first - 1].pos == "n":
            yield _Place("instead", words[first].start, end, last, head)


def _exchanges(caption: ParsedCaption, nouns: Sequence[int]) -> Iterator[_Place]:
    """Second nouns of lists: "a dog and a cat" may give "a dog and a horse"."""
    words = caption.words
    for place in nouns:
        start = place - 1
        while start > 0 and words[start].tag in ("JJ", "NN") and words[start].lower != "and":
            start -= 1
        if start < 2 or words[start].lower not in ("a", "an") or words[start - 1].lower != "and":
            continue
        if words[start - 2].pos == "n" and words[place].tag == "NN":
            yield _Place("exchanged", words[start].start, words[place].end, place, place)


def _last_word(caption: ParsedCaption) -> int | None:
    if not caption.is_whole:
        return None
    for index in range(len(caption.words) - 1, -1, -1):
        if caption.words[index].lower not in (".", "!"):
            return index
    return None


def _added(caption: ParsedCaption, place: _Place, thing: str, relation: str) -> Candidate:
    named = ("an " if vowel_sound(thing) else "a ") + thing
    word = caption.words[place.beside]
    start, old = place.start, caption.record.caption[place.start : place.end]
    new = {"listed": f" and {named}", "exchanged": named}.get(place.form, f"{relation} {named}")
    if not old:
        # Edits replace words: an insertion is written as the word before it and more.
        start, old, new = word.start, word.text, f"{word.text} {new.strip()}"
    change = Change(word, new, thing)
    edit = Edit(start, place.end, old, new)
    return Candidate((change,), (edit,), mean_rating(thing), filler="corpus", added=thing)


def _relation(
    caption: ParsedCaption, place: _Place, thing: str, stream: RandomStream, corpus: Corpus
) -> str:
    """How captions say that a thing like the one beside it is to what is added."""
    if place.form not in ("beside", "instead"):
        return ""
    head = caption.words[place.head]
    said = corpus.relations(f"*{group_of(head.lemma)}", thing)
    least = max(2.0, SHARE * sum(said.values()))
    weights = {}
    for relation, times in sorted(said.items()):
        form, _, text = relation.partition("|")
        words = read_relation(text)
        # Only who lives does anything.
        does = words.verb is not None and kind_of(head.lemma) == "thing"
        if form == REDUCED and times >= least and not does and words.preposition not in _INSIDE:
            weights[text] = times
    return next(stream.order(list(weights), list(weights.values())), NEAR)


# Attributes


def _attributes(caption: ParsedCaption, corpus: Corpus) -> Iterator[Candidate]:
    """Adjectives contrary to what another caption of the image says of the same noun."""
    words = caption.words
    for index, word in enumerate(words):
        if not grammar.is_noun(word) or index == 0 or grammar.modifiers(words, index):
            continue
        before = words[index - 1]
        if before.lower not in _ARTICLES or grammar.negated(words, index):
            continue
        adjective = _false_attribute(caption, word, corpus)
        if adjective is not None:
            yield _described(caption, before, word, adjective)


def _false_attribute(caption: ParsedCaption, noun: Word, corpus: Corpus) -> str | None:
    """The commonest adjective of a noun that is contrary to what is said of it in this image."""
    said = _said(caption, noun)
    if not said:
        return None
    best, most = None, 1
    for adjective, times in sorted(corpus.descriptions(noun.lemma).items()):
        if times <= most or adjective in word_list("weak_adjectives"):
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
    edit = Edit(noun.start, noun.end, noun.text, new)
    change = Change(noun, new, adjective)
    rating = mean_rating(adjective)
    if before.lower not in ("a", "an"):
        return Candidate((change,), (edit,), rating, filler="corpus")
    article = "an" if vowel_sound(adjective) else "a"
    if article == before.lower:
        return Candidate((change,), (edit,), rating, filler="corpus")
    repair = Edit(before.start, before.end, before.text, match_case(article, before.text))
    return Candidate((change,), (repair, edit), rating, filler="corpus")
