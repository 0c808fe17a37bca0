"""Linear probe: a logistic regression on frozen image features, single and multi-label.

Post-projection, L2-normalised features; L-BFGS, at most 1,000 iterations; C chosen on a fifth of
the training images, never on the test images, then refitted on all of them (as CLIP's authors and
CLIP_benchmark do it; the papers we follow publish no script). Multi-label: one regression a class.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks import labeled_sets as classes
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage
from ahnpl_cli.evaluation.benchmarks.zeroshot import ZeroShotSuite, targets, verdicts_of
from ahnpl_cli.evaluation.scoring import metrics
from ahnpl_cli.evaluation.scoring.derived_metrics import label_metrics, mean_over_classes
from ahnpl_cli.evaluation.scoring.items import Features, Floats, Outcome, Verdict

GRID = tuple(float(c) for c in np.logspace(-2, 4, 7))
MAX_ITER = 1000
HELD_OUT = 5  # one training image in five chooses C


def fit(features: Floats, labels: NDArray[Any], c: float) -> Any:
    """Return a fitted classifier: multinomial, or one regression a column of (N, C) labels."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    model: Any = LogisticRegression(C=c, max_iter=MAX_ITER)
    if labels.ndim == 2:
        model = OneVsRestClassifier(model)
    with warnings.catch_warnings():
        # A class that is on no or on every training image gets a constant; said by its AP.
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        return model.fit(features, labels)


def class_scores(model: Any, features: Floats, count: int) -> Floats:
    """Return decision values (N, C); classes that were not seen in training come last."""
    found = np.asarray(model.decision_function(features), dtype=np.float32)
    if found.ndim == 1:  # two classes have one decision value
        found = np.stack([-found, found], axis=1)
    if getattr(model, "multilabel_", False):
        return found
    scores = np.full((len(features), count), np.finfo(np.float32).min, dtype=np.float32)
    scores[:, model.classes_] = found
    return scores


def quality(data: ClassData, rows: Sequence[LabeledImage], scores: Floats) -> float:
    """Return what C is chosen by: accuracy, or mAP."""
    if data.multi:
        ones = np.ones((1, len(rows)))
        on = targets(data, rows)
        return mean_over_classes(metrics.average_precision, scores, on, ones).item()
    own = scores[np.arange(len(rows)), [row.labels[0] for row in rows]]
    return 100 * float(np.mean((scores >= own[:, None]).sum(axis=1) == 1))


def _labels(data: ClassData, rows: Sequence[LabeledImage]) -> NDArray[Any]:
    if data.multi:
        return np.asarray(targets(data, rows) == 1, dtype=int)
    return np.array([row.labels[0] for row in rows])


def _is_held_out(row: LabeledImage) -> bool:
    digest = hashlib.sha256(row.image.path.name.encode()).digest()
    return digest[0] % HELD_OUT == 0


def choose_c(data: ClassData, rows: Sequence[LabeledImage], features: Features) -> float:
    """Return the C that does best on held-out training images; the smallest of equals."""
    train = [row for row in rows if not _is_held_out(row)]
    held = [row for row in rows if _is_held_out(row)]
    if not held or len(np.unique(_labels(data, train))) < 2:
        return 1.0
    x, y = features.images([row.image for row in train]), _labels(data, train)
    test = features.images([row.image for row in held])
    found = {
        c: quality(data, held, class_scores(fit(x, y, c), test, len(data.classes))) for c in GRID
    }
    return max(GRID, key=lambda c: (found[c], -c))


@dataclass(frozen=True, kw_only=True)
class ProbeSuite(ZeroShotSuite):
    """Every data set with training images that was found."""

    def _train(self, data: ClassData) -> list[LabeledImage]:
        return [row for row in data.train if row.image.path not in data.missing]

    def images(self) -> Iterable[ImageRef]:
        """Yield training and test images."""
        for data in self.data:
            yield from (row.image for row in (*self._train(data), *self.scored(data)))

    @property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not here, training images too."""
        rows = ((row, d) for d in self.data for row in (*d.train, *d.test))
        return list(dict.fromkeys(r.image.path for r, d in rows if r.image.path in d.missing))

    def texts(self) -> Iterable[str]:
        """No text is looked at."""
        return ()

    def score(self, features: Features, *, official_ties: bool = False) -> Outcome:
        """Return the verdicts on the test images, and the C chosen."""
        verdicts: list[Verdict] = []
        values: dict[str, float] = {}
        for data in self.data:
            train, rows = self._train(data), self.scored(data)
            if not train or not rows:
                continue
            c = choose_c(data, train, features)
            model = fit(features.images([r.image for r in train]), _labels(data, train), c)
            test = features.images([row.image for row in rows])
            scores = class_scores(model, test, len(data.classes))
            verdicts += verdicts_of(data, rows, scores)
            values[f"{data.name} C"] = c
        return Outcome(verdicts, values)


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ProbeSuite:
    """Read the data sets that have training images.

    Raises:
        BenchmarkError: none has.
    """
    found = classes.read(shelf, files, options)
    data = [one for one in found if one.train]
    if not data:
        hint = "Put training images into train/<class>/, or mark rows `train` in labels.csv."
        names = ", ".join(one.name for one in found)
        raise BenchmarkError(f"no training images of {names}", hint=hint)
    without = [one.name for one in found if not one.train]
    note = f"no training images, so not probed: {', '.join(without)}"
    return ProbeSuite(name="probe", data=data, notes=[note] if without else [])


BENCHMARK = Benchmark(
    name="probe",
    measures="what a linear classifier can read off frozen image features",
    source="the same places as zeroshot, with training images",
    license="each data set's own",
    files="NAME/train/<class>/ + NAME/test|val/<class>/, NAME/labels.csv with a column split, "
    "VOCdevkit/VOC2007 with trainval, annotations/instances_train*.json",
    find=classes.find,
    load=load,
    figures=label_metrics,
)
