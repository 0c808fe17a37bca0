"""Negatives by exchange: two nouns (`relation`), two adjectives (`attribute_swap`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from ahnpl_cli.english import match_case, with_article
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import animate, same_sort
from ahnpl_cli.negatives.lexicon.tables import contrary, word_list
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

T = TypeVar("T")
# How much more often nouns of one sort (a man and a dog) are swapped than a man and a wave, and how
# much more often two things or two living beings are (ours).
SAME_SORT, LIKE = 20.0, 10.0
# Words that are paired: all of a short caption, some of a long one, and no thousands of pairs.
MOST_PAIRED = 24
_BEFORE_NOUN = ("DT", "JJ", "JJR", "JJS", "CD", "PRP$", "PDT", "POS")
_BEFORE_HEAD = ("JJ", "CC", ",")


class _NounPhrase(NamedTuple):
    """A noun that may be swapped: its first and last word, and the whole as one word."""

    first: int
    last: int
    whole: Word


def swap_nouns(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """Two different nouns of the same number swap places (AHNPL 3.1, `relation`).

    Where one cannot stand after the other's article ("a bird", "water"), articles go along.
    """
    words = caption.words
    pairs = [
        (a, b)
        for a, b in itertools.combinations(_some(_noun_phrases(caption), stream), 2)
        if words[a.first].tag == words[b.first].tag
        and a.whole.lemma != b.whole.lemma
        and grammar.in_one_clause(words, a.last, b.first)
    ]
    weights = [_weight(a.whole, b.whole, weigh) for a, b in pairs]
    for a, b in stream.order(pairs, weights):
        first: Word | None = a.whole
        second: Word | None = b.whole
        if not _fits(words, a.first, b.first):
            first = _with_article(caption, a)
            second = _with_article(caption, b)
        if first is None or second is None:
            continue
        relation = wordnet.related(a.whole.lemma, b.whole.lemma, "n")
        if _linked_by_of(words, a.last, b.first):
            yield Rejected("of")
        elif grammar.symmetric(words, a.last, b.first):
            yield Rejected("symmetric")
        elif grammar.negated(words, a.first) or grammar.negated(words, b.first):
            yield Rejected("negated")
        elif relation is not None:
            yield Rejected(relation)  # "the giraffe is an animal"
        else:
            yield _swap(caption, first, second)


def swap_adjectives(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """Two contrary adjectives of different nouns swap places (`attribute_swap`)."""
    words = caption.words
    heads = {}
    for index, word in enumerate(words):
        head = grammar.noun_ahead(words, index + 1, _BEFORE_HEAD, 4) if word.pos == "a" else None
        if head is not None:
            heads[index] = head
    pairs = [
        (i, j)
        for i, j in itertools.combinations(_some(list(heads), stream), 2)
        if grammar.in_one_clause(words, i, j)
    ]
    weights = [weigh(words[i].lemma, words[j].lemma) for i, j in pairs]
    for i, j in stream.order(pairs, weights):
        if not contrary(words[i].lemma, words[j].lemma) or heads[i] == heads[j]:
            continue
        of_first = grammar.modifiers(words, heads[i])
        of_second = grammar.modifiers(words, heads[j])
        if words[heads[i]].lemma == words[heads[j]].lemma:
            yield Rejected("symmetric")
        elif words[j].lower in of_first or words[i].lower in of_second:
            yield Rejected("same text")
        elif grammar.negated(words, i) or grammar.negated(words, j):
            yield Rejected("negated")
        else:
            yield _swap(caption, words[i], words[j])


def _some(items: Sequence[T], stream: RandomStream) -> list[T]:
    """All of a few items, or some drawn from many, in their order."""
    if len(items) <= MOST_PAIRED:
        return list(items)
    drawn = itertools.islice(stream.order(range(len(items))), MOST_PAIRED)
    return [items[index] for index in sorted(drawn)]


def _swap(caption: ParsedCaption, first: Word, second: Word) -> Candidate:
    """Put each of two words in the place of the other."""
    text = caption.record.caption
    edits: list[Edit] = []
    changes = []
    for place, word in ((first, second), (second, first)):
        new = _cased(word, place, caption.words[0].start)
        edits += with_article(text, Edit(place.start, place.end, place.text, new))
        changes.append(Change(place, new, word.lemma))
    concreteness = mean_rating(first.lemma, second.lemma)
    return Candidate(tuple(changes), tuple(edits), concreteness, filler="swap")


def _cased(word: Word, place: Word, sentence_start: int) -> str:
    """The text of a word as it is written in the place of another."""
    text = word.text
    first = text[:1]
    if word.start == sentence_start and first.isupper() and not text.isupper():
        text = first.lower() + text[1:]
    return match_case(text, place.text) if place.start == sentence_start else text


def _noun_phrases(caption: ParsedCaption) -> list[_NounPhrase]:
    """Nouns that may be swapped: "slice of pizza" is one; the noun of "of" alone never is."""
    words = caption.words
    phrases = []
    index = 0
    while index < len(words):
        word = words[index]
        if word.pos == "n" and _measures(words, index):
            last = index + 2
            phrases.append(_NounPhrase(index, last, _joined(caption, word, words[last])))
            index = last
        elif grammar.is_noun(word) and not _needs_of(words, index):
            phrases.append(_NounPhrase(index, index, word))
        index += 1
    return phrases


def _joined(caption: ParsedCaption, first: Word, last: Word, tag: str | None = None) -> Word:
    """Several words as one noun, whose lemma is that of the last."""
    text = caption.record.caption[first.start : last.end]
    return Word(first.start, last.end, text, text.lower(), tag or first.tag, "n", last.lemma)


def _measures(words: Sequence[Word], index: int) -> bool:
    """Whether a noun is the measure of a thing: "slice" in "a slice of pizza"."""
    return index + 2 < len(words) and _needs_of(words, index) and grammar.is_noun(words[index + 2])


def _needs_of(words: Sequence[Word], index: int) -> bool:
    """Whether a noun is a measure before "of", which cannot be reversed."""
    before_of = index + 1 < len(words) and words[index + 1].lower == "of"
    return before_of and words[index].lower in word_list("measures")


def _weight(first: Word, second: Word, weigh: Weigh) -> float:
    weight = weigh(first.lemma, second.lemma)
    if same_sort(first.lemma, second.lemma):
        return weight * SAME_SORT
    return weight * (LIKE if animate(first.lemma) == animate(second.lemma) else 1.0)


def _fits(words: Sequence[Word], first: int, second: int) -> bool:
    """Whether each noun can stand after the other's determiner."""
    of_first = grammar.determiner(words, first)
    of_second = grammar.determiner(words, second)
    if words[first].tag == "NNS" or of_first == of_second != "a":
        return True
    return _can_follow(words[first], of_second) and _can_follow(words[second], of_first)


def _can_follow(noun: Word, determiner: grammar.Determiner) -> bool:
    """Whether a singular noun can stand after a determiner."""
    mass = noun.lower in word_list("mass")
    if determiner == "none":
        return mass
    return determiner != "a" or not mass


def _with_article(caption: ParsedCaption, phrase: _NounPhrase) -> Word | None:
    """A noun and the article right before it as one word, the noun alone if it has none.

    None if something else stands before the noun, such as an adjective or a number.
    """
    before = caption.words[phrase.first - 1] if phrase.first else None
    if before is None or before.tag not in _BEFORE_NOUN:
        return phrase.whole
    if before.lower not in ("a", "an", "the", "some"):
        return None
    return _joined(caption, before, phrase.whole, phrase.whole.tag)


def _linked_by_of(words: Sequence[Word], last_of_first: int, second: int) -> bool:
    """Whether only "of", articles and adjectives stand between two nouns."""
    between = words[last_of_first + 1 : second]
    lowers = [word.lower for word in between if word.tag not in ("DT", "JJ", "PRP$")]
    return lowers == ["of"]
