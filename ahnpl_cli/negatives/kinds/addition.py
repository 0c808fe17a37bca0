"""Negatives by something added (`addition`): a thing, or an attribute, that is not there.

A thing goes with the caption's things in other captions, and no caption of the image names it. It
is added to a list or behind the last noun or, as often, put in the place of a detail, so that the
length tells nothing. An attribute is added only where another caption of the image says the contrary
of the same noun.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import animate, same_sort, sorts_of
from ahnpl_cli.negatives.lexicon.tables import alike, contraries, dimensions, word_list
from ahnpl_cli.negatives.statistics import Corpus, kind_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.spelling import match_case, vowel_sound
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

LEAST = 12  # images that must show a thing
LIKELY = 10  # best things for a place, of which one is drawn
ASSOCIATED = 0.3  # least mean association with the caption's nouns
COMMON = 0.3  # how much the log of its frequency adds to a thing's rank
BESIDE = ("next to", "near", "with", "and")
# Things of these sorts are places, or parts of others, and stand beside nothing.
_NO_THINGS = frozenset(
    ("sport", "meal", "room", "outdoors", "way", "building", "window", "shape", "body", "clothing")
)
_WITH = frozenset(("with", "holding", "has", "carrying"))
_LISTS = frozenset(("and",))
_LIMITED = re.compile(r"\b(no|not|without|only|alone|nothing|empty|just|single|bare|lone)\b|n't")
_ARTICLES = frozenset(("a", "an", "the", "some", "two", "three", "his", "her", "their", "its"))


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


def _things(
    caption: ParsedCaption, stream: RandomStream, corpus: Corpus
) -> Iterator[Candidate]:
    words = caption.words
    nouns = [index for index, word in enumerate(words) if grammar.is_noun(word)]
    if not nouns:
        return
    ranked = _absent(caption, [words[index].lemma for index in nouns], corpus)
    if not ranked:
        return
    places = [*_exchanges(caption, nouns), *_ends(caption, nouns)]
    for kind, start, end, beside in stream.order(places):
        fitting = [thing for thing in ranked if _fits(thing, words[beside].lemma, kind)][:LIKELY]
        for thing in stream.order(fitting):
            yield _added(caption, kind, start, end, beside, thing)
            break


def _absent(caption: ParsedCaption, nouns: Sequence[str], corpus: Corpus) -> list[str]:
    """Things that no caption of the image names, those that go with its nouns best first."""
    names = set(nouns)
    scored = []
    for thing in corpus.things(LEAST):
        if not _may_be_added(thing) or thing in names:
            continue
        values = [corpus.association(thing, noun) for noun in nouns]
        if sum(values) / len(values) < ASSOCIATED:
            continue
        if validity.said_of_image(thing, "n", caption.image_words):
            continue
        scored.append((-sum(values) - COMMON * corpus.log_seen(thing), thing))
    return [thing for _, thing in sorted(scored)]


def _may_be_added(thing: str) -> bool:
    if thing not in dimensions("sorts") or thing in word_list("ubiquitous"):
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


def _ends(caption: ParsedCaption, nouns: Sequence[int]) -> Iterator[tuple[str, int, int, int]]:
    """Behind the last noun: kind, start and end of what is replaced, and the noun beside it."""
    words = caption.words
    last = _last_word(caption)
    if last is None or last not in nouns or words[last].tag not in ("NN", "NNS"):
        return
    governor = grammar.governor(words, last)
    end = words[last].end
    lowers = [word.lower for word in words]
    if governor in _WITH and "and" not in lowers[-6:]:
        yield "listed", end, end, last
    elif governor in grammar.PLACES:
        yield "beside", end, end, last
        start = _phrase_start(words, last, governor)
        if start is not None:
            # Instead of where it is: "on a beach" gives "next to a surfboard".
            yield "instead", words[start].start, end, last


def _phrase_start(words: Sequence[Word], noun: int, governor: str) -> int | None:
    """Where the phrase of place that ends a caption begins, if a noun stands before it."""
    for index in range(noun - 1, max(0, noun - 5), -1):
        if words[index].lower == governor:
            return index if words[index - 1].pos == "n" else None
    return None


def _exchanges(caption: ParsedCaption, nouns: Sequence[int]) -> Iterator[tuple[str, int, int, int]]:
    """Second nouns of lists: "a dog and a cat" may give "a dog and a horse"."""
    words = caption.words
    for place in nouns:
        start = place - 1
        while start > 0 and words[start].tag in ("JJ", "NN") and words[start].lower != "and":
            start -= 1
        if start < 2 or words[start].lower not in ("a", "an") or words[start - 1].lower != "and":
            continue
        if words[start - 2].pos == "n" and words[place].tag == "NN":
            yield "exchanged", words[start].start, words[place].end, place


def _last_word(caption: ParsedCaption) -> int | None:
    if not caption.is_whole:
        return None
    for index in range(len(caption.words) - 1, -1, -1):
        if caption.words[index].lower not in (".", "!"):
            return index
    return None


def _added(
    caption: ParsedCaption, kind: str, start: int, end: int, beside: int, thing: str
) -> Candidate:
    named = ("an " if vowel_sound(thing) else "a ") + thing
    old = caption.record.caption[start:end]
    new = {"listed": f" and {named}", "exchanged": named}.get(kind, f" near {named}")
    if kind == "instead":
        new = f"next to {named}"
    if not old:
        # Edits replace words: an insertion is written as the word before it and more.
        word = caption.words[beside]
        start, old, new = word.start, word.text, word.text + new
    word = caption.words[beside]
    edit = Edit(start, end, old, new)
    change = Change(word, new, thing)
    return Candidate((change,), (edit,), mean_rating(thing), filler="corpus", added=thing)


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
        word
        for other in caption.image_captions
        for word in before.findall(other)
        if word in listed
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
