"""What a benchmark file becomes: items, the subsets they count in, verdicts, named averages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.images import ImageRef, coco_number
from ahnpl_cli.evaluation.scoring.statistics import Average
from ahnpl_cli.stable_hash import stable_hash

Floats = NDArray[np.float32]
Scores = tuple[float, ...]
Half = Literal["tuning", "reported"]
# By subset: right verdicts to expect of guessing, NaN where that is not known, and verdicts.
Guesses = dict[str, tuple[float, int]]


def half_of(image: str) -> Half:
    """Return the half that all items of an image lie in: one half to choose by, one to report.

    Training, `ahnpl eval` and `ahnpl frontier` halve alike, so that what was chosen on the first
    half can be reported on the second.
    """
    # A photo of COCO lies in one half under its names of both years.
    number = coco_number(PurePosixPath(image).name)
    name = image if number is None else f"{number}.jpg"
    return "tuning" if stable_hash("frontier", name) % 2 == 0 else "reported"


@dataclass(frozen=True, slots=True)
class Item:
    """One question to a model.

    Attributes:
        id: unique in its suite; the official key where there is one.
        images: the candidates' images, in official order.
        texts: the candidates' captions, the true ones first.
        subsets: what the item belongs to, such as a file, a tag or a kind of negative.
        positives: how many of `texts` are true.
        cluster: what is resampled together in a bootstrap: the image's name.
        text_only: similarities are between texts, and `images` are not looked at.
    """

    id: str
    images: tuple[ImageRef, ...]
    texts: tuple[str, ...]
    subsets: tuple[str, ...]
    positives: int = 1
    cluster: str = ""
    text_only: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether one image has several captions to choose from."""
        return len(self.images) == 1 and len(self.texts) > 1 and not self.text_only

    @property
    def n_similarities(self) -> int:
        """How many similarities the item has: images x texts, or pairs of texts."""
        # Each pair of texts once; see `FeatureTable`, which has them in this order.
        if self.text_only:
            return len(self.texts) * (len(self.texts) - 1) // 2
        return len(self.images) * len(self.texts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model did with one item: one line of the scores file.

    Attributes:
        id: the item's.
        image: the cluster of the item.
        correct: right or wrong, per subset that the verdict counts in.
        ties: subsets in which equal similarities decided.
        scores: every similarity, in the order of the item's candidates.
        targets: of an image with several labels, by class: 1 on it, 0 not, -1 does not count.
    """

    id: str
    image: str
    correct: dict[str, bool]
    ties: tuple[str, ...] = ()
    scores: Scores = ()
    targets: tuple[int, ...] = ()


class Features(Protocol):
    """One model's features of every image and text that the suites need, L2-normalized."""

    def images(self, refs: Sequence[ImageRef]) -> Floats:
        """Return (N, D) float32 image_features."""
        ...

    def texts(self, texts: Sequence[str]) -> Floats:
        """Return (N, D) float32 text_features."""
        ...

    def similarities(self, items: Sequence[Item]) -> Iterator[tuple[Item, Scores]]:
        """Yield each item with its similarities; see `features.FeatureTable`."""
        ...


@dataclass(frozen=True, slots=True)
class SuiteVerdicts:
    """A suite's verdicts for one model, and what was chosen on the way.

    Attributes:
        verdicts: one or more per item scored.
        values: such as the C of a linear probe, by name.
    """

    verdicts: list[Verdict]
    values: dict[str, float] = field(default_factory=dict)

    def of_half(self, half: Half) -> SuiteVerdicts:
        """Return the verdicts of one half of the items; candidates were those of both."""
        verdicts = [verdict for verdict in self.verdicts if half_of(verdict.image) == half]
        return SuiteVerdicts(verdicts, self.values)


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


class Task(Protocol):
    """What a suite asks a model: items one by one, retrieval, or classification."""

    @property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not on this disk."""
        ...

    @property
    def is_scorable(self) -> bool:
        """Whether anything can be scored: an image is there, or an item needs none."""
        ...

    def totals(self) -> Mapping[str, int]:
        """Return the verdicts per subset if no image were missing."""
        ...

    def images(self) -> Iterable[ImageRef]:
        """Yield the images to encode: those that are there."""
        ...

    def texts(self) -> Iterable[str]:
        """Yield the texts to encode."""
        ...

    def guesses(self) -> Guesses:
        """Return what guessing gives on what is scored.

        To guess is to give every similarity a number at random: each order is as likely.
        """
        ...

    def score(self, features: Features, *, official_ties: bool = False) -> SuiteVerdicts:
        """Return the verdicts.

        Args:
            features: of one model.
            official_ties: judge a tie as the official script does, not strictly.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A benchmark as found on this disk, ready to be scored.

    Attributes:
        name: as typed on the command line.
        task: what is asked, and how answers are judged.
        averages: what papers report, by name.
        headline: the average, or derived metric, that stands for the suite.
        main_subsets: subsets that a table shows; the others go to the report alone.
        counts: found against published.
        notes: what a reader has to know of this copy.
        files: annotation files, whose hashes go into the report.
    """

    name: str
    task: Task
    averages: Mapping[str, Average]
    headline: str
    main_subsets: Sequence[str]
    counts: Sequence[Count] = ()
    notes: Sequence[str] = ()
    files: Sequence[Path] = ()
