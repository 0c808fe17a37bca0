"""Examples under models: cosine distances (AHNPL Table 5) and similarities (AHNPL Table 4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import known_features
from ahnpl_cli.backbones.source import ModelSource, models_to_compare
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.inspection.report import ComparisonReport, Example, ExampleReport, View
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.similarity import image_negatives


def cosine_distances(features: Tensor) -> Tensor:
    """Return 1 - cos between every pair of rows.

    Args:
        features: (..., M, D), of any length.

    Returns:
        (..., M, M), with an exact zero diagonal.
    """
    # Double precision: distances between near twins are the small rest of 1 minus nearly 1.
    unit = normalize(features.double(), dim=-1)
    distances = 1 - unit @ unit.mT
    eye = torch.eye(features.shape[-2], dtype=torch.bool)
    return distances.masked_fill(eye, 0.0).clamp(min=0.0)


def quartet(image: Tensor, text: Tensor, negatives: Tensor) -> Tensor:
    """Return e_I, e_T, e_Tneg and e_Ineg (Eqs. 1-2) side by side.

    Args:
        image: e_I (D,).
        text: e_T (D,).
        negatives: e_Tneg (K, D).

    Returns:
        (K, 4, D) in the order of `report.EMBEDDINGS`.
    """
    shifted = image_negatives(image[None], text[None], negatives[None])[0]
    positives = torch.stack([image, text]).expand(len(negatives), 2, -1)
    return torch.cat([positives, negatives[:, None], shifted[:, None]], dim=1)


def view(label: str, image: Tensor, texts: Tensor) -> View:
    """Return one example under one model.

    Args:
        label: the model's.
        image: e_I (D,), unit length.
        texts: e_T and then every e_Tneg (1+K, D), unit length.
    """
    distances = cosine_distances(quartet(image, texts[0], texts[1:])).tolist()
    return View(
        model=label,
        similarities=tuple((texts.double() @ image.double()).tolist()),
        distances=tuple(tuple(map(tuple, matrix)) for matrix in distances),
    )


def _views(label: str, backbone: Backbone, examples: Sequence[Example]) -> list[View]:
    cache = known_features(backbone.info)
    refs = [ImageRef(Path(example.image)) for example in examples]
    images = encode_images(backbone, refs, cache=cache)
    counts = [1 + len(example.others) for example in examples]
    texts: list[str] = []
    for example in examples:
        texts.append(example.caption)
        texts += [other.caption for other in example.others]
    # All texts at once, since one call batches them; then each example takes its own rows.
    features = torch.split(encode_texts(backbone, texts, cache=cache), counts)
    return [view(label, image, rows) for image, rows in zip(images, features, strict=True)]


def compare(
    examples: Sequence[Example],
    models: Sequence[ModelSource],
    *,
    source: str,
    device: str = "auto",
    force_quick_gelu: bool | None = None,
    track: Track = silent,
) -> ComparisonReport:
    """Measure every example under every model; one model is in memory at a time.

    What `ahnpl embed` or `ahnpl eval` computed is taken from there.

    Args:
        examples: what to look at.
        models: in the order of training; one with the weights of its predecessor is left out.
        source: where the examples come from, for the report.
        device: where to compute.
        force_quick_gelu: the activation, where it cannot be known.
        track: shows progress.

    Raises:
        DataError: an image cannot be read.
        ModelError: a model cannot be loaded.
    """
    labels: list[str] = []
    columns: list[list[View]] = []
    previous = None
    for model in track(models, description="Comparing models", unit="models"):
        backbone = model.load(device, force_quick_gelu=force_quick_gelu)
        # The start of a run and its first checkpoint may be the same model: one column is enough.
        if backbone.info.weights_sha256 != previous:
            labels.append(model.label)
            columns.append(_views(model.label, backbone, examples))
        previous = backbone.info.weights_sha256
    rows = zip(*columns, strict=True)
    reports = []
    for example, views in zip(examples, rows, strict=True):
        reports.append(ExampleReport(example, tuple(views)))
    return ComparisonReport(source=source, models=tuple(labels), examples=tuple(reports))


def requested_models(config: InspectConfig, run: Path | None) -> list[ModelSource]:
    """Return the models that the options name, or those of a run; see `models_to_compare`."""
    return models_to_compare(
        checkpoints=config.checkpoint, model=config.model, pretrained=config.pretrained, run=run
    )


def named_models(config: InspectConfig) -> list[ModelSource]:
    """Return the models named by the user, of a run its start and all it kept; none by default."""
    if not (config.checkpoint or config.model or config.pretrained):
        return []
    return requested_models(config, None)


def named_model(config: InspectConfig) -> Backbone | None:
    """Load the last model named by the user, if any; of a run, its newest checkpoint."""
    models = named_models(config)
    if not models:
        return None
    return models[-1].load(config.device, force_quick_gelu=config.force_quick_gelu)
