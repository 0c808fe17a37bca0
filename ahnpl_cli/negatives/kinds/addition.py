"""Negatives by something added (`addition`): a thing, or an attribute, that is not there.

A thing goes with the caption's things in other captions, and no caption of the image names it. An
attribute is one that another caption of the image contradicts. Most of them take the place of a
detail that is there, with its relation and all, so that neither the length nor the words alone tell
the negative; `PURE` of captions have something added to what they say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ahnpl_cli.english import match_case, vowel_sound, with_article
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import animate, same_sort, sorts_of
from ahnpl_cli.negatives.lexicon.tables import alike, contraries, dimensions, word_list
from ahnpl_cli.negatives.statistics import group_of, kind_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import REDUCED, Relation, read_relation
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

LEAST = 12  # images that must show a thing
LIKELY = 10  # best things for a place, of which one is drawn
ASSOCIATED = 0.5  # least mean association with the caption's nouns
KNOWN = 40  # absent things that are looked at
SHARE = 0.05  # of what is said between such nouns below which a relation is odd (ours)
TRIED = 3  # of them in one place
NEAR = "next to"  # where captions do not say how something is to a thing
DRAWN = 12  # details drawn for a place
PURE = 0.08  # share of captions that become longer: length tells all of these (ours)
# Things of these sorts are places, or parts of others, and stand beside nothing.
_NO_THINGS = frozenset(
    ("sport", "meal", "room", "outdoors", "way", "building", "window", "shape", "body", "clothing")
)
_BOUND_BEHIND = frozenset(("of", "with"))
_AFTER_DETAIL = frozenset((".", ",", "IN", "CC"))
_WITH = frozenset(("with", "holding", "has", "carrying"))
# Relations that would place something inside what is added.
_INSIDE = frozenset(("in", "inside", "inside of", "into", "out of", "through", "of"))
_LIMITED = re.compile(r"\b(no|not|without|only|alone|nothing|empty|just|single|bare|lone)\b|n't")
# Sorts of places, and what says that something is there.
_PLACES = frozenset(("room", "outdoors", "way"))
_WHERE = _PLACES | {"furniture"}
_AT = frozenset(("in", "on", "inside", "through", "across", "down", "along", "up"))
_ARTICLES = frozenset(("a", "an", "the", "some", "two", "three", "his", "her", "their", "its"))


class _Place(NamedTuple):
    """Where something may be added.

    Attributes:
        form: `listed` behind "and", `exchanged` within a list, `beside` the last noun, or `instead`
            of a relation and its noun.
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
    is_pure = stream.uniform() < PURE
    attributes = list(_attributes(caption, corpus, is_pure=is_pure))
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
        yield from _details(caption, nouns, stream, corpus)
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
        fitting = [thing for thing in absent if _fits(thing, beside, place.form)][:LIKELY]
        # Drawn by how common they are, so that rare things do not tell a negative.
        weights = [corpus.statistics.seen[thing] for thing in fitting]
        for thing in islice(stream.order(fitting, weights), TRIED):
            relation = _relation(caption, place, thing, stream, corpus)
            yield _added(caption, place, thing, relation)


def _details(
    caption: ParsedCaption, nouns: Sequence[int], stream: RandomStream, corpus: Corpus
) -> Iterator[Candidate]:
    """What something is to a thing becomes what it is to another: "holding a kite", "on a bed".

    Relation and thing are drawn together, as often as captions say them of such things; so what
    negatives gain is much like what they lose.
    """
    words = caption.words
    for relation in stream.order(_loose_relations(caption, corpus)):
        head = words[relation.head].lemma
        kept = [words[index].lemma for index in nouns if index != relation.object]
        start, end = words[relation.first].start, words[relation.object].end
        place = _Place("instead", start, end, relation.object, relation.head)
        where = _tells_where(_text(words, relation), words[relation.object].lemma)
        said = corpus.said_of(head, group_of(head), relation.form)
        said = [row for row in said if _tells_where(row[0], row[1]) == where]
        weights = [times * math.exp(corpus.topic(thing, kept)) for _, thing, times in said]
        for text, thing, _ in islice(stream.order(said, weights), DRAWN):
            if _is_absent(caption, text, thing, kept, corpus):
                # "On the beach" gives "on the street": else "the" would be lost only.
                is_known = words[relation.last + 1].lower == "the"
                yield _added(caption, place, thing, text, "the" if is_known else None)


def _loose_relations(caption: ParsedCaption, corpus: Corpus) -> list[Relation]:
    """The relations of a caption that can go with their noun, as nothing more is said of it."""
    words = caption.words
    loose = []
    for relation in caption.relations:
        target = words[relation.object].lemma
        # What is never added would be lost only, and so tell the negative.
        is_known = corpus.statistics.seen.get(target, 0) >= LEAST
        is_detail = is_known and _is_detail(_text(words, relation), target)
        is_free = is_detail and _is_last_said(words, relation.object)
        if is_free and grammar.is_noun(words[relation.head]):
            loose.append(relation)
    return loose


def _tells_where(text: str, target: str) -> bool:
    """Whether a relation says that something is in a place, or on furniture."""
    return read_relation(text).preposition in _AT and not sorts_of(target).isdisjoint(_WHERE)


def _is_detail(text: str, target: str) -> bool:
    """Whether a relation to a noun may be exchanged: it tells where, or what is there as well.

    Who is in one place is in no other, but may well be beside it.
    """
    if _tells_where(text, target):
        return True
    is_place = not sorts_of(target).isdisjoint(_PLACES)
    is_inside = read_relation(text).preposition in _INSIDE
    return not is_place and not is_inside and _may_be_added(target)


def _text(words: Sequence[Word], relation: Relation) -> str:
    return " ".join(word.lower for word in words[relation.first : relation.last + 1])


def _is_last_said(words: Sequence[Word], noun: int) -> bool:
    """Whether what follows a noun says nothing of it, and so nothing of what takes its place."""
    if noun + 1 >= len(words):
        return True
    following = words[noun + 1]
    is_new = following.tag in _AFTER_DETAIL or following.lower == "next"
    return is_new and following.lower not in _BOUND_BEHIND


def _is_absent(
    caption: ParsedCaption, text: str, thing: str, kept: Sequence[str], corpus: Corpus
) -> bool:
    """Whether a relation to a thing may be said falsely of a caption's image."""
    if not _is_detail(text, thing) or thing in word_list("mass"):
        return False
    if validity.said_of_image(thing, "n", caption.image_words):
        return False
    return corpus.belongs(thing, kept)


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
    """Behind the last noun."""
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


def _exchanges(caption: ParsedCaption, nouns: Sequence[int]) -> Iterator[_Place]:
    """Things in lists and behind "with": "a dog and a cat" may give "a dog and a horse"."""
    words = caption.words
    for place in nouns:
        start = place - 1
        while start > 0 and words[start].tag in ("JJ", "NN") and words[start].lower != "and":
            start -= 1
        if start < 2 or words[start].lower not in ("a", "an") or words[place].tag != "NN":
            continue
        if not _is_last_said(words, place):
            continue
        before = words[start - 1].lower
        if before == "with" or before in ("and", ",") and words[start - 2].pos == "n":
            yield _Place("exchanged", words[start].start, words[place].end, place, place)


def _last_word(caption: ParsedCaption) -> int | None:
    if not caption.is_whole:
        return None
    for index in range(len(caption.words) - 1, -1, -1):
        if caption.words[index].lower not in (".", "!"):
            return index
    return None


def _added(
    caption: ParsedCaption, place: _Place, thing: str, relation: str, article: str | None = None
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


def _relation(
    caption: ParsedCaption, place: _Place, thing: str, stream: RandomStream, corpus: Corpus
) -> str:
    """How captions say that such a thing is to what is added."""
    if place.form != "beside":
        return ""
    head = caption.words[place.head].lemma
    weights = _relations_between(corpus, group_of(head), kind_of(head), thing)
    return next(stream.order(list(weights), list(weights.values())), NEAR)


def _relations_between(corpus: Corpus, group: str, kind: str, thing: str) -> dict[str, float]:
    """What captions say between things of a group and a thing, with how often."""
    said = corpus.relations(f"*{group}", thing)
    least = max(2.0, SHARE * sum(said.values()))
    weights: dict[str, float] = {}
    for relation, times in sorted(said.items()):
        form, _, text = relation.partition("|")
        words = read_relation(text)
        # Only who lives does anything.
        does = words.verb is not None and kind == "thing"
        if form == REDUCED and times >= least and not does and words.preposition not in _INSIDE:
            weights[text] = times
    return weights


# Attributes


def _attributes(caption: ParsedCaption, corpus: Corpus, *, is_pure: bool) -> Iterator[Candidate]:
    """Adjectives contrary to what another caption of the image says of the same noun."""
    words = caption.words
    for index, word in enumerate(words):
        if not grammar.is_noun(word) or index == 0 or grammar.negated(words, index):
            continue
        before = words[index - 1]
        is_described = before.tag == "JJ" and before.pos == "a"
        if is_pure and not is_described and before.lower in _ARTICLES:
            adjective = _false_attribute(caption, word, corpus)
            if adjective is not None:
                yield _described(caption, before, word, adjective)
        elif is_described and index > 1 and words[index - 2].lower in _ARTICLES:
            adjective = _false_attribute(caption, word, corpus, but=before.lower)
            if adjective is not None:
                yield _described_otherwise(caption, before, adjective)


def _described_otherwise(caption: ParsedCaption, old: Word, adjective: str) -> Candidate:
    """One adjective instead of another: "a large truck" gives "a green truck"."""
    edits = with_article(caption.record.caption, Edit(old.start, old.end, old.text, adjective))
    change = Change(old, adjective, adjective)
    return Candidate((change,), edits, mean_rating(adjective), filler="corpus")


def _false_attribute(
    caption: ParsedCaption, noun: Word, corpus: Corpus, but: str | None = None
) -> str | None:
    """The commonest adjective of a noun that is contrary to what is said of it in this image.

    It is none of the dimension of `but`, which would be a change of that.
    """
    said = _said(caption, noun) - {but}
    if not said:
        return None
    dimension = dimensions("attributes").get(but or "", frozenset())
    best, most = None, 1
    for adjective, times in sorted(corpus.descriptions(noun.lemma).items()):
        if times <= most or adjective in word_list("weak_adjectives"):
            continue
        against = contraries("attributes").get(adjective, frozenset())
        if adjective in caption.image_words or adjective in said or against.isdisjoint(said):
            continue
        if not dimension.isdisjoint(dimensions("attributes").get(adjective, frozenset())):
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
