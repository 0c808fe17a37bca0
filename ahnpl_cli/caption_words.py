"""Words of captions as the controls that see no image take them, and what these give away.

A model trained on negatives that can be told from captions by text alone learns to do just that
(SugarCrepe, Hsieh et al. 2023, found it in earlier benchmarks). Here a bag of words is asked: each
word and each pair of neighbors has log-odds, learned on one half of the images, of standing in a
caption and not in its negative; on the other half, the text with the higher sum is called true.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ahnpl_cli.records import CaptionRecord
from ahnpl_cli.stable_hash import stable_hash

FOLDS = 2
SKEWED_WORDS = 5
FEWEST_PAIRS = 100  # of a kind, below which nothing is learned
_WORD = re.compile(r"[^\W_]+(?:'\w+)?")


def words(text: str) -> list[str]:
    """Return the words of a caption in lower case; a hyphen separates two."""
    return _WORD.findall(text.lower())


def fold_of(image: str, folds: int) -> int:
    """Return the fold of an image, the same for all its captions, so that none scores itself."""
    # By the first byte of SHA-256: printed controls rest on these folds.
    return (stable_hash(image, digest="sha256") >> 56) % folds


def half_of(image: str) -> int:
    """Return the half an image belongs to, so that no caption scores itself."""
    return fold_of(image, FOLDS)


@functools.lru_cache(maxsize=512)  # a caption is held against each of its negatives
def _grams(text: str) -> Counter[str]:
    """The words of a text and its pairs of neighbors, with how often; not to be changed."""
    single = words(text)
    pairs = map(" ".join, zip(single, single[1:], strict=False))
    return Counter((*single, *pairs))


@functools.lru_cache(maxsize=1 << 13)  # pairs are counted first and scored afterwards
def _changed(caption: str, negative: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What only the caption says, and what only the negative says, as often as it is said."""
    true, false = _grams(caption), _grams(negative)
    only_true = (true - false).elements()
    only_false = (false - true).elements()
    return tuple(only_true), tuple(only_false)


def _of_each_fold() -> list[Counter[str]]:
    return [Counter() for _ in range(FOLDS)]


@dataclass(slots=True)
class WordCounts:
    """How often each word and each pair of neighbors stands on either side of a pair, per fold."""

    true: list[Counter[str]] = field(default_factory=_of_each_fold)
    false: list[Counter[str]] = field(default_factory=_of_each_fold)

    def add(self, fold: int, caption: str, negative: str) -> None:
        """Count one pair; what stands on both sides says nothing and is left out."""
        only_true, only_false = _changed(caption, negative)
        self.true[fold].update(only_true)
        self.false[fold].update(only_false)

    def leaning(self, gram: str, fold: int) -> float:
        """Log-odds that a changed word belongs to the caption, from the other folds."""
        true = false = 1
        for other in range(FOLDS):
            if other != fold:
                true += self.true[other][gram]
                false += self.false[other][gram]
        return math.log(true / false)

    def score(self, fold: int, caption: str, negative: str) -> float:
        """How much likelier the caption is the true one of the pair, in log-odds."""
        only_true, only_false = _changed(caption, negative)
        in_favor = sum(self.leaning(gram, fold) for gram in only_true)
        return in_favor - sum(self.leaning(gram, fold) for gram in only_false)


def most_skewed(counts: Iterable[WordCounts]) -> list[tuple[str, int, int]]:
    """Return (word, times in captions, times in negatives), the most telling first."""
    true: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for each in counts:
        for fold in range(FOLDS):
            true.update(each.true[fold])
            false.update(each.false[fold])

    def telling(word: str) -> float:
        total = true[word] + false[word]
        return abs(true[word] - false[word]) / math.sqrt(total)

    grams = {*true, *false}
    single = [gram for gram in grams if " " not in gram]
    ranked = sorted(single, key=lambda word: (-telling(word), word))
    most = ranked[:SKEWED_WORDS]
    return [(word, true[word], false[word]) for word in most]


def guess_rate(scores: Iterable[float]) -> float:
    """Percent of pairs that a guesser gets right, a score of 0 counting half."""
    right = count = 0.0
    for score in scores:
        count += 1
        right += 1.0 if score > 0 else 0.5 if score == 0 else 0.0
    return 100 * right / count if count else 50.0


def blind_accuracy(
    records: Sequence[CaptionRecord], kinds: Iterable[str]
) -> dict[str, float | None]:
    """Return kind -> percent of pairs that words alone tell apart; None of one with few pairs."""
    counts: dict[str, WordCounts] = defaultdict(WordCounts)
    pairs = [
        (negative.kind, half_of(record.image), record.caption, negative.caption)
        for record in records
        for negative in record.negatives
    ]
    scores: dict[str, list[float]] = defaultdict(list)
    for kind, fold, caption, negative in pairs:
        counts[kind].add(fold, caption, negative)
    for kind, fold, caption, negative in pairs:
        scores[kind].append(counts[kind].score(fold, caption, negative))
    accuracies: dict[str, float | None] = {}
    for kind in kinds:
        is_known = len(scores[kind]) >= FEWEST_PAIRS
        accuracies[kind] = round(guess_rate(scores[kind]), 1) if is_known else None
    return accuracies
