"""Noun phrases of a caption from its tags, without a parser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ahnpl_cli.negatives.lexicon.tables import word_list
from ahnpl_cli.negatives.text.words import NOUNS, Word

_INSIDE = frozenset(("DT", "PRP$", "CD", "JJ", "JJR", "JJS", "NN", "NNS", "NNP", "NNPS"))
_OPENS = ("DT", "PRP$")


class NounPhrase(NamedTuple):
    """A noun with what stands before it: its first and last word, and its head."""

    first: int
    last: int
    head: int


def noun_phrases(words: Sequence[Word]) -> list[NounPhrase]:
    """Return the noun phrases of a caption in order; "a slice of pizza" is one."""
    phrases: list[NounPhrase] = []
    index = 0
    while index < len(words):
        if words[index].tag not in _INSIDE:
            index += 1
            continue
        end = index + 1
        # A second article begins another phrase.
        while end < len(words) and words[end].tag in _INSIDE and words[end].tag not in _OPENS:
            end += 1
        nouns = [i for i in range(index, end) if words[i].tag in NOUNS]
        if nouns:
            phrases.append(NounPhrase(index, nouns[-1], nouns[-1]))
        index = end
    return _measures_joined(words, phrases)


def _measures_joined(words: Sequence[Word], phrases: list[NounPhrase]) -> list[NounPhrase]:
    """Phrases with "a slice" and "pizza" made one where "of" stands between them."""
    joined: list[NounPhrase] = []
    for phrase in phrases:
        before = joined[-1] if joined else None
        if before is not None and before.last + 2 == phrase.first:
            is_measure = words[before.head].lower in word_list("measures")
            if is_measure and words[before.last + 1].lower == "of":
                joined[-1] = NounPhrase(before.first, phrase.last, phrase.head)
                continue
        joined.append(phrase)
    return joined
