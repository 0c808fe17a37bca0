"""Named means over many classification sets: what papers print as zero-shot retention.

`elevater_20`: the twenty sets of ELEVATER's image classification toolkit, each by its own metric
(CE-CLIP 4.6): accuracy, mean per class, 11-point mAP or AUC. `mean_21`: these and ImageNet, as
vl_compo and FSC-CLIP print it. A set is known by the name of its folder, whatever its spelling; a
mean of fewer sets ends in `_partial`.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.scoring import metrics
from ahnpl_cli.evaluation.scoring.items import Verdict
from ahnpl_cli.evaluation.scoring.metrics import (
    DerivedMetric,
    label_metrics,
    mean_over_classes,
)
from ahnpl_cli.evaluation.scoring.statistics import PARTIAL
from ahnpl_cli.files import read_text

TABLE = Path(__file__).parent / "data" / "retention_sets.csv"
IMAGENET = "imagenet-1k"
ELEVATER, WITH_IMAGENET = "elevater_20", "mean_21"
WHOLE = (ELEVATER, WITH_IMAGENET)
LEAST = 2  # sets that a mean, even a partial one, is of
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KnownSet:
    """One set of ELEVATER, or ImageNet.

    Attributes:
        name: ELEVATER's.
        metric: accuracy, mean per class, mAP_11pt or AUC.
        test_images: of its published test split.
    """

    name: str
    metric: str
    test_images: int


def plain_name(name: str) -> str:
    """Return the letters and digits of a name, in lower case."""
    # CIFAR10, cifar-10 and cifar_10 are one set; users name folders as they like.
    return "".join(letter for letter in name.lower() if letter.isalnum())


@functools.cache
def known_sets() -> Mapping[str, KnownSet]:
    """Return the sets by every spelling of their names, in lower case, letters and digits alone."""
    sets: dict[str, KnownSet] = {}
    for row in csv.DictReader(io.StringIO(read_text(TABLE))):
        known = KnownSet(row["name"], row["metric"], int(row["test_images"]))
        for name in (row["name"], *row["aliases"].split()):
            sets[plain_name(name)] = known
    return sets


def known_set(name: str) -> KnownSet | None:
    """Return the set that a folder is called like, or None."""
    return known_sets().get(plain_name(name))


def means_of(data_sets: Sequence[str]) -> dict[str, list[str]]:
    """Return the data sets of each named mean, `_partial` where one of its sets is not here.

    Args:
        data_sets: names as the user has them.
    """
    every = {known.name for known in known_sets().values()}
    here: dict[str, str] = {}
    for name in data_sets:
        known = known_set(name)
        # Two folders of one set would count it twice in the mean.
        if known is not None:
            here.setdefault(known.name, name)
    named: dict[str, list[str]] = {}
    for mean, members in ((ELEVATER, every - {IMAGENET}), (WITH_IMAGENET, every)):
        found = [own for name, own in here.items() if name in members]
        if len(found) >= LEAST:
            named[mean if len(found) == len(members) else mean + PARTIAL] = found
    return named


def _accuracy(verdicts: Sequence[Verdict], data_set: str, weights: Floats) -> Floats:
    right = np.array([verdict.correct[f"{data_set} top-1"] for verdict in verdicts], np.int64)
    return metrics.weighted_mean(100 * right, weights)


def _mean_per_class(verdicts: Sequence[Verdict], data_set: str, weights: Floats) -> Floats:
    """Return the mean over classes of the share that is right (of a class that is drawn at all)."""
    by_class: dict[str, list[int]] = {}
    for place, verdict in enumerate(verdicts):
        by_class.setdefault(_class_of(verdict, data_set), []).append(place)
    right = np.array([verdict.correct[f"{data_set} top-1"] for verdict in verdicts], np.int64)
    shares = []
    for places in by_class.values():
        shares.append(metrics.weighted_mean(100 * right[places], weights[:, places]))
    mean: Floats = np.nanmean(np.stack(shares), axis=0)
    return mean


def _class_of(verdict: Verdict, data_set: str) -> str:
    return next(name for name in verdict.correct if name.startswith(f"{data_set} / "))


def _auc(verdicts: Sequence[Verdict], data_set: str, weights: Floats) -> Floats:
    """Return the AUC, in percent, of a set of two classes.

    A verdict keeps the score of its own class and of the other; which of both is called positive
    makes no difference to the area.
    """
    positive = _class_of(verdicts[0], data_set)
    targets = np.array([_class_of(verdict, data_set) == positive for verdict in verdicts])
    # Of two classes the margin is all that a ranking needs.
    margins = np.array([verdict.scores[0] - verdict.scores[1] for verdict in verdicts], np.float32)
    scores = np.where(targets, margins, -margins).astype(np.float32)
    return 100 * metrics.roc_auc(scores, targets, weights)


def _map_11(verdicts: Sequence[Verdict], data_set: str, weights: Floats) -> Floats:
    scores = np.array([verdict.scores for verdict in verdicts], dtype=np.float32)
    targets = np.array([verdict.targets for verdict in verdicts], dtype=np.int8)
    return mean_over_classes(metrics.average_precision_11, scores, targets, weights)


MEASURES = {
    "accuracy": _accuracy,
    "mean per class": _mean_per_class,
    "AUC": _auc,
    "mAP_11pt": _map_11,
}


def _mean(by_set: Mapping[str, Sequence[Verdict]], weights: Floats) -> Floats:
    """Return the unweighted mean over data sets, each by its own metric (R,).

    Args:
        by_set: verdicts of each, in the order of the columns of `weights`.
        weights: (R, items) how often each was drawn.
    """
    values = []
    start = 0
    for data_set, verdicts in by_set.items():
        own = weights[:, start : start + len(verdicts)]
        start += len(verdicts)
        values.append(MEASURES[_metric(data_set, verdicts)](verdicts, data_set, own))
    mean: Floats = np.mean(np.stack(values), axis=0)
    return mean


def _metric(data_set: str, verdicts: Sequence[Verdict]) -> str:
    """Return the metric of a set; accuracy where its labels are not those of the published one."""
    known = known_set(data_set)
    assert known is not None  # `means_of` names known sets alone
    # A user's copy of VOC may have one label an image, and then has no mAP.
    is_multi = bool(verdicts[0].targets)
    fits = is_multi == (known.metric == "mAP_11pt")
    return known.metric if fits else ("mAP_11pt" if is_multi else "accuracy")


def retention_metrics(verdicts: Sequence[Verdict]) -> dict[str, DerivedMetric]:
    """Return the metrics of multi-label sets, and the named means over all sets."""
    by_set: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_set.setdefault(verdict.id.partition("/")[0], []).append(verdict)
    derived: dict[str, DerivedMetric] = dict(label_metrics(verdicts))
    for name, data_sets in means_of(list(by_set)).items():
        members = {data_set: by_set[data_set] for data_set in data_sets}
        clusters: list[str] = []
        for own in members.values():
            clusters += [verdict.image for verdict in own]
        derived[name] = DerivedMetric(tuple(clusters), partial(_mean, members), name)
    return derived
