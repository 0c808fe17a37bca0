"""What the released code of AHNPL and CE-CLIP computes where it departs from the papers.

Transcribed from a description of nynu-BDAI/AHNPL `open_clip/loss.py` and CE-CLIP's
`src/open_clip/loss.py`, so that what a difference costs can be measured. All work on logits, and
their placeholder text '###' stands in every invalid slot. Without any slot (K = 0, which their code
cannot do) a term is 0. Shapes: N pairs, K slots, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ahnpl_cli.losses.contrastive import contrastive_loss
from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.margin import negative_margin_loss, positive_margin_loss
from ahnpl_cli.similarity import image_negatives, pairwise_similarity

PLACEHOLDER = "###"


def released_contrastive_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor,
    *,
    hard_negatives: Tensor | None = None,
) -> Tensor:
    """Eq. 4 as released: both directions halved, all N*K slots in image-to-text.

    Args:
        image_features: e_I (N, D).
        text_features: e_T (N, D).
        logit_scale: 1/tau.
        hard_negatives: e_Tn (N, K, D), placeholders included.

    Returns:
        One value per pair: (N,).
    """
    joined = None
    if hard_negatives is not None:
        joined = logit_scale * pairwise_similarity(image_features, hard_negatives.flatten(0, 1))
    both = contrastive_loss(image_features, text_features, logit_scale, hard_negative_logits=joined)
    return both / 2


def released_hard_negative_loss(anchors: Tensor, negatives: Tensor, logit_scale: Tensor) -> Tensor:
    """AHNPL Eqs. 5-6 as released: row i's target is column i of all N*K negatives.

    The target of row i is thus slot i mod K of pair floor(i/K), mostly a foreign negative, towards
    which row i is pulled; the denominator holds every pair's negatives, valid or not.

    Args:
        anchors: e_I or e_T (N, D).
        negatives: image or text negatives (N, K, D).
        logit_scale: 1/tau.

    Returns:
        One value per pair: (N,).
    """
    if negatives.shape[1] == 0:
        return anchors.new_zeros(len(anchors))
    logits = logit_scale * pairwise_similarity(anchors, negatives.flatten(0, 1))
    # Column i of all N*K, which is a hard negative: the code's slip, kept.
    target = torch.arange(len(anchors), device=anchors.device)
    return functional.cross_entropy(logits, target, reduction="none")


def released_intra_modal_loss(
    text_features: Tensor, negative_features: Tensor, logit_scale: Tensor
) -> Tensor:
    """CE-CLIP Eq. 3 as released: every row's target is slot 0 of the first pair.

    Args:
        text_features: e_T (N, D).
        negative_features: e_Tk (N, K, D).
        logit_scale: 1/tau.

    Returns:
        One value per pair: (N,).
    """
    if negative_features.shape[1] == 0:
        return text_features.new_zeros(len(text_features))
    logits = logit_scale * pairwise_similarity(text_features, negative_features.flatten(0, 1))
    target = torch.zeros(len(text_features), dtype=torch.long, device=logits.device)
    return functional.cross_entropy(logits, target, reduction="none")


def released_margin_loss(
    positive_logits: Tensor, negative_logits: Tensor, margin: Tensor, valid: Tensor
) -> Tensor:
    """AHNPL Eq. 9 and CE-CLIP Eq. 6 as released: mean, not sum, over K slots, masked zeros too.

    Args:
        positive_logits: S(I, T) / tau (N,).
        negative_logits: S(I, T_n) / tau (N, K).
        margin: thresholds in logits (K,).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    slots = max(1, valid.shape[1])
    return negative_margin_loss(positive_logits, negative_logits, margin, valid) / slots


def released_margin(
    positive_logits: Tensor,
    negative_logits: Tensor,
    valid: Tensor,
    previous: Tensor,
    *,
    cap: float,
) -> Tensor:
    """AHNPL Eq. 10 and CE-CLIP Eq. 7 as released: mean of all positives less mean of valid ones.

    Biased once a kind has invalid slots, since the positives are not restricted to its pairs. In a
    batch without a kind, CE-CLIP's code divides by zero, and AHNPL's takes the positives alone;
    here the kind keeps its margin.

    Args:
        positive_logits: S(I, T) / tau (N,).
        negative_logits: S(I, T_n) / tau (N, K).
        valid: which slots hold a negative (N, K).
        previous: thresholds of this step (K,).
        cap: upper bound in logits; the lower is 0.

    Returns:
        The thresholds of the next step (K,), detached.
    """
    count = valid.sum(0)
    mean = torch.where(valid, negative_logits.detach(), 0.0).sum(0) / count.clamp(min=1)
    margin = (positive_logits.detach().mean() - mean).clamp(0, cap)
    return torch.where(count > 0, margin, previous)


def contrastive_term(features: Features, state: TermState) -> Tensor:
    """Eq. 4 as released."""
    joined = None if state.recipe.softmax_negatives == "none" else features.negative_features
    return released_contrastive_loss(
        features.image_features,
        features.text_features,
        features.logit_scale,
        hard_negatives=joined,
    )


def visual_negative_term(features: Features, state: TermState) -> Tensor:
    """Eq. 5 as released, on image negatives that are not normalized again."""
    moved = image_negatives(
        features.image_features,
        features.text_features,
        features.negative_features,
        shift_gradient=state.recipe.shift_gradient,
        renormalize=False,
    )
    return released_hard_negative_loss(features.image_features, moved, features.logit_scale)


def textual_negative_term(features: Features, state: TermState) -> Tensor:
    """Eq. 6 as released."""
    return released_hard_negative_loss(
        features.text_features, features.negative_features, features.logit_scale
    )


def positive_margin_term(features: Features, state: TermState) -> Tensor:
    """Eq. 8 as it would be had the released code wired it."""
    return positive_margin_loss(features.positive_logits, state.a)


def negative_margin_term(features: Features, state: TermState) -> Tensor:
    """Eq. 9 as released."""
    return _margin_term(features, state.margin)


def intra_modal_term(features: Features, state: TermState) -> Tensor:
    """CE-CLIP Eq. 3 as released."""
    return released_intra_modal_loss(
        features.text_features, features.negative_features, features.logit_scale
    )


def cross_modal_rank_term(features: Features, state: TermState) -> Tensor:
    """CE-CLIP Eq. 6 as released."""
    return _margin_term(features, state.threshold)


def _margin_term(features: Features, margin: Tensor) -> Tensor:
    return released_margin_loss(
        features.positive_logits, features.negative_logits, margin, features.valid
    )
