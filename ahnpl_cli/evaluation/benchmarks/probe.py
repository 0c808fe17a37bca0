"""Linear probe: a logistic regression on frozen image features, single and multi-label.

Post-projection, L2-normalized features; L-BFGS, at most 1,000 iterations; C chosen on a fifth of
the training images, never on the test images, then refitted on all of them (as CLIP's authors and
CLIP_benchmark do it; the papers we follow publish no script). Multi-label: one regression a class.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks import labeled_sets
from ahnpl_cli.evaluation.benchmarks.base import (
    VOC_TEST,
    VOC_TRAIN,
    Benchmark,
    LocalCopy,
)
from ahnpl_cli.evaluation.benchmarks.label_task import ClassScores, label_suite, targets
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage
from ahnpl_cli.evaluation.benchmarks.retention_sets import retention_metrics
from ahnpl_cli.evaluation.scoring import metrics
from ahnpl_cli.evaluation.scoring.items import Features, Floats, Suite
from ahnpl_cli.evaluation.scoring.metrics import mean_over_classes
from ahnpl_cli.stable_hash import stable_hash

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
    decisions = np.asarray(model.decision_function(features), dtype=np.float32)
    if decisions.ndim == 1:  # two classes have one decision value
        decisions = np.stack([-decisions, decisions], axis=1)
    if getattr(model, "multilabel_", False):
        return decisions
    # The lowest number and not minus infinity, which no JSON could keep.
    scores = np.full((len(features), count), np.finfo(np.float32).min, dtype=np.float32)
    scores[:, model.classes_] = decisions
    return scores


def _quality(data: ClassData, rows: Sequence[LabeledImage], scores: Floats) -> float:
    """Return what C is chosen by: accuracy, or mAP."""
    if data.multi:
        once = np.ones((1, len(rows)))
        of_rows = targets(data, rows)
        return mean_over_classes(metrics.average_precision, scores, of_rows, once).item()
    own = scores[np.arange(len(rows)), [row.labels[0] for row in rows]]
    is_best = (scores >= own[:, None]).sum(axis=1) == 1
    return 100 * float(np.mean(is_best))


def _labels(data: ClassData, rows: Sequence[LabeledImage]) -> NDArray[Any]:
    if data.multi:
        return np.asarray(targets(data, rows) == 1, dtype=int)
    return np.array([row.labels[0] for row in rows])


def _is_held_out(row: LabeledImage) -> bool:
    # By the first byte of SHA-256, so that a probe chooses the same C as it always did.
    first_byte = stable_hash(row.image.path.name, digest="sha256") >> 56
    return first_byte % HELD_OUT == 0


def choose_c(data: ClassData, rows: Sequence[LabeledImage], features: Features) -> float:
    """Return the C that does best on held-out training images; the smallest of equals."""
    train = [row for row in rows if not _is_held_out(row)]
    held_out = [row for row in rows if _is_held_out(row)]
    if not held_out or len(np.unique(_labels(data, train))) < 2:
        return 1.0
    x = features.images([row.image for row in train])
    y = _labels(data, train)
    test = features.images([row.image for row in held_out])
    quality = {}
    for c in GRID:
        scores = class_scores(fit(x, y, c), test, len(data.classes))
        quality[c] = _quality(data, held_out, scores)
    # Of equals the smallest, which regularizes most.
    return max(GRID, key=lambda c: (quality[c], -c))


class LinearProbe:
    """Scores of classes by a regression on training images; see `label_task.Classifier`."""

    def training_images(self, data: ClassData) -> Sequence[LabeledImage]:
        """Return the training images."""
        return data.train

    def texts(self, data: ClassData) -> Sequence[str]:
        """No text is looked at."""
        return ()

    def scores(
        self, data: ClassData, rows: Sequence[LabeledImage], features: Features
    ) -> ClassScores | None:
        """Return the decision values (N, C) on test images, and the C chosen."""
        train = data.here(data.train)
        if not train:
            return None
        if len(np.unique(_labels(data, train))) < 2:
            hint = "A probe needs images of two classes at least."
            raise BenchmarkError(f"{data.name}: too few training images are here", hint=hint)
        c = choose_c(data, train, features)
        model = fit(features.images([row.image for row in train]), _labels(data, train), c)
        test = features.images([row.image for row in rows])
        scores = class_scores(model, test, len(data.classes))
        return ClassScores(scores, {f"{data.name} C": c})


def load(copy: LocalCopy) -> Suite:
    """Read the data sets that have training images.

    Raises:
        BenchmarkError: none has.
    """
    data_sets = labeled_sets.read(copy)
    trainable = [data for data in data_sets if data.train]
    without = [data.name for data in data_sets if not data.train]
    if not trainable:
        hint = "Put training images into train/<class>/, or mark rows `train` in labels.csv."
        raise BenchmarkError(f"no training images of {', '.join(without)}", hint=hint)
    if without:
        copy.notes.append(f"no training images, so not probed: {', '.join(without)}")
    return label_suite(copy, trainable, LinearProbe())


BENCHMARK = Benchmark(
    name="probe",
    measures="what a linear classifier can read off frozen image features",
    source="the same places as zeroshot, with training images",
    license="each data set's own",
    files="NAME/train/<class>/ + NAME/test|val/<class>/, NAME/labels.csv with a column split, "
    "VOCdevkit/VOC2007 with trainval, annotations/instances_train*.json",
    size="VOC2007: 0.9 GB; other sets as their authors publish them",
    download=f"{VOC_TRAIN} && {VOC_TEST}",
    find=labeled_sets.find,
    load=load,
    derived_metrics=retention_metrics,
)
