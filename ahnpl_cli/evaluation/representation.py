"""How far apart a model keeps a caption and its hard negative (CE-CLIP 4.5, Fig. 8).

`intra_modal` is cos(T, T_neg), lower is better; `cross_modal_gap` is cos(I, T) - cos(I, T_neg),
higher is better; an item with several negatives counts their mean. Intervals are 95 %, by a
bootstrap over images; the paper's are 99 % over items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ahnpl_cli.evaluation.blind import choices
from ahnpl_cli.evaluation.report import MeanEstimate, ModelReport
from ahnpl_cli.evaluation.scoring.items import Features, Half, Item, Task
from ahnpl_cli.evaluation.scoring.statistics import cluster_means, percentile_interval
from ahnpl_cli.evaluation.suite_report import Bootstrap
from ahnpl_cli.evaluation.table_cells import Row
from ahnpl_cli.reporting.tables import Cell, Table

REPRESENTATION = (
    "Lower cos(T,T_neg) and a higher gap are better (CE-CLIP, Fig. 8); bootstrap over images."
)


def _texts_only(item: Item) -> Item:
    """Return the true caption and its negatives as a question about texts alone."""
    texts = (item.texts[0], *item.texts[item.positives :])
    return replace(item, texts=texts, text_only=True)


def representation(
    task: Task, features: Features, bootstrap: Bootstrap, half: Half | None = None
) -> dict[str, MeanEstimate]:
    """Return both means with their intervals; empty for suites without hard negatives."""
    items = choices(task, half)
    if not items:
        return {}
    # Of several negatives the mean: a record of eight must not weigh eight times one of one.
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


def representation_table(models: Sequence[ModelReport]) -> Table:
    """Return similarity within and gap across modalities."""
    rows: list[Row] = []
    for suite in models[0].representation:
        for model in models:
            estimates = model.representation.get(suite)
            if estimates:
                n = estimates["intra_modal"].n
                rows.append((suite, model.name, n, *_estimate_cells(estimates)))
    columns = ("suite", "model", "n", "cos(T, T_neg)", "95 %", "cos(I,T) - cos(I,T_neg)", "95 %")
    return Table("Representation", columns, tuple(rows), REPRESENTATION, digits=3)


def _estimate_cells(estimates: Mapping[str, MeanEstimate]) -> Iterator[Cell]:
    for name in ("intra_modal", "cross_modal_gap"):
        estimate = estimates[name]
        yield estimate.value
        yield f"{estimate.low:.3f} to {estimate.high:.3f}"
