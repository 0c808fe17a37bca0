"""What a benchmark file becomes: items to score, the rows they count in, and named averages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.scoring.averages import Average

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Item:
    """One question to a model.

    Attributes:
        id: unique in its suite; the official key where there is one.
        images: the candidates' images, in official order.
        texts: the candidates' captions, the true ones first.
        rows: the subsets and keys that the verdict counts in.
        positives: how many of `texts` are true.
        cluster: what is resampled together in a bootstrap: the image's name.
        text_only: similarities are between texts, and `images` are not looked at.
    """

    id: str
    images: tuple[ImageRef, ...]
    texts: tuple[str, ...]
    rows: tuple[str, ...]
    positives: int = 1
    cluster: str = ""
    text_only: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model did with one item: one line of the items file.

    Attributes:
        id: the item's.
        image: the cluster of the item.
        correct: right or wrong, per row that the item counts in.
        ties: rows in which equal similarities decided.
        scores: every similarity, in the order of the item's candidates.
        targets: of an image with several labels, by class: 1 on it, 0 not, -1 does not count.
    """

    id: str
    image: str
    correct: dict[str, bool]
    ties: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    targets: tuple[int, ...] = ()


class Features(Protocol):
    """One model's features of every image and text that the suites asked for, L2-normalised."""

    def images(self, refs: Sequence[ImageRef]) -> Floats:
        """Return (N, D) float32 image_features."""
        ...

    def texts(self, texts: Sequence[str]) -> Floats:
        """Return (N, D) float32 text_features."""
        ...

    def similarities(self, items: Sequence[Item]) -> Iterator[tuple[Item, tuple[float, ...]]]:
        """Yield each item with its similarities; see `features.FeatureTable`."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """A suite's verdicts for one model, and what was chosen on the way.

    Attributes:
        verdicts: one per item scored.
        values: such as the C of a linear probe, by name.
    """

    verdicts: list[Verdict]
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Count:
    """How many items a file has, and how many its authors published (None: not published)."""

    what: str
    found: int
    published: int | None

    @property
    def differs(self) -> bool:
        """Whether the file is not the published one, by number."""
        return self.published is not None and self.found != self.published


class Suite(Protocol):
    """A benchmark as found on this disk, ready to be scored."""

    @property
    def name(self) -> str:
        """As typed on the command line."""
        ...

    @property
    def averages(self) -> Mapping[str, Average]:
        """What papers report, by name."""
        ...

    @property
    def primary(self) -> str:
        """The average, or value, that stands for the suite."""
        ...

    @property
    def shown(self) -> Sequence[str]:
        """Rows that a table shows; the others go to the report alone."""
        ...

    @property
    def counts(self) -> Sequence[Count]:
        """Found against published."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a reader has to know of this copy."""
        ...

    @property
    def files(self) -> Sequence[Path]:
        """Annotation files, whose hashes go into the report."""
        ...

    @property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not there."""
        ...

    def totals(self) -> Mapping[str, int]:
        """Return the verdicts per row if no image were missing."""
        ...

    def images(self) -> Iterable[ImageRef]:
        """Yield the images to encode: those that are there."""
        ...

    def texts(self) -> Iterable[str]:
        """Yield the texts to encode."""
        ...

    def score(self, features: Features, *, official_ties: bool = False) -> Outcome:
        """Return the verdicts.

        Args:
            features: of one model.
            official_ties: judge a tie as the official script does, not strictly.
        """
        ...


Judge = Callable[[Item, tuple[float, ...], bool], Iterator[Verdict]]


@dataclass(frozen=True, kw_only=True)
class ItemSuite:
    """A suite of items that are each judged by their own similarities.

    Attributes:
        judge: makes verdicts of an item, its similarities and whether ties win.
        official_ties_win: whether the official script counts a tie as right.
        absent: images that are not on this disk.
    """

    name: str
    items: Sequence[Item]
    judge: Judge
    averages: Mapping[str, Average]
    primary: str
    shown: Sequence[str]
    counts: Sequence[Count] = ()
    notes: Sequence[str] = ()
    files: Sequence[Path] = ()
    official_ties_win: bool = False
    absent: frozenset[Path] = frozenset()

    def _is_there(self, item: Item) -> bool:
        return item.text_only or not any(ref.path in self.absent for ref in item.images)

    @property
    def scored(self) -> list[Item]:
        """The items whose images are all there."""
        return [item for item in self.items if self._is_there(item)]

    @property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not there, of the items that need them."""
        needed = (ref.path for item in self.items if not item.text_only for ref in item.images)
        return [path for path in dict.fromkeys(needed) if path in self.absent]

    def totals(self) -> Mapping[str, int]:
        """Return the verdicts per row if no image were missing."""
        rows: Counter[str] = Counter()
        for item in self.items:
            flat = (0.0,) * n_similarities(item)
            for verdict in self.judge(item, flat, False):
                rows.update(list(verdict.correct))
        return rows

    def images(self) -> Iterable[ImageRef]:
        """Yield the images to encode: those of the items that are scored."""
        return (ref for item in self.scored if not item.text_only for ref in item.images)

    def texts(self) -> Iterable[str]:
        """Yield the texts to encode."""
        return (text for item in self.scored for text in item.texts)

    def score(self, features: Features, *, official_ties: bool = False) -> Outcome:
        """Return the verdicts; see `Suite.score`."""
        ties_win = official_ties and self.official_ties_win
        verdicts = [
            verdict
            for item, scores in features.similarities(self.scored)
            for verdict in self.judge(item, scores, ties_win)
        ]
        return Outcome(verdicts)


def n_similarities(item: Item) -> int:
    """Return how many similarities an item has: images x texts, or pairs of texts."""
    if item.text_only:
        return len(item.texts) * (len(item.texts) - 1) // 2
    return len(item.images) * len(item.texts)
