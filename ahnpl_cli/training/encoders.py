"""The two towers as one module, so that one forward and one backward serve DDP and autocast."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone, MatchingBackbone
from ahnpl_cli.data.inputs import Pixels
from ahnpl_cli.training.batch import Matches

MAX_LOGIT_SCALE = 100.0  # Radford et al. 2021


class Encoders(nn.Module):
    """Images and texts to features, with the scalars that make logits of cosines.

    One forward computes all that a step needs of the model, pairs for a matching head included: DDP
    exchanges gradients once per forward.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.model = backbone.module
        self._backbone = backbone

    def forward(
        self, images: Pixels, buckets: list[Tensor], matches: Matches | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode.

        Args:
            images: N of them, as the model takes them.
            buckets: texts as ids (U_b, L_b), each bucket at its own length.
            matches: what a matching head looks at; None without one.

        Returns:
            image_features (N, D), features of all texts in order (U, D), the scalars (1,) or (2,):
            1/tau, and the bias of a sigmoid model; and the log-odds of the matches (P,), or (0,).
        """
        backbone = self._backbone
        if matches is None:
            image_features = backbone.encode_image(images)
            odds = image_features.new_zeros(0)
        else:
            assert isinstance(backbone, MatchingBackbone)
            # The patches are encoded once for the features and for every text.
            patches = backbone.encode_patches(images)
            image_features = backbone.image_features(patches)
            odds = backbone.match(patches[matches.image], matches.tokens)
        text_features = torch.cat([self._backbone.encode_text(tokens) for tokens in buckets])
        scalars = [self._backbone.logit_scale]
        if self._backbone.logit_bias is not None:
            scalars.append(self._backbone.logit_bias)
        return image_features, text_features, torch.stack(scalars), odds

    def clamp_logit_scale(self) -> None:
        """Keep 1/tau between 1 and 100; call after each optimizer step.

        A sigmoid model's has no upper end: SigLIP sets none, and published ones are above 100.
        """
        family = self._backbone.loss_family
        self._backbone.clamp_logit_scale(1.0, MAX_LOGIT_SCALE if family == "softmax" else math.inf)


def freeze(backbone: Backbone, tower: Literal["none", "image", "text"]) -> None:
    """Stop the gradient of one tower; temperature and bias are always trained."""
    for name, parameter in backbone.module.named_parameters():
        if backbone.tower_of(name) == tower:
            parameter.requires_grad_(False)


def parameter_groups(
    model: nn.Module, scalars: Iterable[nn.Parameter], weight_decay: float
) -> Iterator[dict[str, object]]:
    """Yield AdamW's groups: matrices decay; norms, biases, logit_scale and `scalars` do not.

    Args:
        model: the towers.
        scalars: what else is learnt, such as `a`.
        weight_decay: of the first group.
    """
    # Matrices and larger are weights of layers; vectors and scalars are norms and biases.
    trained = [p for p in model.parameters() if p.requires_grad]
    yield {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay}
    yield {"params": [*(p for p in trained if p.ndim < 2), *scalars], "weight_decay": 0.0}


def set_train_mode(model: nn.Module) -> None:
    """Put a model into training mode, but let batch norm keep its statistics.

    With statistics of the batch, a batch encoded in parts would differ from the whole.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
