"""What gives negatives away without the image: length and words, as a blind model would see them.

A model trained on negatives that can be told from captions by text alone learns to do just that
(SugarCrepe, Hsieh et al. 2023, found it in earlier benchmarks).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ahnpl_cli.caption_words import fold_of, words

FOLDS = 2
SKEWED_WORDS = 5


def half_of(image: str) -> int:
    """Return the half an image belongs to, so that no caption scores itself."""
    return fold_of(image, FOLDS)


@dataclass(slots=True)
class WordCounts:
    """How often each word stands on either side of a pair, per fold."""

    true: list[Counter[str]] = field(default_factory=lambda: [Counter() for _ in range(FOLDS)])
    false: list[Counter[str]] = field(default_factory=lambda: [Counter() for _ in range(FOLDS)])

    def add(self, fold: int, caption: str, negative: str) -> None:
        """Count one pair; words on both sides say nothing and are left out."""
        ours, theirs = Counter(words(caption)), Counter(words(negative))
        self.true[fold].update(ours - theirs)
        self.false[fold].update(theirs - ours)

    def leaning(self, word: str, fold: int) -> float:
        """Log-odds that a changed word belongs to the caption, from the other folds."""
        others = [f for f in range(FOLDS) if f != fold]
        true = 1 + sum(self.true[f][word] for f in others)
        false = 1 + sum(self.false[f][word] for f in others)
        return math.log(true / false)

    def score(self, fold: int, caption: str, negative: str) -> float:
        """How much likelier the caption is the true one of the pair, in log-odds."""
        ours, theirs = Counter(words(caption)), Counter(words(negative))
        gained, lost = (ours - theirs).elements(), (theirs - ours).elements()
        return sum(self.leaning(w, fold) for w in gained) - sum(self.leaning(w, fold) for w in lost)

    def most_skewed(self) -> list[tuple[str, int, int]]:
        """Return (word, times in captions, times in negatives), the most telling first."""
        true, false = sum(self.true, Counter()), sum(self.false, Counter())

        def telling(word: str) -> float:
            total = true[word] + false[word]
            return abs(true[word] - false[word]) / math.sqrt(total)

        ranked = sorted({*true, *false}, key=lambda w: (-telling(w), w))
        return [(word, true[word], false[word]) for word in ranked[:SKEWED_WORDS]]


def guess_rate(scores: Iterable[float]) -> float:
    """Percent of pairs that a guesser gets right, a score of 0 counting half."""
    right = count = 0.0
    for score in scores:
        count += 1
        right += 1.0 if score > 0 else 0.5 if score == 0 else 0.0
    return 100 * right / count if count else 50.0
