"""Zero-shot classification: the class whose averaged prompt is nearest to the image.

Classifier: normalise(mean over templates of normalise(E_T(template(class)))), as CLIP_benchmark's.
Single label: top-1, top-5 and mean per class. Multi-label: mAP, all points (CLIP_benchmark) and 11
points (ELEVATER), which differ by several points on VOC 2007.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks import labeled_sets as classes
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.labeled_images import (
    DEFAULT_TEMPLATES,
    ClassData,
    LabeledImage,
)
from ahnpl_cli.evaluation.scoring.averages import Average, mean
from ahnpl_cli.evaluation.scoring.derived_metrics import PRECISIONS, label_metrics
from ahnpl_cli.evaluation.scoring.items import Count, Features, Floats, Outcome, Verdict

TOP = 5


def classifier(data: ClassData, features: Features) -> Floats:
    """Return the class weights (C, D), L2-normalised."""
    made = []
    for name in data.classes:
        prompts = features.texts([template.replace("{}", name) for template in data.templates])
        middle = prompts.mean(axis=0)
        made.append(middle / np.linalg.norm(middle))
    return np.stack(made).astype(np.float32)


def single_verdicts(
    data: ClassData, rows: Sequence[LabeledImage], scores: Floats
) -> Iterator[Verdict]:
    """Yield top-1 and top-5 verdicts, also under the class; a tie with another class is wrong.

    Scores kept of an image: of its own class, and of the best other.

    Args:
        data: names the rows.
        rows: test images.
        scores: (N, C) of every class.
    """
    for row, line in zip(rows, scores, strict=True):
        (label,) = row.labels
        own, others = line[label], np.delete(line, label)
        at_least = int((others >= own).sum())
        correct = {
            f"{data.name} top-1": at_least < 1,
            f"{data.name} top-5": at_least < TOP,
            f"{data.name} / {data.classes[label]}": at_least < 1,
        }
        above = int((others > own).sum())
        ties = (f"{data.name} top-1",) if above < 1 <= at_least else ()
        key = f"{data.name}/{row.id}"
        best = others.max(initial=np.finfo(np.float32).min)
        yield Verdict(key, key, correct, ties, (float(own), float(best)))


def targets(data: ClassData, rows: Sequence[LabeledImage]) -> NDArray[np.int8]:
    """Return (N, C): 1 where a class is on an image, 0 where not, -1 where it does not count."""
    made = np.zeros((len(rows), len(data.classes)), dtype=np.int8)
    for i, row in enumerate(rows):
        made[i, list(row.ignored)] = -1
        made[i, list(row.labels)] = 1
    return made


def multi_verdicts(
    data: ClassData, rows: Sequence[LabeledImage], scores: Floats
) -> Iterator[Verdict]:
    """Yield every score and target of images with several labels; mAP is made of all of them."""
    for row, line, on in zip(rows, scores, targets(data, rows), strict=True):
        key = f"{data.name}/{row.id}"
        yield Verdict(key, key, {}, (), tuple(line.tolist()), tuple(on.tolist()))


def verdicts_of(data: ClassData, rows: Sequence[LabeledImage], scores: Floats) -> list[Verdict]:
    """Return the verdicts of test images from the scores (N, C) of every class."""
    make = multi_verdicts if data.multi else single_verdicts
    return list(make(data, rows, scores))


@dataclass(frozen=True, kw_only=True)
class ZeroShotSuite:
    """Every data set of labelled images that was found; see `items.Suite`.

    Attributes:
        data: the data sets.
        notes: what a reader has to know.
    """

    name: str
    data: Sequence[ClassData]
    notes: Sequence[str] = ()

    @property
    def single(self) -> list[ClassData]:
        """Data sets with one label an image."""
        return [data for data in self.data if not data.multi]

    @property
    def averages(self) -> Mapping[str, Average]:
        """Mean per class of each single-label data set, and the mean over data sets."""
        made: dict[str, Average] = {}
        if len(self.single) > 1:
            made[f"macro_{len(self.single)}_top1"] = mean(*(f"{d.name} top-1" for d in self.single))
        for data in self.single:
            here = sorted({row.labels[0] for row in self.scored(data)})
            if here:
                rows = (f"{data.name} / {data.classes[label]}" for label in here)
                made[f"{data.name}_mean_per_class"] = mean(*rows)
        return made

    @property
    def primary(self) -> str:
        """Mean per class, over data sets if there are several, else the first mAP."""
        return next(iter(self.averages), f"{self.data[0].name} mAP")

    @property
    def shown(self) -> Sequence[str]:
        """Top-1 and top-5; of several labels, mAP, a row only where no image is here."""
        return [
            f"{data.name} {name}"
            for data in self.data
            for name in (["mAP"] if data.multi else [f"top-{k}" for k in (1, TOP)])
        ]

    @property
    def counts(self) -> Sequence[Count]:
        """Test images."""
        return [Count(f"{d.name} test images", len(d.test), d.published) for d in self.data]

    @property
    def files(self) -> Sequence[Path]:
        """Lists, labels, names and templates."""
        return [path for data in self.data for path in data.files]

    def scored(self, data: ClassData) -> list[LabeledImage]:
        """Return the test images that are here."""
        return [row for row in data.test if row.image.path not in data.missing]

    @property
    def missing(self) -> Sequence[Path]:
        """Distinct test images that are not here."""
        rows = ((row, data) for data in self.data for row in data.test)
        return list(dict.fromkeys(r.image.path for r, d in rows if r.image.path in d.missing))

    def totals(self) -> Mapping[str, int]:
        """Return the verdicts per row, and per mAP, if no image were missing."""
        made: dict[str, int] = {}
        for data in self.single:
            for k in (1, TOP):
                made[f"{data.name} top-{k}"] = len(data.test)
            for row in data.test:
                name = f"{data.name} / {data.classes[row.labels[0]]}"
                made[name] = made.get(name, 0) + 1
        for data in self.data:
            made |= {f"{data.name} {name}": len(data.test) for name in PRECISIONS if data.multi}
        return made

    def images(self) -> Iterable[ImageRef]:
        """Yield the test images."""
        return (row.image for data in self.data for row in self.scored(data))

    def texts(self) -> Iterable[str]:
        """Yield every class in every template."""
        return (
            template.replace("{}", name)
            for data in self.data
            for name in data.classes
            for template in data.templates
        )

    def score(self, features: Features, *, official_ties: bool = False) -> Outcome:
        """Return one verdict an image; see `items.Suite.score`."""
        verdicts: list[Verdict] = []
        for data in self.data:
            rows = self.scored(data)
            if not rows:
                continue
            weights = classifier(data, features)
            scores = features.images([row.image for row in rows]) @ weights.T
            verdicts += verdicts_of(data, rows, scores)
        return Outcome(verdicts)


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ZeroShotSuite:
    """Read the data sets that `find` found."""
    data = classes.read(shelf, files, options)
    plain = [one.name for one in data if one.templates == DEFAULT_TEMPLATES]
    note = f"one prompt, {DEFAULT_TEMPLATES[0]!r}, for {', '.join(plain)}"
    return ZeroShotSuite(name="zeroshot", data=data, notes=[note] if plain else [])


BENCHMARK = Benchmark(
    name="zeroshot",
    measures="naming what is on an image, by class names alone",
    source="your own image folders; host.robots.ox.ac.uk/pascal/VOC/voc2007; "
    "images.cocodataset.org/annotations",
    license="each data set's own",
    files="NAME/test|val/<class>/*.jpg (+ classnames.txt, templates.txt), NAME/labels.csv, "
    "VOCdevkit/VOC2007, annotations/instances_val*.json",
    find=classes.find,
    load=load,
    figures=label_metrics,
)
