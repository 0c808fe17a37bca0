"""CE-CLIP (Zhang et al. 2024): intra-modal contrast and cross-modal rank, Eqs. 3-7.

Its S includes the temperature, so these take logits = logit_scale * similarity.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.hard_negative import masked_logsumexp
from ahnpl_cli.losses.margin import negative_margin_loss


def intra_modal_loss(
    positive_logits: Tensor, text_negative_logits: Tensor, valid: Tensor
) -> Tensor:
    """L_imc (CE-CLIP Eq. 3): -log exp S(I,T) / sum_k exp S(T,T_k).

    Args:
        positive_logits: S(I, T) / tau (N,).
        text_negative_logits: S(T, T_k) / tau (N, K).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    contrast = masked_logsumexp(text_negative_logits, valid) - positive_logits
    return torch.where(valid.any(1), contrast, 0.0)


def cross_modal_rank_loss(
    positive_logits: Tensor, negative_logits: Tensor, threshold: Tensor, valid: Tensor
) -> Tensor:
    """L_cmr (CE-CLIP Eqs. 4 and 6): sum over k of max(0, S(I,T_k) - S(I,T) + Th_k).

    The hinge of AHNPL's Eq. 9, in logits; Th of Eqs. 5 and 7 is `margin.adaptive_margin`.

    Args:
        positive_logits: S(I, T) / tau (N,).
        negative_logits: S(I, T_k) / tau (N, K).
        threshold: Th_k^t (K,), at most u; gets no gradient.
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    return negative_margin_loss(positive_logits, negative_logits, threshold, valid)


def intra_modal_term(features: Features, state: TermState) -> Tensor:
    """CE-CLIP Eq. 3."""
    text_negative_logits = features.logit_scale * features.text_negative
    return intra_modal_loss(features.positive_logits, text_negative_logits, features.valid)


def cross_modal_rank_term(features: Features, state: TermState) -> Tensor:
    """CE-CLIP Eqs. 4 and 6."""
    return cross_modal_rank_loss(
        features.positive_logits, features.negative_logits, state.threshold, features.valid
    )


def cross_modal_rank_hinge(features: Features, state: TermState) -> Tensor:
    """(S(I,T_k) - S(I,T)) / tau + Th_k of every valid slot (P,)."""
    gap = features.negative - features.positive.unsqueeze(1)
    return (features.logit_scale * gap + state.threshold)[features.valid]
