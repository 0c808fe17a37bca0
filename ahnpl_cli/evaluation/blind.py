"""Controls that never see the image: what a suite gives away by its captions alone.

`shorter`: the caption with fewer words wins; `longer`: with more. `unigram`: the caption whose
words are the more usual ones among true captions wins, by the mean log probability of its words
(add-one smoothing), each item scored by a model of the other items' images: five folds by image.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from ahnpl_cli.evaluation.report import SuiteReport
from ahnpl_cli.evaluation.scoring.items import Item, ItemSuite, Outcome, Suite
from ahnpl_cli.evaluation.suite_report import suite_report

FOLDS = 5
Score = Callable[[Item, str], float]
_WORD = re.compile(r"[^\W_]+(?:'\w+)?")


def words(text: str) -> list[str]:
    """Return the words of a caption in lower case."""
    return _WORD.findall(text.lower())


def fold(item: Item) -> int:
    """Return the fold of an item: the same for all items of its image."""
    return hashlib.sha256(item.cluster.encode()).digest()[0] % FOLDS


def unigram(items: Iterable[Item]) -> Score:
    """Return a score by the words of the true captions of the other folds."""
    counts = [Counter[str]() for _ in range(FOLDS)]
    for item in items:
        for text in item.texts[: item.positives]:
            for other in range(FOLDS):
                if other != fold(item):
                    counts[other].update(words(text))
    totals = [sum(count.values()) + len(count) + 1 for count in counts]

    def score(item: Item, text: str) -> float:
        known, total = counts[fold(item)], totals[fold(item)]
        logs = [math.log((known[word] + 1) / total) for word in words(text)]
        return sum(logs) / len(logs) if logs else -math.inf

    return score


def controls(items: Sequence[Item]) -> Mapping[str, Score]:
    """Return the controls by name."""
    return {
        "shorter": lambda item, text: -float(len(words(text))),
        "longer": lambda item, text: float(len(words(text))),
        "unigram": unigram(items),
    }


def is_choice(suite: Suite) -> bool:
    """Whether every image of a suite has candidate captions to choose from."""
    return isinstance(suite, ItemSuite) and any(_is_choice(item) for item in suite.items)


def _is_choice(item: Item) -> bool:
    return len(item.images) == 1 and len(item.texts) > 1 and not item.text_only


def blind_reports(
    suite: ItemSuite, totals: Mapping[str, int], *, samples: int, seed: int
) -> dict[str, SuiteReport]:
    """Return a suite's report for each control, on the items that the models were scored on.

    Args:
        suite: of choices.
        totals: verdicts per row if no image were missing.
        samples: bootstrap replicates.
        seed: of the bootstrap.
    """
    items = [item for item in suite.scored if _is_choice(item)]
    made = {}
    for name, score in controls(items).items():
        verdicts = [
            verdict
            for item in items
            for verdict in suite.judge(item, tuple(score(item, t) for t in item.texts), False)
        ]
        outcome = Outcome(verdicts)
        made[name] = suite_report(suite, outcome, {}, totals, samples=samples, seed=seed)
    return made
