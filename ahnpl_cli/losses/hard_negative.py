"""Multimodal hard negative loss (AHNPL Eqs. 5-7): push an anchor away from its own negatives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.similarity import image_negatives, similarity


def masked_logsumexp(values: Tensor, valid: Tensor) -> Tensor:
    """Return log sum exp over the valid entries of each row of (N, K); 0 for a row without any."""
    occupied = valid.any(1)
    # An empty row keeps its values until the end: a row of -inf alone has a NaN gradient.
    filled = values.masked_fill(~valid & occupied.unsqueeze(1), -torch.inf)
    return torch.where(occupied, filled.logsumexp(1), 0.0)


def against_own(gaps: Tensor, valid: Tensor) -> Tensor:
    """-log of the true text's share in a softmax with its pair's own negatives.

    log(1 + sum_n exp g_n), with g_n the logit of negative n less that of the true text

    Args:
        gaps: g_n (N, K).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,); 0 for a pair without a negative.
    """
    return torch.where(valid.any(1), functional.softplus(masked_logsumexp(gaps, valid)), 0.0)


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


def visual_negative_term(features: Features, state: TermState) -> Tensor:
    """Eq. 5 on the image negatives of Eqs. 1-2, on painted pictures, or on both together."""
    recipe = state.recipe
    negatives, valid = [], []
    if recipe.image_negatives != "real":
        # The start's texts, where Eq. 1 is to be of "a pretrained CLIP".
        start = features.teacher("start") if recipe.shift_model == "start" else None
        shifted_by = start or features
        moved = image_negatives(
            features.image_features,
            shifted_by.text_features,
            shifted_by.negative_features,
            shift_gradient=recipe.shift_gradient,
        )
        negatives.append(moved)
        valid.append(features.valid)
    if recipe.image_negatives != "perturbed":
        negatives.append(features.image_negative_features)
        valid.append(features.image_valid)
    # Eq. 5 sums over the negatives of a pair, wherever they are from.
    cosines = similarity(features.image_features.unsqueeze(1), torch.cat(negatives, dim=1))
    return visual_negative_loss(cosines, torch.cat(valid, dim=1))


def textual_negative_term(features: Features, state: TermState) -> Tensor:
    """Eq. 6."""
    return textual_negative_loss(features.text_negative, features.valid)
