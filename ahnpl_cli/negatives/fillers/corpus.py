"""Refills from statistics of the captions themselves: no weights, no download.

A word w of the same fine tag is scored by how much more often than by chance it stands beside the
masked word's neighbors c, over five neighborhoods r (the next word on either side, the next content
word on either side, and what governs a noun's phrase, such as the "on" of "on the beach"):

    score(w) = (1 - b) log p(w) + sum_r a_r log [ (n_r(c, w) + k p(w)) / ((n_r(c) + k) p(w)) ]

n_r(c, w) counts captions' words, p(w) is the share of w among the words of its tag, k = 2 pseudo
counts follow p, and b = 0.6 discounts frequent words. Formula, weights and values are ours.
"""

from __future__ import annotations

import functools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ahnpl_cli.files import write_atomic
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Admit, LazyRanking, MaskedWord, Possible, Ranking
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.noun_sorts import sorts_of, widened
from ahnpl_cli.negatives.lexicon.wordnet import Pos
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import POS, Word

COUNTS = "counts.json"  # in the work folder: the statistics of the captions
PSEUDO, DISCOUNT = 2.0, 0.6
WEIGHTS = (1.0, 1.0, 0.8, 0.8, 1.0)  # left word, right word, left content, right content, governor
OTHER_SORT = 14.0  # penalty of nouns of another sort (see `noun_sorts`)
# How much worse than the word that stands there another may fit, by part of speech.
WORST = {"n": -4.0, "v": -9.0, "a": -16.0}
# Captions that must use a word before it is put anywhere: one more from each of these sizes on.
SIZES = (1_000, 10_000)
SURE = 0.95  # share of a word's uses under one tag from which it counts as unambiguous
EDGE = "|"  # stands for the neighbor at either end of a caption
CONTENT = frozenset(["NN", "NNS", "NNP", "JJ", "VB", "VBG", "VBZ", "VBP", "VBD", "VBN", "CD"])


# (Neighborhood, neighbor, tag) -> word -> how often.
Pairs = dict[tuple[int, str, str], dict[str, int]]


class Counts(NamedTuple):
    """What the filler needs to know of the captions; plain containers that go through JSON.

    Attributes:
        words: tag -> word -> how often, of nouns, verbs and adjectives.
        pairs: what stands beside what, in each neighborhood.
        uses: word -> how often, under any tag.
        captions: how many were counted.
    """

    words: dict[str, dict[str, int]]
    pairs: Pairs
    uses: dict[str, int]
    captions: int


def write_counts(path: Path, counts: Counts) -> None:
    """Write the statistics for the workers, whole or not at all."""
    # JSON has no tuples for keys, so pairs become rows.
    pairs = [[*key, words] for key, words in counts.pairs.items()]
    write_atomic(path, json.dumps([counts.words, pairs, counts.uses, counts.captions]))


def read_counts(path: Path) -> Counts:
    """Return what `write_counts` wrote."""
    content = path.read_text(encoding="utf-8")
    words, rows, uses, captions = json.loads(content)
    pairs = {(role, neighbor, tag): counts for role, neighbor, tag, counts in rows}
    return Counts(words, pairs, uses, captions)


def neighbors(words: Sequence[Word], index: int) -> tuple[str, ...]:
    """The neighbors of a word, `EDGE` where a caption ends; the governor only if it is another."""
    left_content = right_content = EDGE
    for word in reversed(words[:index]):
        if word.tag in CONTENT:
            left_content = word.lower
            break
    for word in words[index + 1 :]:
        if word.tag in CONTENT:
            right_content = word.lower
            break
    left = right = EDGE
    if index:
        left = words[index - 1].lower
    if index + 1 < len(words):
        right = words[index + 1].lower
    if left == "an":
        left = "a"  # the article will be repaired
    beside = (left, right, left_content, right_content)
    if words[index].pos != "n":
        return beside
    governor = grammar.governor(words, index)
    return beside if governor in ("", left) else (*beside, governor)


def count(captions: Iterable[Sequence[Word]]) -> Counts:
    """Count nouns, verbs and adjectives beside their neighbors."""
    by_tag: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    pairs: Pairs = defaultdict(lambda: defaultdict(int))
    uses: dict[str, int] = defaultdict(int)
    total = 0
    for words in captions:
        total += 1
        for index, word in enumerate(words):
            lower, tag = word.lower, word.tag
            uses[lower] += 1
            if word.pos is None:
                continue
            by_tag[tag][lower] += 1
            for role, neighbor in enumerate(neighbors(words, index)):
                pairs[role, neighbor, tag][lower] += 1
    # Plain dictionaries: looking up a word that was never seen must not add it.
    plain_tags = {tag: dict(counts) for tag, counts in by_tag.items()}
    plain_pairs = {key: dict(counts) for key, counts in pairs.items()}
    return Counts(plain_tags, plain_pairs, dict(uses), total)


class _Vocabulary:
    """The words of one tag that may be put in, and their shares."""

    def __init__(self, counts: dict[str, int], tag: str, least: int) -> None:
        self.pos = POS[tag]
        self.words = sorted(_common_forms(counts, self.pos, least))
        self.number = {word: i for i, word in enumerate(self.words)}
        self.lemmas = [wordnet.lemma(word, self.pos) for word in self.words]
        occurrences = [counts[word] for word in self.words]
        self.total = max(sum(counts.values()), 1)
        self.share = np.array(occurrences, dtype=np.float64) / self.total
        prior = (1 - DISCOUNT) * np.log(self.share)
        self.prior = prior.astype(np.float32)
        is_noun = self.pos == "n"
        self.sorts = [sorts_of(lemma) for lemma in self.lemmas] if is_noun else []


def _common_forms(counts: dict[str, int], pos: Pos, least: int) -> Iterable[str]:
    """The most common form of each lemma: captions that say "flies" also say "flys"."""
    best: dict[str, str] = {}
    by_count = sorted(counts, key=lambda word: (-counts[word], word))
    for word in by_count:
        if counts[word] >= least:
            best.setdefault(wordnet.lemma(word, pos), word)
    return best.values()


class CorpusFiller:
    """Ranks words by how well the captions' own statistics say that they fit.

    Args:
        counts: statistics of the captions.
    """

    name = "corpus"
    scores_phrases = False  # what relations are said is counted with their nouns

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._vocabulary = functools.cache(self._make_vocabulary)
        self._fit = functools.cache(self._make_fit)
        self._start = functools.cache(self._make_start)
        self._contradicting = functools.lru_cache(maxsize=1 << 14)(self._make_contradicting)
        self._admitted = functools.lru_cache(maxsize=1 << 10)(self._make_admitted)
        self._possible = functools.lru_cache(maxsize=1 << 14)(self._make_possible)

    def _make_vocabulary(self, tag: str) -> _Vocabulary:
        least = 1 + sum(self.counts.captions >= size for size in SIZES)
        counts = self.counts.words.get(tag, {})
        return _Vocabulary(counts, tag, least)

    def _make_fit(self, role: int, neighbor: str, tag: str) -> tuple[np.ndarray, np.ndarray]:
        """What one neighborhood adds: words seen there, and their surplus over those not."""
        vocabulary = self._vocabulary(tag)
        seen = self.counts.pairs.get((role, neighbor, tag), {})
        known = [word for word in seen if word in vocabulary.number]
        places = [vocabulary.number[word] for word in known]
        numbers = np.array(places, dtype=np.intp)
        times = np.array([seen[word] for word in known], dtype=np.float64)
        ratio = times / vocabulary.share[numbers] / PSEUDO
        surplus = WEIGHTS[role] * np.log1p(ratio)
        return numbers, surplus.astype(np.float32)

    def _make_start(self, tag: str, sorts: frozenset[str]) -> np.ndarray:
        """Scores without neighbors; nouns of other sorts than these are penalized."""
        vocabulary = self._vocabulary(tag)
        unlike = [sorts.isdisjoint(other) for other in vocabulary.sorts]
        penalty = np.float32(OTHER_SORT) * np.array(unlike, dtype=np.float32)
        start: np.ndarray = vocabulary.prior - penalty
        return start

    def _make_contradicting(self, tag: str, lemma: str) -> np.ndarray | None:
        """Numbers of the words that contradict a verb or adjective; None for nouns."""
        vocabulary = self._vocabulary(tag)
        # Nearly every noun names another thing; of verbs and adjectives hardly any contradicts.
        if vocabulary.pos == "n":
            return None
        against = [
            number
            for number, other in enumerate(vocabulary.lemmas)
            if validity.contradicts(lemma, other, vocabulary.pos)
        ]
        return np.array(against, dtype=np.intp)

    def rank(self, masked_words: Sequence[MaskedWord]) -> list[Ranking]:
        """Return the words that fit well enough for each masked word, best first."""
        return [self._rank(masked) for masked in masked_words]

    def _rank(self, masked: MaskedWord) -> LazyRanking:
        tag, lemma = masked.word.tag, masked.word.lemma
        return LazyRanking(
            self._vocabulary(tag).words,
            functools.partial(self._possible, tag, lemma),
            functools.partial(self._fitting, masked),
        )

    def _make_possible(self, tag: str, lemma: str, admit: Admit | None) -> Possible:
        """The words that could be negatives of a lemma under a tag, wherever that stands."""
        vocabulary = self._vocabulary(tag)
        contradicting = self._contradicting(tag, lemma)
        if contradicting is None:
            numbers, total = self._admitted(tag, admit), len(vocabulary.words)
        else:
            numbers, total = contradicting.tolist(), len(contradicting)
        words: list[tuple[int, str, str]] = []
        rejected: Counter[str] = Counter()
        for number in numbers:
            other = vocabulary.lemmas[number]
            reason = validity.refill_reason(lemma, other, vocabulary.pos)
            if reason is None:
                words.append((number, vocabulary.words[number], other))
            else:
                rejected[reason] += 1
        return Possible(words, rejected, total)

    def _make_admitted(self, tag: str, admit: Admit | None) -> list[int]:
        words = self._vocabulary(tag).words
        return [number for number, word in enumerate(words) if admit is None or admit(word)]

    def _fitting(
        self, masked: MaskedWord, numbers: list[int] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the words that fit well enough, and their scores.

        Of some words, or of all that contradict the masked one.
        """
        word = masked.word
        vocabulary = self._vocabulary(word.tag)
        around = neighbors(masked.caption.words, masked.index)
        original = np.float32(self._score_of_original(word, around))
        score = self._scores(word, around) - original
        candidates = self._contradicting(word.tag, word.lemma)
        if numbers is not None:
            candidates = np.array(numbers, dtype=np.intp)
        if candidates is not None:
            score = score[candidates]
        fitting = (score >= WORST[vocabulary.pos]).nonzero()[0]
        chosen = fitting if candidates is None else candidates[fitting]
        return chosen, score[fitting]

    def _score_of_original(self, word: Word, around: tuple[str, ...]) -> float:
        """Leave-one-out score of the word that is there."""
        seen = self.counts.words.get(word.tag, {})
        others = max(seen.get(word.lower, 0) - 1, 1)
        share = others / self._vocabulary(word.tag).total
        score = 0.0
        for role, neighbor in enumerate(around):
            beside = self.counts.pairs.get((role, neighbor, word.tag), {})
            times = beside.get(word.lower, 1) - 1
            score += WEIGHTS[role] * math.log1p(times / share / PSEUDO)
        return score + (1 - DISCOUNT) * math.log(share)

    def _scores(self, word: Word, around: tuple[str, ...]) -> np.ndarray:
        """The score of every word, less an addend that all have in common."""
        if word.pos == "n":
            sorts = widened(sorts_of(word.lemma))
            score = self._start(word.tag, sorts).copy()
        else:
            score = self._vocabulary(word.tag).prior.copy()
        for role, neighbor in enumerate(around):
            numbers, surplus = self._fit(role, neighbor, word.tag)
            score[numbers] += surplus
        return score

    def sure_of(self, masked: MaskedWord, word: str) -> bool:
        """Whether captions tell that a word has the masked word's tag here.

        They do if nearly all that use it use it under this tag, or if they use it so after this
        left and before this right neighbor.
        """
        tag, counts = masked.word.tag, self.counts
        times = counts.words[tag].get(word, 0)
        if times >= SURE * counts.uses[word]:
            return True
        left, right, *_ = neighbors(masked.caption.words, masked.index)
        after_left = counts.pairs.get((0, left, tag), {})
        before_right = counts.pairs.get((1, right, tag), {})
        return word in after_left and word in before_right
