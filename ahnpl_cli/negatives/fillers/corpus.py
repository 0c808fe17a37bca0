"""Refills from statistics of the captions themselves: no weights, no download.

A word w of the same fine tag is scored by how much more often than by chance it stands beside the
blank's neighbours c, over four neighbourhoods r (the next unit on either side and the next content
unit on either side):

    score(w) = (1 - b) log p(w) + sum_r a_r log [ (n_r(c, w) + k p(w)) / ((n_r(c) + k) p(w)) ]

n_r(c, w) counts captions' units, p(w) is the share of w among the words of its tag, k = 2 pseudo
counts follow p, and b = 0.6 discounts frequent words. Formula, weights and values are ours.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ahnpl_cli.negatives import wordnet
from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.fill import Blank
from ahnpl_cli.negatives.fillers import Ranked

PSEUDO, DISCOUNT = 2.0, 0.6
WEIGHTS = (1.0, 1.0, 0.8, 0.8)  # left unit, right unit, left content, right content
SAME_SORT = 1.0  # added for nouns of the same sort (person, animal, food...)
LEAST = 3  # captions that must use a word before it is put anywhere
BEST = 64  # words ranked for a blank
EDGE = "|"  # stands for the neighbour at either end of a caption
CONTENT = ("NN", "NNS", "NNP", "JJ", "VB", "VBG", "VBZ", "VBP", "VBD", "VBN", "CD")
Neighbours = tuple[str, str, str, str]


class Counts(NamedTuple):
    """What the filler needs to know; plain containers, so that it can be sent to workers.

    Attributes:
        words: tag -> word -> how often.
        pairs: (neighbourhood, neighbour, tag) -> word -> how often.
    """

    words: dict[str, dict[str, int]]
    pairs: dict[tuple[int, str, str], dict[str, int]]


def neighbours(units: Sequence[Unit], index: int) -> Neighbours:
    """The four neighbours of a unit, `EDGE` where a caption ends."""
    left, right = units[:index], units[index + 1 :]
    return (
        left[-1].lower if left else EDGE,
        right[0].lower if right else EDGE,
        next((u.lower for u in reversed(left) if u.tag in CONTENT), EDGE),
        next((u.lower for u in right if u.tag in CONTENT), EDGE),
    )


def count(captions: Iterable[Sequence[Unit]]) -> Counts:
    """Count nouns, verbs and adjectives beside their neighbours."""
    words: dict[str, Counter[str]] = defaultdict(Counter)
    pairs: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    for units in captions:
        for index, unit in enumerate(units):
            if unit.pos is None:
                continue
            words[unit.tag][unit.lower] += 1
            for role, neighbour in enumerate(neighbours(units, index)):
                pairs[role, neighbour, unit.tag][unit.lower] += 1
    return Counts({t: dict(c) for t, c in words.items()}, {k: dict(c) for k, c in pairs.items()})


class _Vocabulary:
    """The words of one tag that may be put in, and their shares."""

    def __init__(self, counts: dict[str, int], tag: str) -> None:
        kept = sorted(word for word, n in counts.items() if n >= LEAST)
        self.words = np.array(kept, dtype=object)
        self.number = {word: i for i, word in enumerate(kept)}
        n = np.array([counts[word] for word in kept], dtype=np.float64)
        self.share = n / max(n.sum(), 1.0)
        pos: wordnet.Pos = "n" if tag in ("NN", "NNS") else "v"
        files = [wordnet.file_of(wordnet.lemma(word, pos), pos) for word in kept]
        self.files = np.array([-1 if file is None else file for file in files])


class CorpusFiller:
    """See the module."""

    name = "corpus"

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._vocabulary = functools.cache(self._make_vocabulary)
        self._fit = functools.lru_cache(maxsize=4096)(self._make_fit)

    def _make_vocabulary(self, tag: str) -> _Vocabulary:
        return _Vocabulary(self.counts.words.get(tag, {}), tag)

    def _make_fit(self, role: int, neighbour: str, tag: str) -> np.ndarray:
        """The addend of one neighbourhood for every word of a tag."""
        vocabulary = self._vocabulary(tag)
        seen = self.counts.pairs.get((role, neighbour, tag), {})
        n = np.zeros(len(vocabulary.words))
        for word, times in seen.items():
            if word in vocabulary.number:
                n[vocabulary.number[word]] = times
        total = sum(seen.values())
        ratio = (n / vocabulary.share + PSEUDO) / (total + PSEUDO)
        fit: np.ndarray = (WEIGHTS[role] * np.log(ratio)).astype(np.float32)
        return fit

    def rank(self, blanks: Sequence[Blank]) -> list[Ranked]:
        """Return the `BEST` words for each blank, best first."""
        return [self._rank(blank) for blank in blanks]

    def _rank(self, blank: Blank) -> Ranked:
        unit, tag = blank.unit, blank.unit.tag
        vocabulary = self._vocabulary(tag)
        if not len(vocabulary.words):
            return []
        score = ((1 - DISCOUNT) * np.log(vocabulary.share)).astype(np.float32)
        for role, neighbour in enumerate(neighbours(blank.units, blank.index)):
            score = score + self._fit(role, neighbour, tag)
        if unit.pos == "n":
            score = score + SAME_SORT * (vocabulary.files == wordnet.file_of(unit.lemma, "n"))
        # A stable sort: equal scores stay in alphabetical order.
        best = np.argsort(-score, kind="stable")[:BEST]
        return [(str(vocabulary.words[i]), float(score[i])) for i in best]
