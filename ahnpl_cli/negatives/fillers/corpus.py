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
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ahnpl_cli.negatives import wordnet
from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.fill import Blank
from ahnpl_cli.negatives.fillers import Ranked
from ahnpl_cli.negatives.parse import POS
from ahnpl_cli.negatives.vocabulary import CODES, IN_IMAGE, Verdicts

PSEUDO, DISCOUNT = 2.0, 0.6
WEIGHTS = (1.0, 1.0, 0.8, 0.8)  # left unit, right unit, left content, right content
SAME_SORT = 1.0  # added for nouns of the same sort (person, animal, food...)
LEAST = 3  # captions that must use a word before it is put anywhere
SURE = 0.98  # share of a word's uses under one tag from which it counts as unambiguous
EDGE = "|"  # stands for the neighbour at either end of a caption
CONTENT = frozenset(
    ("NN", "NNS", "NNP", "JJ", "VB", "VBG", "VBZ", "VBP", "VBD", "VBN", "CD")  #
)


class Counts(NamedTuple):
    """What the filler needs to know; plain containers, so that it can be sent to workers.

    Attributes:
        words: tag -> word -> how often, of nouns, verbs and adjectives.
        pairs: (neighbourhood, neighbour, tag) -> word -> how often.
        uses: word -> how often, under any tag.
    """

    words: dict[str, dict[str, int]]
    pairs: dict[tuple[int, str, str], dict[str, int]]
    uses: dict[str, int]


def neighbours(units: Sequence[Unit], index: int) -> tuple[str, str, str, str]:
    """The four neighbours of a unit, `EDGE` where a caption ends."""
    left = right = EDGE
    for at in range(index - 1, -1, -1):
        if units[at].tag in CONTENT:
            left = units[at].lower
            break
    for at in range(index + 1, len(units)):
        if units[at].tag in CONTENT:
            right = units[at].lower
            break
    before = units[index - 1].lower if index else EDGE
    after = units[index + 1].lower if index + 1 < len(units) else EDGE
    return before, after, left, right


def count(captions: Iterable[Sequence[Unit]]) -> Counts:
    """Count nouns, verbs and adjectives beside their neighbours."""
    words: dict[str, Counter[str]] = defaultdict(Counter)
    pairs: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    uses: Counter[str] = Counter()
    for units in captions:
        for index, unit in enumerate(units):
            lower, tag = unit.lower, unit.tag
            uses[lower] += 1
            if unit.pos is None:
                continue
            words[tag][lower] += 1
            for role, neighbour in enumerate(neighbours(units, index)):
                pairs[role, neighbour, tag][lower] += 1
    plain = {key: dict(counts) for key, counts in pairs.items()}
    return Counts({tag: dict(counts) for tag, counts in words.items()}, plain, dict(uses))


class _Vocabulary:
    """The words of one tag that may be put in, and their shares."""

    def __init__(self, counts: dict[str, int], tag: str) -> None:
        pos = POS[tag]
        self.words = sorted(word for word, n in counts.items() if n >= LEAST)
        self.number = {word: i for i, word in enumerate(self.words)}
        self.lemmas = [wordnet.lemma(word, pos) for word in self.words]
        n = np.array([counts[word] for word in self.words], dtype=np.float64)
        self.share = n / max(n.sum(), 1.0)
        self.prior = ((1 - DISCOUNT) * np.log(self.share)).astype(np.float32)
        self.pos = pos
        if pos == "n":
            self.files = np.array([wordnet.file_of(lemma, "n") or -1 for lemma in self.lemmas])
        self.verdicts = Verdicts(self.lemmas, pos)


class CorpusFiller:
    """See the module.

    Args:
        counts: statistics of the captions.
        best: words ranked for a blank.
    """

    name = "corpus"

    def __init__(self, counts: Counts, best: int) -> None:
        self.counts, self.best = counts, best
        self._vocabulary = functools.cache(self._make_vocabulary)
        self._fit = functools.cache(self._make_fit)
        self._start = functools.lru_cache(maxsize=1024)(self._make_start)

    def _make_vocabulary(self, tag: str) -> _Vocabulary:
        return _Vocabulary(self.counts.words.get(tag, {}), tag)

    def _make_fit(
        self, role: int, neighbour: str, tag: str
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """What one neighbourhood adds: words seen there, their surplus, and the rest's addend."""
        vocabulary = self._vocabulary(tag)
        seen = self.counts.pairs.get((role, neighbour, tag), {})
        known = [(vocabulary.number[w], n) for w, n in seen.items() if w in vocabulary.number]
        index = np.array([i for i, _ in known], dtype=np.intp)
        times = np.array([n for _, n in known], dtype=np.float64)
        surplus = WEIGHTS[role] * np.log1p(times / vocabulary.share[index] / PSEUDO)
        rest = WEIGHTS[role] * math.log(PSEUDO / (sum(seen.values()) + PSEUDO))
        return index, surplus.astype(np.float32), rest

    def _make_start(self, tag: str, file: int | None) -> np.ndarray:
        """Scores without neighbours."""
        vocabulary = self._vocabulary(tag)
        if vocabulary.pos != "n":
            return vocabulary.prior
        bonus = np.float32(SAME_SORT) * (vocabulary.files == file)
        return np.add(vocabulary.prior, bonus, dtype=np.float32)

    def rank(self, blanks: Sequence[Blank]) -> list[Ranked]:
        """Return the best words for each blank that contradict what stands there."""
        return [self._rank(blank) for blank in blanks]

    def _rank(self, blank: Blank) -> Ranked:
        unit = blank.unit
        vocabulary = self._vocabulary(unit.tag)
        if not vocabulary.words:
            return Ranked([])
        score, rest = self._scores(blank)
        codes = vocabulary.verdicts.pair(unit.lemma).copy()
        codes[vocabulary.verdicts.said(blank.parsed.image_words) & (codes == 0)] = IN_IMAGE
        allowed = np.flatnonzero(codes == 0)
        ours = score[allowed]
        best = _largest(ours, self.best)
        pairs = zip(allowed[best].tolist(), ours[best].tolist(), strict=True)
        least = ours[best[-1]] if len(best) else -np.inf
        rejected = np.bincount(codes[(score >= least) & (codes != 0)], minlength=len(CODES))
        return Ranked(
            [(vocabulary.words[i], value + rest) for i, value in pairs],
            {CODES[code]: int(rejected[code]) for code in np.flatnonzero(rejected)},
            checked=True,
        )

    def _scores(self, blank: Blank) -> tuple[np.ndarray, float]:
        """The score of every word, less an addend that all have in common; and that addend."""
        unit = blank.unit
        file = wordnet.file_of(unit.lemma, "n") if unit.pos == "n" else None
        score = self._start(unit.tag, file).copy()
        rest = 0.0
        for role, neighbour in enumerate(neighbours(blank.parsed.units, blank.place)):
            index, surplus, least = self._fit(role, neighbour, unit.tag)
            score[index] += surplus
            rest += least
        return score, rest

    def sure_of(self, word: str, tag: str) -> bool:
        """Whether nearly all captions that use a word use it under this tag."""
        return self.counts.words[tag][word] >= SURE * self.counts.uses[word]


def _largest(values: np.ndarray, n: int) -> np.ndarray:
    """Places of the n largest values, largest first, equal ones in their order."""
    if len(values) > n:
        least = np.partition(values, len(values) - n)[len(values) - n]
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")][:n]
