"""What a sigmoid model (SigLIP, Zhai et al. 2023) learns from where others have a softmax.

Each pair of an image and a text is a question of its own, with the logit t S(I,T) + b. Terms that
compare two similarities, or take cosines without a temperature (AHNPL's Eqs. 5-11, CE-CLIP's Eqs.
4-7, Cement), hold for both families: b cancels, or never enters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from ahnpl_cli.losses.contrastive import contrastive_loss
from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.margin import softmax_margin
from ahnpl_cli.losses.trohn import excluded_pairs
from ahnpl_cli.similarity import pairwise_similarity


def sigmoid_contrastive_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor,
    logit_bias: Tensor,
    *,
    hard_negative_logits: Tensor | None = None,
    excluded: Tensor | None = None,
) -> Tensor:
    """SigLIP's Eq. 1, counted once from the image's side and once from the text's.

    -sum_j log sigma(z_ij (t S(I_i,T_j) + b)) - sum_j log sigma(z_ji (t S(I_j,T_i) + b)),
    z_ij = 1 for i = j and -1 else

    Two sides, as the softmax form has two directions: the recipes' weight of 0.5 makes it Eq. 1. A
    hard negative is one more pair with z = -1, so it counts twice here (ours).

    Args:
        image_features: e_I (N, D).
        text_features: e_T (N, D).
        logit_scale: t.
        logit_bias: b.
        hard_negative_logits: t S(I_i,T_n) + b of hard negatives (N, P); -inf where a negative does
            not count for a row.
        excluded: pairs (i, j) not treated as negatives (N, N), such as two captions of
            one image (ours).

    Returns:
        One value per pair: (N,).
    """
    logits = logit_scale * pairwise_similarity(image_features, text_features) + logit_bias
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    costs = functional.softplus(-signs * logits)
    if excluded is not None:
        costs = costs.masked_fill(excluded, 0.0)
    loss = costs.sum(1) + costs.sum(0)
    if hard_negative_logits is not None:
        loss = loss + 2 * functional.softplus(hard_negative_logits).sum(1)
    return loss


def contrast_of(features: Features) -> Callable[..., Tensor]:
    """Return the contrast of both directions that fits a model: Eq. 4's softmax, or SigLIP's."""
    if features.logit_bias is None:
        return contrastive_loss
    return partial(sigmoid_contrastive_loss, logit_bias=features.logit_bias)


def sigmoid_intra_modal_loss(
    positive_logits: Tensor, text_negative_logits: Tensor, valid: Tensor
) -> Tensor:
    """CE-CLIP's Eq. 3 with sigmoids: -log sigma(l(I,T)) - sum_k log sigma(-l(T,T_k)) (ours).

    Args:
        positive_logits: t S(I, T) + b (N,).
        text_negative_logits: t S(T, T_k) + b (N, K).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    apart = torch.where(valid, functional.softplus(text_negative_logits), 0.0).sum(1)
    return torch.where(valid.any(1), functional.softplus(-positive_logits) + apart, 0.0)


def _logits(features: Features, cosines: Tensor) -> Tensor:
    assert features.logit_bias is not None
    return features.logit_scale * cosines + features.logit_bias


def contrastive_term(features: Features, state: TermState) -> Tensor:
    """SigLIP's Eq. 1 with the hard negatives that the recipe would put into a softmax."""
    assert features.logit_bias is not None
    recipe = state.recipe
    margin = softmax_margin(features, recipe)
    hard = None
    if recipe.softmax_negatives == "batch":
        cosines = pairwise_similarity(features.image_features, features.packed_negatives)
        if margin is not None:
            cosines = cosines + margin[features.valid]
        hard = _logits(features, cosines)
        if recipe.mask_same_image and features.also_true is not None:
            hard = hard.masked_fill(features.also_true[:, features.valid], -torch.inf)
    elif recipe.softmax_negatives == "own":
        cosines = features.negative if margin is None else features.negative + margin
        hard = _logits(features, cosines).masked_fill(~features.valid, -torch.inf)
    return sigmoid_contrastive_loss(
        features.image_features,
        features.text_features,
        features.logit_scale,
        features.logit_bias,
        hard_negative_logits=hard,
        excluded=features.same_image if recipe.mask_same_image else None,
    )


def intra_modal_term(features: Features, state: TermState) -> Tensor:
    """CE-CLIP's Eq. 3 with sigmoids."""
    return sigmoid_intra_modal_loss(
        _logits(features, features.positive),
        _logits(features, features.text_negative),
        features.valid,
    )


def negative_pairs_term(features: Features, state: TermState) -> Tensor:
    """TROHN's contrast over pairs and negative pairs with sigmoids."""
    assert features.logit_bias is not None
    painted = features.painted
    return sigmoid_contrastive_loss(
        torch.cat([features.image_features, painted.image_features]),
        torch.cat([features.text_features, painted.text_features]),
        features.logit_scale,
        features.logit_bias,
        excluded=excluded_pairs(features, painted) if state.recipe.mask_same_image else None,
    )


def exchanged_term(features: Features, state: TermState) -> Tensor:
    """TripletCLIP's exchanged contrast with sigmoids."""
    assert features.logit_bias is not None
    painted = features.painted
    cosines = pairwise_similarity(painted.image_features, features.text_features)
    captions = _logits(features, cosines)
    if state.recipe.mask_same_image and painted.true_of is not None:
        captions = captions.masked_fill(painted.true_of.T, -torch.inf)
    return sigmoid_contrastive_loss(
        painted.image_features,
        painted.text_features,
        features.logit_scale,
        features.logit_bias,
        hard_negative_logits=captions,
    )
