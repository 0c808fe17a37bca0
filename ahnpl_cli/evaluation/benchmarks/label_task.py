"""Classification of labeled images, whatever gives the scores: prompts or a linear probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks.base import LocalCopy
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage
from ahnpl_cli.evaluation.benchmarks.retention_sets import WHOLE, known_set, means_of
from ahnpl_cli.evaluation.scoring.items import (
    Features,
    Floats,
    Guesses,
    Suite,
    SuiteVerdicts,
    Verdict,
)
from ahnpl_cli.evaluation.scoring.metrics import PRECISIONS
from ahnpl_cli.evaluation.scoring.statistics import Average, mean

TOP = 5
# With five classes or fewer everything is in the top five.
LEAST_CLASSES = 6


class ClassScores(NamedTuple):
    """Scores (N, C) of every class on test images, and what was chosen on the way, by name."""

    scores: Floats
    chosen: Mapping[str, float]


class Classifier(Protocol):
    """What gives the scores of a data set's classes."""

    def training_images(self, data: ClassData) -> Sequence[LabeledImage]:
        """Return the images that are looked at beside those of the test."""
        ...

    def texts(self, data: ClassData) -> Iterable[str]:
        """Yield the texts that are looked at."""
        ...

    def scores(
        self, data: ClassData, rows: Sequence[LabeledImage], features: Features
    ) -> ClassScores | None:
        """Return the scores of test images, or None where no image is here to learn from."""
        ...


def tops(data: ClassData) -> dict[str, int]:
    """Return the subsets of a single-label data set, by name, and how many guesses each allows."""
    every = {f"{data.name} top-1": 1}
    if len(data.classes) >= LEAST_CLASSES:
        every[f"{data.name} top-{TOP}"] = TOP
    return every


def single_verdicts(
    data: ClassData, rows: Sequence[LabeledImage], scores: Floats, *, official_ties: bool = False
) -> Iterator[Verdict]:
    """Yield top-1 and top-5 verdicts, also under the class; a tie with another class is wrong.

    Scores kept of an image: of its own class, and of the best other.

    Args:
        data: names the subsets.
        rows: test images.
        scores: (N, C) of every class.
        official_ties: as `argmax` has it: of equal scores the first class wins, so that of two
            classes of one name the first is right.
    """
    for row, line in zip(rows, scores, strict=True):
        (label,) = row.labels
        own = line[label]
        # Without its own class, so that equal class names tie and a class does not beat itself.
        others = np.delete(line, label)
        above = int((others > own).sum())
        at_least = int((others >= own).sum())
        place = at_least
        if official_ties:
            place = above + int((line[:label] == own).sum())
        subsets = {name: place < guesses for name, guesses in tops(data).items()}
        subsets[_class_subset(data, label)] = place < 1
        ties = (f"{data.name} top-1",) if above < 1 <= at_least else ()
        key = f"{data.name}/{row.id}"
        best = others.max(initial=np.finfo(np.float32).min)
        yield Verdict(key, key, subsets, ties, (float(own), float(best)))


def _class_subset(data: ClassData, label: int) -> str:
    return f"{data.name} / {data.classes[label]}"


def targets(data: ClassData, rows: Sequence[LabeledImage]) -> NDArray[np.int8]:
    """Return (N, C): 1 where a class is on an image, 0 where not, -1 where it does not count."""
    table = np.zeros((len(rows), len(data.classes)), dtype=np.int8)
    for i, row in enumerate(rows):
        # An object that is difficult here and plain there is on the image: labels come last.
        table[i, list(row.ignored)] = -1
        table[i, list(row.labels)] = 1
    return table


def _multi_verdicts(
    data: ClassData, rows: Sequence[LabeledImage], scores: Floats
) -> Iterator[Verdict]:
    """Yield every score and target of images with several labels; mAP is made of all of them."""
    for row, line, target in zip(rows, scores, targets(data, rows), strict=True):
        key = f"{data.name}/{row.id}"
        yield Verdict(key, key, {}, (), tuple(line.tolist()), tuple(target.tolist()))


@dataclass(frozen=True, kw_only=True)
class LabelTask:
    """Every data set of labeled images that was found; see `items.Task`.

    Attributes:
        data: the data sets.
        classifier: gives the scores of their classes.
    """

    data: Sequence[ClassData]
    classifier: Classifier

    @cached_property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not here, training images too where they are looked at."""
        paths: dict[Path, None] = {}
        for data in self.data:
            rows = (*self.classifier.training_images(data), *data.test)
            paths |= dict.fromkeys(r.image.path for r in rows if r.image.path in data.missing)
        return list(paths)

    @property
    def is_scorable(self) -> bool:
        """Whether any test image is here."""
        return any(data.here(data.test) for data in self.data)

    def totals(self) -> Mapping[str, int]:
        """Return the verdicts per subset, and per mAP, if no image were missing."""
        totals: dict[str, int] = {}
        for data in self.data:
            if data.multi:
                continue
            totals |= dict.fromkeys(tops(data), len(data.test))
            for row in data.test:
                name = _class_subset(data, row.labels[0])
                totals[name] = totals.get(name, 0) + 1
        for data in self.data:
            if data.multi:
                totals |= {f"{data.name} {metric}": len(data.test) for metric in PRECISIONS}
        return totals

    def guesses(self) -> Guesses:
        """Return what guessing gives: k of C classes; see `items.Task.guesses`."""
        total: Guesses = {}
        for data in self.data:
            # A mAP of random scores hangs on how many images have the class: no one number.
            if data.multi:
                continue
            rows = data.here(data.test)
            classes = len(data.classes)
            for name, guesses in tops(data).items():
                total[name] = (len(rows) * guesses / classes, len(rows))
            for row in rows:
                name = _class_subset(data, row.labels[0])
                right, count = total.get(name, (0.0, 0))
                total[name] = (right + 1 / classes, count + 1)
        return total

    def images(self) -> Iterable[ImageRef]:
        """Yield the images to encode."""
        for data in self.data:
            for row in (*self.classifier.training_images(data), *data.test):
                if row.image.path not in data.missing:
                    yield row.image

    def texts(self) -> Iterable[str]:
        """Yield the texts to encode."""
        for data in self.data:
            yield from self.classifier.texts(data)

    def test_images(self) -> frozenset[Path]:
        """Return the images that are reported on, as far as they are here."""
        paths: set[Path] = set()
        for data in self.data:
            paths |= {row.image.path for row in data.here(data.test)}
        return frozenset(paths)

    def without(self, paths: frozenset[Path]) -> LabelTask:
        """Return the task as if these images were not here."""
        data_sets = [replace(data, missing=data.missing | paths) for data in self.data]
        return replace(self, data=data_sets)

    def score(self, features: Features, *, official_ties: bool = False) -> SuiteVerdicts:
        """Return one verdict an image; see `items.Task.score`."""
        verdicts: list[Verdict] = []
        values: dict[str, float] = {}
        for data in self.data:
            rows = data.here(data.test)
            if not rows:
                continue
            class_scores = self.classifier.scores(data, rows, features)
            if class_scores is None:
                continue
            scores, chosen = class_scores
            values |= chosen
            if data.multi:
                verdicts += _multi_verdicts(data, rows, scores)
            else:
                verdicts += single_verdicts(data, rows, scores, official_ties=official_ties)
        return SuiteVerdicts(verdicts, values)


def averages_of(data_sets: Sequence[ClassData]) -> dict[str, Average]:
    """Return the mean per class of each single-label data set, and the mean over data sets.

    Of all classes that the test has: the name ends in `_partial` where one has no image left.
    """
    single = [data for data in data_sets if not data.multi]
    averages: dict[str, Average] = {}
    if len(single) > 1:
        averages[f"macro_{len(single)}_top1"] = mean(*(f"{data.name} top-1" for data in single))
    for data in single:
        labels = sorted({row.labels[0] for row in data.test})
        if labels:
            classes = (_class_subset(data, label) for label in labels)
            averages[f"{data.name}_mean_per_class"] = mean(*dict.fromkeys(classes))
    return averages


def label_suite(copy: LocalCopy, data_sets: Sequence[ClassData], classifier: Classifier) -> Suite:
    """Return the suite of some data sets: single labels by top-1 and top-5, several by mAP."""
    averages = averages_of(data_sets)
    # A mean that papers print stands for the suite where all of its sets are here.
    whole = [name for name in means_of([data.name for data in data_sets]) if name in WHOLE]
    main_subsets: list[str] = []
    files: list[Path] = []
    for data in data_sets:
        known = known_set(data.name)
        published = data.published or (known.test_images if known else None)
        copy.count(f"{data.name} test images", len(data.test), published)
        # A row of mAP stands only where no image is here; else it is a derived metric.
        main_subsets += [f"{data.name} mAP"] if data.multi else tops(data)
        files += data.files
    return copy.suite(
        LabelTask(data=data_sets, classifier=classifier),
        averages,
        main_subsets=main_subsets,
        headline=next(reversed(whole), next(iter(averages), f"{data_sets[0].name} mAP")),
        files=files,
    )
