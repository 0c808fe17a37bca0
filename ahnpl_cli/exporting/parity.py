"""How far an exported model's features are from those of the checkpoint."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ahnpl_cli.backbones.base import PROBES, Backbone
from ahnpl_cli.errors import ModelError

LARGEST = 1e-4
TEXTS = (*PROBES, "It's 3 o'clock: two dogs (one asleep) & a cat!", "a", "Café, naïve")


def images(backbone: Backbone, count: int = 2) -> Tensor:
    """Return normalized noise as pixels (N, 3, H, W)."""
    side = backbone.info.image_size
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def gap(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference of two tables of features."""
    return float((ours.cpu() - theirs.cpu()).abs().max())


@torch.no_grad()
def compare(
    backbone: Backbone,
    encode_image: Callable[[Tensor], Tensor],
    encode_texts: Callable[[list[str]], Tensor],
) -> dict[str, float]:
    """Return how far the features of images and texts differ.

    Args:
        backbone: the checkpoint.
        encode_image: features (N, D) of pixels (N, 3, H, W), by what was exported.
        encode_texts: features (N, D) of texts, likewise; its own tokenizer is tried too.
    """
    pixels, texts = images(backbone), list(TEXTS)
    tokens = backbone.tokenize(texts)
    return {
        "image_features": gap(backbone.encode_image(pixels), encode_image(pixels)),
        "text_features": gap(backbone.encode_text(tokens), encode_texts(texts)),
    }


def require(parity: dict[str, float]) -> None:
    """Return if what was exported is the checkpoint.

    Raises:
        ModelError: it is not.
    """
    for name, difference in parity.items():
        if not difference <= LARGEST:
            what = f"the export is not the checkpoint: {name} differs by {difference:.2g}"
            raise ModelError(what, hint="Nothing was written. This is a bug: please report it.")
