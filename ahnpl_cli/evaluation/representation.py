"""How far apart a model keeps a caption and its hard negative (CE-CLIP 4.5, Fig. 8).

`intra_modal` is cos(T, T_neg), lower is better; `cross_modal_gap` is cos(I, T) - cos(I, T_neg),
higher is better; an item with several negatives counts their mean. Intervals are 95 %, by a
bootstrap over images; the paper's are 99 % over items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ahnpl_cli.evaluation.blind import choices
from ahnpl_cli.evaluation.report import MeanEstimate
from ahnpl_cli.evaluation.scoring.items import Features, Item, Task
from ahnpl_cli.evaluation.scoring.statistics import cluster_means, percentile_interval
from ahnpl_cli.evaluation.suite_report import Bootstrap


def _texts_only(item: Item) -> Item:
    """Return the true caption and its negatives as a question about texts alone."""
    texts = (item.texts[0], *item.texts[item.positives :])
    return replace(item, texts=texts, text_only=True)


def representation(task: Task, features: Features, bootstrap: Bootstrap) -> dict[str, MeanEstimate]:
    """Return both means with their intervals; empty for suites without hard negatives."""
    items = choices(task)
    if not items:
        return {}
    gaps = []
    for item, scores in features.similarities(items):
        gaps.append(scores[0] - float(np.mean(scores[item.positives :])))
    alike = []
    for item, scores in features.similarities([_texts_only(item) for item in items]):
        # The true caption comes first, so its pairs with the negatives do too.
        alike.append(float(np.mean(scores[: len(item.texts) - 1])))
    clusters = [item.cluster for item in items]
    return {
        "intra_modal": _estimate(alike, clusters, bootstrap),
        "cross_modal_gap": _estimate(gaps, clusters, bootstrap),
    }


def _estimate(
    values: Sequence[float], clusters: Sequence[str], bootstrap: Bootstrap
) -> MeanEstimate:
    drawn = cluster_means(values, clusters, samples=bootstrap.samples, seed=bootstrap.seed)
    low, high = percentile_interval(drawn)
    return MeanEstimate(n=len(values), value=float(np.mean(values)), low=low, high=high)
