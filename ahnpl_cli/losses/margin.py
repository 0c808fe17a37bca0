"""Dynamic margin contrastive loss (AHNPL Eqs. 8-11), and margins in cosine of other losses."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.recipes import Recipe

UNRATED = 3.0  # concreteness of a word that nobody rated: the middle of the scale


def positive_margin_loss(positive: Tensor, a: Tensor) -> Tensor:
    """L_mar^+ (Eq. 8): max(0, a - S(I,T)).

    Its gradient in `a` is never negative, so a learnable `a` can only fall.

    Args:
        positive: S(I, T) (N,).
        a: learnable scalar.

    Returns:
        One value per pair: (N,).
    """
    return (a - positive).relu()


def negative_margin_loss(
    positive: Tensor, negative: Tensor, margin: Tensor, valid: Tensor
) -> Tensor:
    """L_mar^- (Eq. 9): sum over n of max(0, S(I,T_n) - S(I,T) + M_n).

    Args:
        positive: S(I, T) (N,).
        negative: S(I, T_n) (N, K).
        margin: M_n^t (K,); gets no gradient.
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    # M is measured, not learnt (Eq. 10).
    hinge = (negative - positive.unsqueeze(1) + margin.detach()).relu()
    return torch.where(valid, hinge, 0.0).sum(1)


def adaptive_margin(
    positive: Tensor,
    negative: Tensor,
    valid: Tensor,
    previous: Tensor,
    *,
    floor: float | None = None,
    cap: float | Tensor | None = None,
) -> Tensor:
    """M_n^{t+1} (Eq. 10): mean over the batch of S^t(I,T) - S^t(I,T_n), per kind.

    Args:
        positive: S(I, T) (N,).
        negative: S(I, T_n) (N, K).
        valid: which slots hold a negative (N, K).
        previous: M_n^t (K,), kept for a kind without a valid negative in this batch.
        floor: smallest value (ours, 0; the papers have none).
        cap: largest value u (CE-CLIP Eq. 7; AHNPL prints none).

    Returns:
        The margins of the next step (K,), detached.
    """
    # A threshold, not a loss: it must not be lowered by gradient.
    gap = (positive.unsqueeze(1) - negative).detach()
    count = valid.sum(0)
    mean = torch.where(valid, gap, 0.0).sum(0) / count.clamp(min=1)
    if floor is not None:
        mean = mean.clamp(min=floor)
    if cap is not None:
        mean = torch.where(mean < cap, mean, cap)
    return torch.where(count > 0, mean, previous)


def cosine_margin(value: float | Literal["auto"], state: TermState) -> Tensor:
    """Return a margin of the recipe in cosine, a scalar: `auto` is the start's spread."""
    # Filled where it is used: a number from the CPU would wait for the GPU.
    return state.spread if value == "auto" else torch.full_like(state.spread, value)


def concreteness_margin(concreteness: Tensor, cap: float | Tensor) -> Tensor:
    """Return m_k = cap * (c_k - 1) / 4 in cosine, for ratings 1 to 5; NaN counts as 3."""
    return cap * (concreteness.nan_to_num(UNRATED) - 1) / 4


def softmax_margin(features: Features, recipe: Recipe) -> Tensor | None:
    """Return what is added to S(I,T_k) of hard negatives in Eq. 4's softmax (N, K); None for 0.

    After Slipform, of which secondary sources say that the margin stands on the hard negative's
    logit inside InfoNCE, beside the easy negatives, and that a constant one was compared with one
    of concreteness. Shape and size are ours: with 1/tau = 100 a margin of 0.02 gives a negative 7.4
    times its weight.
    """
    if recipe.softmax_margin == "none":
        return None
    if recipe.softmax_margin == "constant":
        return torch.full_like(features.concreteness, recipe.softmax_margin_size)
    return concreteness_margin(features.concreteness, recipe.softmax_margin_size)


def positive_margin_term(features: Features, state: TermState) -> Tensor:
    """Eq. 8."""
    return positive_margin_loss(features.positive, state.a)


def negative_margin_term(features: Features, state: TermState) -> Tensor:
    """Eq. 9."""
    return negative_margin_loss(features.positive, features.negative, state.margin, features.valid)


def positive_margin_hinge(features: Features, state: TermState) -> Tensor:
    """A - S(I,T) of every pair (N,)."""
    return state.a - _hinge_scale(features, state) * features.positive


def negative_margin_hinge(features: Features, state: TermState) -> Tensor:
    """S(I,T_n) - S(I,T) + M_n of every valid slot (P,)."""
    gap = features.negative - features.positive.unsqueeze(1)
    return (_hinge_scale(features, state) * gap + state.margin)[features.valid]


def _hinge_scale(features: Features, state: TermState) -> Tensor:
    """The released margins are in logits, the papers' in cosine."""
    released = state.recipe.fidelity == "released"
    return features.logit_scale if released else torch.ones_like(features.logit_scale)
