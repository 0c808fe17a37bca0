"""How similarities of one item become verdicts: one small judge per kind of question, one tie rule.

Canonical rule: a strict `>` in fp32, so that a tie is wrong; `ties_win` is the other reading, which
some official scripts have (facts of each benchmark's file).

`ItemTask` is the task of most suites: items that are each judged by their own similarities.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.scoring.items import (
    Features,
    Guesses,
    Item,
    Scores,
    SuiteVerdicts,
    Verdict,
)

GROUP_MEASURES = ("text", "image", "group")
MOST_ORDERED = 6  # similarities of which every order is tried: 720


class Outcome(NamedTuple):
    """One verdict: whether it is right, and whether the deciding similarities were equal."""

    correct: bool
    tied: bool


def beats(positive: float, negative: float, *, ties_win: bool = False) -> Outcome:
    """Whether a positive similarity is above a negative one."""
    # To the last bit: similarities are computed row by row, so that equal inputs give equal ones.
    tied = positive == negative
    return Outcome(positive > negative or (tied and ties_win), tied)


def choose(scores: Scores, positives: int = 1, *, ties_win: bool = False) -> Outcome:
    """Whether the worst of the first `positives` scores is above the best of the others."""
    return beats(min(scores[:positives]), max(scores[positives:]), ties_win=ties_win)


def rank_of_first(scores: Scores) -> int:
    """Return how many others are at or above the first score: 0 is the top, a tie counts against.

    CREPE's R@k is `rank_of_first < k`; its script's argsort is unstable, so ties are undefined.
    """
    return sum(score >= scores[0] for score in scores[1:])


def group_text(matrix: Sequence[Scores], i: int, *, ties_win: bool = False) -> Outcome:
    """Whether image i prefers its own caption to every other of the group.

    Args:
        matrix: similarities, rows are images and columns captions, i belongs to i.
        i: which image.
        ties_win: whether an equal score of a later caption is forgiven (argmax, first index wins).
    """
    others = [score for j, score in enumerate(matrix[i]) if j != i]
    # argmax takes the first of equals: an equal caption before i's own still wins over it.
    first = ties_win and all(score != matrix[i][i] for score in matrix[i][:i])
    return beats(matrix[i][i], max(others), ties_win=first)


def group_image(matrix: Sequence[Scores], i: int, *, ties_win: bool = False) -> Outcome:
    """Whether caption i prefers its own image: `group_text` of the transposed matrix."""
    return group_text(list(zip(*matrix, strict=True)), i, ties_win=ties_win)


def both(*outcomes: Outcome) -> Outcome:
    """All of several verdicts; tied when a tie is what decides."""
    correct = all(outcome.correct for outcome in outcomes)
    # A wrong part that is no tie decides by itself, whatever ties there are beside it.
    decided = all(outcome.correct or outcome.tied for outcome in outcomes)
    return Outcome(correct, decided and any(outcome.tied for outcome in outcomes))


@dataclass(frozen=True, slots=True)
class Judge:
    """How the items of a suite are judged.

    Attributes:
        verdicts: makes verdicts of an item, its similarities, and whether a tie wins.
        subsets: names every subset that the verdicts of an item count in, once per verdict, so that
            totals are known before anything is scored.
        guess: how likely guessing is right, by subset, where that is a formula; else every order
            of the similarities is tried, if they are few.
    """

    verdicts: Callable[[Item, Scores, bool], Iterable[Verdict]]
    subsets: Callable[[Item], Iterable[str]]
    guess: Callable[[Item], Mapping[str, float]] | None = None

    def guesses(self, item: Item) -> Guesses:
        """Return what guessing gives on an item; see `Task.guesses`."""
        if self.guess is not None:
            return {subset: (share, 1) for subset, share in self.guess(item).items()}
        if item.n_similarities > MOST_ORDERED:
            # Sixteen similarities have 2 * 10^13 orders, and a sample would be no round number.
            return dict.fromkeys(self.subsets(item), (math.nan, 1))
        right: Counter[str] = Counter()
        verdicts: Counter[str] = Counter()
        orders = 0
        # Distinct numbers: random similarities have no ties.
        for order in permutations(map(float, range(item.n_similarities))):
            orders += 1
            for verdict in self.verdicts(item, order, False):
                verdicts.update(verdict.correct.keys())
                right.update(subset for subset, correct in verdict.correct.items() if correct)
        # Each order gives as many verdicts, and all orders are as likely.
        return {name: (right[name] / orders, verdicts[name] // orders) for name in verdicts}


def verdict(item: Item, scores: Scores, outcomes: dict[str, Outcome], suffix: str = "") -> Verdict:
    """Return the verdict of an item from one outcome per subset."""
    # Ties are kept with the verdict: they say how much the tie rule alone decides.
    ties = tuple(subset for subset, outcome in outcomes.items() if outcome.tied)
    correct = {subset: bool(outcome.correct) for subset, outcome in outcomes.items()}
    return Verdict(item.id + suffix, item.cluster, correct, ties, scores)


def choose_caption(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """One image, N captions: every true one has to be above every false one."""
    outcome = choose(scores, item.positives, ties_win=ties_win)
    yield verdict(item, scores, dict.fromkeys(item.subsets, outcome))


def guess_choice(item: Item) -> dict[str, float]:
    """Return how likely the true ones of N candidates are above all others: 1/N of one."""
    share = 1 / math.comb(max(len(item.texts), len(item.images)), item.positives)
    return dict.fromkeys(item.subsets, share)


CHOICE = Judge(choose_caption, lambda item: item.subsets, guess_choice)


def choose_image(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """One caption, N images: the first one has to be above every other."""
    outcome = choose(scores, ties_win=ties_win)
    yield verdict(item, scores, dict.fromkeys(item.subsets, outcome))


IMAGE_CHOICE = Judge(choose_image, lambda item: item.subsets, guess_choice)


def matrix(item: Item, scores: Scores) -> list[Scores]:
    """Return the similarities as rows of images and columns of captions."""
    width = len(item.texts)
    return [scores[i * width : (i + 1) * width] for i in range(len(item.images))]


def tagged(measure: str, tags: Sequence[str]) -> list[str]:
    """Return the subsets that a measure counts in: overall, and under every tag."""
    return [measure, *(f"{measure} / {tag}" for tag in tags)]


def two_by_two(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """Two images, two captions: text, image and group score (Thrush et al. 2022, Eqs. 1-3).

    The item's subsets are its tags; every measure counts overall and under every tag.
    """
    similarity = matrix(item, scores)
    text = both(group_text(similarity, 0), group_text(similarity, 1))
    image = both(group_image(similarity, 0), group_image(similarity, 1))
    group = both(text, image)
    outcomes: dict[str, Outcome] = {}
    # Every measure overall and under each tag, from the same four similarities.
    for measure, outcome in zip(GROUP_MEASURES, (text, image, group), strict=True):
        outcomes |= dict.fromkeys(tagged(measure, item.subsets), outcome)
    yield verdict(item, scores, outcomes)


def _two_by_two_subsets(item: Item) -> Iterator[str]:
    for measure in GROUP_MEASURES:
        yield from tagged(measure, item.subsets)


TWO_BY_TWO = Judge(two_by_two, _two_by_two_subsets)


@dataclass(frozen=True, kw_only=True)
class ItemTask:
    """Items that are each judged by their own similarities; see `Task`.

    Attributes:
        items: every item, also those without their image.
        judge: makes verdicts of an item's similarities.
        official_ties_win: whether the official script counts a tie as right.
        absent: images that are not on this disk.
    """

    items: Sequence[Item]
    judge: Judge
    official_ties_win: bool = False
    absent: frozenset[Path] = frozenset()

    @cached_property
    def scored(self) -> list[Item]:
        """The items whose images are all there."""
        return [item for item in self.items if self._has_its_images(item)]

    def _has_its_images(self, item: Item) -> bool:
        if item.text_only:
            return True
        return not any(ref.path in self.absent for ref in item.images)

    @cached_property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not there, of the items that need them."""
        missing: dict[Path, None] = {}
        for item in self.items:
            # SugarCrepe++'s text task has images on record that it never looks at.
            if item.text_only:
                continue
            for ref in item.images:
                if ref.path in self.absent:
                    missing[ref.path] = None
        return list(missing)

    @property
    def is_scorable(self) -> bool:
        """Whether any item has its images, or needs none."""
        return bool(self.scored)

    def totals(self) -> Mapping[str, int]:
        """Return the verdicts per subset if no image were missing."""
        subsets: Counter[str] = Counter()
        for item in self.items:
            subsets.update(self.judge.subsets(item))
        return subsets

    def images(self) -> Iterable[ImageRef]:
        """Yield the images to encode: those of the items that are scored."""
        for item in self.scored:
            if not item.text_only:
                yield from item.images

    def texts(self) -> Iterable[str]:
        """Yield the texts to encode."""
        for item in self.scored:
            yield from item.texts

    def guesses(self) -> Guesses:
        """Return what guessing gives on the items that are scored; see `Task.guesses`."""
        # Items of one shape and the same subsets are guessed alike, and a suite has few of them.
        alike: dict[tuple[object, ...], Guesses] = {}
        total: Guesses = {}
        for item in self.scored:
            sizes = (len(item.images), len(item.texts), item.positives, item.text_only)
            shape = (*sizes, item.subsets)
            if shape not in alike:
                alike[shape] = self.judge.guesses(item)
            for subset, (right, verdicts) in alike[shape].items():
                before, count = total.get(subset, (0.0, 0))
                total[subset] = (before + right, count + verdicts)
        return total

    def score(self, features: Features, *, official_ties: bool = False) -> SuiteVerdicts:
        """Return the verdicts; see `Task.score`."""
        # `--tie official` changes only those suites whose scripts give ties away.
        ties_win = official_ties and self.official_ties_win
        verdicts: list[Verdict] = []
        # Similarities of all items are asked for at once, so that they are computed in blocks.
        for item, scores in features.similarities(self.scored):
            verdicts.extend(self.judge.verdicts(item, scores, ties_win))
        return SuiteVerdicts(verdicts)
