"""FSC-CLIP's calibrated loss of hard negatives (Oh et al. 2024), its global term."""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState


def calibrated_negative_loss(
    positive_logits: Tensor,
    negative_logits: Tensor,
    valid: Tensor,
    *,
    gamma: float,
    smoothing: float,
) -> Tensor:
    """-sum_k y_k (1 - p_k)^gamma log p_k, over the caption (k = 0) and its own negatives.

    p is the softmax over these, and y the target with a part beta of it spread evenly over them:
    y_0 = 1 - beta + beta / (1 + K) and y_k = beta / (1 + K), K counting valid negatives. Both keep
    a negative that is nearly true from being pushed away as hard as a false one.

    Args:
        positive_logits: S(I, T) / tau (N,).
        negative_logits: S(I, T_k) / tau (N, K).
        valid: which slots hold a negative (N, K).
        gamma: of the focal weight; 0 for none.
        smoothing: beta.

    Returns:
        One value per pair: (N,). (The released code takes the mean over pairs with a negative.)
    """
    present = torch.cat([valid.new_ones(len(valid), 1), valid], dim=1)
    logits = torch.cat([positive_logits.unsqueeze(1), negative_logits], dim=1)
    # Not -inf: 0 times infinity would be NaN where the target of an empty slot is 0.
    log_p = logits.masked_fill(~present, torch.finfo(logits.dtype).min / 2).log_softmax(1)
    target = present * smoothing / present.sum(1, keepdim=True)
    target[:, 0] += 1 - smoothing
    losses = -((1 - log_p.exp()) ** gamma) * log_p
    # An empty slot has a loss without end, and no part in the sum.
    total = torch.where(present, target * losses, 0.0).sum(1)
    return torch.where(valid.any(1), total, 0.0)


def calibrated_term(features: Features, state: TermState) -> Tensor:
    """The loss above with the recipe's gamma and smoothing."""
    return calibrated_negative_loss(
        features.positive_logits,
        features.negative_logits,
        features.valid,
        gamma=state.recipe.focal_gamma,
        smoothing=state.recipe.smoothing,
    )
