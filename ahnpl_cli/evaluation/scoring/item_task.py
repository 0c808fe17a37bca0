"""The task of most suites: items that are each judged by their own similarities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.scoring.items import Features, Item, SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.scoring.judging import Judge


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

    def score(self, features: Features, *, official_ties: bool = False) -> SuiteVerdicts:
        """Return the verdicts; see `Task.score`."""
        ties_win = official_ties and self.official_ties_win
        verdicts: list[Verdict] = []
        for item, scores in features.similarities(self.scored):
            verdicts.extend(self.judge.verdicts(item, scores, ties_win))
        return SuiteVerdicts(verdicts)
