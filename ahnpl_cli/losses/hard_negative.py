"""Multimodal hard negative loss (AHNPL Eqs. 5-7): push an anchor away from its own negatives."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_logsumexp(values: Tensor, valid: Tensor) -> Tensor:
    """Return log sum exp over the valid entries of each row of (N, K); 0 for a row without any."""
    # A row of -inf alone has a NaN gradient, which goes no further than the fill.
    filled = values.masked_fill(~valid, -torch.inf)
    return torch.where(valid.any(1), filled.logsumexp(1), 0.0)


def visual_negative_loss(image_negative: Tensor, valid: Tensor) -> Tensor:
    """L_neg^visual (Eq. 5): -log(1 / sum_n exp S(I, I_n)) = log sum_n exp S(I, I_n).

    Args:
        image_negative: S(I, I_n), cosines (N, K).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    return masked_logsumexp(image_negative, valid)


def textual_negative_loss(text_negative: Tensor, valid: Tensor) -> Tensor:
    """L_neg^textual (Eq. 6): -log(1 / sum_n exp S(T, T_n)) = log sum_n exp S(T, T_n).

    Args:
        text_negative: S(T, T_n), cosines (N, K).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    return masked_logsumexp(text_negative, valid)
