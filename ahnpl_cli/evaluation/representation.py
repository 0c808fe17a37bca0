"""How far apart a model keeps a caption and its hard negative (CE-CLIP 4.5, Fig. 8).

`intra_modal` is cos(T, T_neg), lower is better; `cross_modal_gap` is cos(I, T) - cos(I, T_neg),
higher is better; an item with several negatives counts their mean. Intervals are 95 %, by a
bootstrap over images; the paper's are 99 % over items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.evaluation.report import MeanEstimate
from ahnpl_cli.evaluation.scoring.items import Features, Item, ItemSuite
from ahnpl_cli.evaluation.scoring.statistics import cluster_means, percentile_interval


def _is_choice(item: Item) -> bool:
    return len(item.images) == 1 and len(item.texts) > item.positives and not item.text_only


def _texts_only(item: Item) -> Item:
    """Return the true caption and its negatives as a question about texts alone."""
    texts = (item.texts[0], *item.texts[item.positives :])
    return replace(item, texts=texts, text_only=True)


def representation(
    suite: ItemSuite, features: Features, *, samples: int, seed: int
) -> dict[str, MeanEstimate]:
    """Return both means with their intervals; empty for suites without hard negatives.

    Args:
        suite: of choices.
        features: of one model.
        samples: bootstrap replicates.
        seed: of the bootstrap.
    """
    items = [item for item in suite.scored if _is_choice(item)]
    if not items:
        return {}
    across = [
        scores[0] - float(np.mean(scores[item.positives :]))
        for item, scores in features.similarities(items)
    ]
    alike = [
        float(np.mean(scores[: len(item.texts) - 1]))
        for item, scores in features.similarities([_texts_only(item) for item in items])
    ]
    clusters = [item.cluster for item in items]
    return {
        "intra_modal": _estimate(alike, clusters, samples, seed),
        "cross_modal_gap": _estimate(across, clusters, samples, seed),
    }


def _estimate(
    values: Sequence[float], clusters: Sequence[str], samples: int, seed: int
) -> MeanEstimate:
    drawn: NDArray[np.float64] = cluster_means(values, clusters, samples=samples, seed=seed)
    low, high = percentile_interval(drawn)
    return MeanEstimate(n=len(values), value=float(np.mean(values)), low=low, high=high)
