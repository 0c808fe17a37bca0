"""Can a linear probe tell painted pictures from photos? Then training would learn the painter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import encode_images
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.progress import Track, silent

FOLDS = 5


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How well painted pictures are told from others.

    Attributes:
        against: `originals`, or `repainted originals`.
        accuracy: balanced, in percent, on images that the probe has not seen; 50 is chance.
        painted: pictures of the one side.
        others: pictures of the other.
    """

    against: str
    accuracy: float
    painted: int
    others: int


def probe(
    painted: Sequence[tuple[str, Path]],
    others: Sequence[tuple[str, Path]],
    backbone: Backbone,
    *,
    against: str,
    track: Track = silent,
) -> ProbeResult | None:
    """Train a logistic regression on image features; None with too few images for it.

    All pictures of an image are on one side of the split, so that the probe cannot know a photo by
    heart.

    Args:
        painted: (original's name, file) of painted pictures.
        others: the same of what they are told from.
        backbone: gives the features.
        against: what the others are.
        track: shows progress.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pictures = [*dict.fromkeys(painted), *dict.fromkeys(others)]
    count = len(dict.fromkeys(painted))
    groups = [name for name, _ in pictures]
    if not painted or not others or len(set(groups)) < 2 * FOLDS:
        return None
    refs = [ImageRef(path) for _, path in pictures]
    features = encode_images(backbone, refs, track=track).numpy()
    labels = np.arange(len(pictures)) < count
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    guesses = cross_val_predict(classifier, features, labels, groups=groups, cv=GroupKFold(FOLDS))
    accuracy = 100 * float(balanced_accuracy_score(labels, guesses))
    return ProbeResult(against, accuracy, count, len(pictures) - count)
