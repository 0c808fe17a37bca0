"""Refills from statistics of the captions themselves: no weights, no download.

A word w of the same fine tag is scored by how much more often than by chance it stands beside the
blank's neighbours c, over five neighbourhoods r (the next unit on either side, the next content
unit on either side, and what governs a noun's phrase, such as the "on" of "on the beach"):

    score(w) = (1 - b) log p(w) + sum_r a_r log [ (n_r(c, w) + k p(w)) / ((n_r(c) + k) p(w)) ]

n_r(c, w) counts captions' units, p(w) is the share of w among the words of its tag, k = 2 pseudo
counts follow p, and b = 0.6 discounts frequent words. Formula, weights and values are ours.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ahnpl_cli.negatives import grammar, wordnet
from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.fill import Blank
from ahnpl_cli.negatives.fillers import Ranked
from ahnpl_cli.negatives.parse import POS
from ahnpl_cli.negatives.sorts import sorts_of, widened
from ahnpl_cli.negatives.validity import place_of
from ahnpl_cli.negatives.vocabulary import CODES, IN_IMAGE, Verdicts
from ahnpl_cli.negatives.wordnet import Pos

PSEUDO, DISCOUNT = 2.0, 0.6
WEIGHTS = (1.0, 1.0, 0.8, 0.8, 1.0)  # left unit, right unit, left content, right content, governor
OTHER_SORT = 14.0  # taken off nouns of another sort (see `sorts`)
# How much worse than the word that stands there another may fit, by part of speech.
WORST = {"n": -7.5, "v": -7.5, "a": -13.0}
# Captions that must use a word before it is put anywhere: one more from each of these sizes on.
SIZES = (1_000, 10_000)
SURE = 0.95  # share of a word's uses under one tag from which it counts as unambiguous
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
        captions: how many were counted.
    """

    words: dict[str, dict[str, int]]
    pairs: dict[tuple[int, str, str], dict[str, int]]
    uses: dict[str, int]
    captions: int


def neighbours(units: Sequence[Unit], index: int) -> tuple[str, ...]:
    """The neighbours of a unit, `EDGE` where a caption ends; the last only if it is another."""
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
    before = "a" if before == "an" else before  # the article will be repaired
    after = units[index + 1].lower if index + 1 < len(units) else EDGE
    above = grammar.governor(units, index) if units[index].pos == "n" else ""
    beside = (before, after, left, right)
    return (*beside, above) if above not in ("", before) else beside


def count(captions: Iterable[Sequence[Unit]]) -> Counts:
    """Count nouns, verbs and adjectives beside their neighbours."""
    words: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    pairs: dict[tuple[int, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    uses: dict[str, int] = defaultdict(int)
    total = 0
    for units in captions:
        total += 1
        for index, unit in enumerate(units):
            lower, tag = unit.lower, unit.tag
            uses[lower] += 1
            if unit.pos is None:
                continue
            words[tag][lower] += 1
            for role, neighbour in enumerate(neighbours(units, index)):
                pairs[role, neighbour, tag][lower] += 1
    plain = {key: dict(counts) for key, counts in pairs.items()}
    by_tag = {tag: dict(counts) for tag, counts in words.items()}
    return Counts(by_tag, plain, dict(uses), total)


class _Vocabulary:
    """The words of one tag that may be put in, and their shares."""

    def __init__(self, counts: dict[str, int], tag: str, least: int) -> None:
        pos = POS[tag]
        self.words = sorted(_common_forms(counts, pos, least))
        self.number = {word: i for i, word in enumerate(self.words)}
        self.lemmas = [wordnet.lemma(word, pos) for word in self.words]
        n = np.array([counts[word] for word in self.words], dtype=np.float64)
        self.total = max(sum(counts.values()), 1)
        self.share = n / self.total
        self.prior = ((1 - DISCOUNT) * np.log(self.share)).astype(np.float32)
        self.pos = pos
        self.sorts = [sorts_of(lemma) for lemma in self.lemmas] if pos == "n" else []
        self.verdicts = Verdicts(self.words, self.lemmas, pos)


def _common_forms(counts: dict[str, int], pos: Pos, least: int) -> Iterable[str]:
    """The commonest form of each lemma: captions that say "flies" also say "flys"."""
    best: dict[str, str] = {}
    for word in sorted(counts, key=lambda word: (-counts[word], word)):
        if counts[word] >= least:
            best.setdefault(wordnet.lemma(word, pos), word)
    return best.values()


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
        self._start = functools.cache(self._make_start)

    def _make_vocabulary(self, tag: str) -> _Vocabulary:
        least = 1 + sum(self.counts.captions >= size for size in SIZES)
        return _Vocabulary(self.counts.words.get(tag, {}), tag, least)

    def _make_fit(self, role: int, neighbour: str, tag: str) -> tuple[np.ndarray, np.ndarray]:
        """What one neighbourhood adds: words seen there, and their surplus over those not."""
        vocabulary = self._vocabulary(tag)
        seen = self.counts.pairs.get((role, neighbour, tag), {})
        known = [(vocabulary.number[w], n) for w, n in seen.items() if w in vocabulary.number]
        index = np.array([i for i, _ in known], dtype=np.intp)
        times = np.array([n for _, n in known], dtype=np.float64)
        surplus = WEIGHTS[role] * np.log1p(times / vocabulary.share[index] / PSEUDO)
        return index, surplus.astype(np.float32)

    def _make_start(self, tag: str, sorts: frozenset[str]) -> np.ndarray:
        """Scores without neighbours; nouns of other sorts than these stand back."""
        vocabulary = self._vocabulary(tag)
        unlike = np.array([sorts.isdisjoint(other) for other in vocabulary.sorts], dtype=np.float32)
        start: np.ndarray = vocabulary.prior - np.float32(OTHER_SORT) * unlike
        return start

    def rank(self, blanks: Sequence[Blank]) -> list[Ranked]:
        """Return the best words for each blank that contradict what stands there."""
        return [self._rank(blank) for blank in blanks]

    def _rank(self, blank: Blank) -> Ranked:
        unit = blank.unit
        vocabulary = self._vocabulary(unit.tag)
        if not vocabulary.words:
            return Ranked([])
        score = self._scores(blank) - np.float32(self._yardstick(blank))
        codes = vocabulary.verdicts.pair(unit.lemma).copy()
        codes[vocabulary.verdicts.said(blank.parsed.image_words) & (codes == 0)] = IN_IMAGE
        if unit.pos != "a":
            placed = vocabulary.verdicts.placed(place_of(blank.parsed.units, blank.place))
            codes = np.where(codes, codes, placed)
        allowed = ((codes == 0) & (score >= WORST[vocabulary.pos])).nonzero()[0]
        ours = score[allowed]
        best = _largest(ours, self.best)
        pairs = zip(allowed[best].tolist(), ours[best].tolist(), strict=True)
        least = ours[best[-1]] if len(best) else -np.inf
        rejected = np.bincount(codes[(score >= least) & (codes != 0)], minlength=len(CODES))
        return Ranked(
            [(vocabulary.words[i], value) for i, value in pairs],
            {CODES[code]: int(rejected[code]) for code in rejected.nonzero()[0].tolist()},
            checked=True,
        )

    def _yardstick(self, blank: Blank) -> float:
        """The score of the word that stands there, were this caption not counted."""
        unit, score = blank.unit, 0.0
        vocabulary, seen = self._vocabulary(unit.tag), self.counts.words.get(unit.tag, {})
        share = max(seen.get(unit.lower, 0) - 1, 1) / vocabulary.total
        for role, neighbour in enumerate(neighbours(blank.parsed.units, blank.place)):
            times = self.counts.pairs.get((role, neighbour, unit.tag), {}).get(unit.lower, 1) - 1
            score += WEIGHTS[role] * math.log1p(times / share / PSEUDO)
        return score + (1 - DISCOUNT) * math.log(share)

    def _scores(self, blank: Blank) -> np.ndarray:
        """The score of every word, less an addend that all have in common."""
        unit = blank.unit
        if unit.pos == "n":
            score = self._start(unit.tag, widened(sorts_of(unit.lemma))).copy()
        else:
            score = self._vocabulary(unit.tag).prior.copy()
        for role, neighbour in enumerate(neighbours(blank.parsed.units, blank.place)):
            index, surplus = self._fit(role, neighbour, unit.tag)
            score[index] += surplus
        return score

    def sure_of(self, blank: Blank, word: str) -> bool:
        """Whether captions tell that a word has the wanted tag here.

        They do if nearly all that use it use it under this tag, or if they use it so after this
        left and before this right neighbour.
        """
        tag, counts = blank.unit.tag, self.counts
        if counts.words[tag].get(word, 0) >= SURE * counts.uses[word]:
            return True
        left, right, *_ = neighbours(blank.parsed.units, blank.place)
        beside = (counts.pairs.get((0, left, tag)), counts.pairs.get((1, right, tag)))
        return all(seen is not None and word in seen for seen in beside)


def _largest(values: np.ndarray, n: int) -> np.ndarray:
    """Places of the n largest values, largest first, equal ones in their order."""
    if len(values) > n:
        least = np.partition(values, len(values) - n)[len(values) - n]
        places = (values >= least).nonzero()[0]
    else:
        places = np.arange(len(values))
    largest: np.ndarray = places[np.argsort(-values[places], kind="stable")][:n]
    return largest
