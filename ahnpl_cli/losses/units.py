"""Contrast of units, CS-CLIP's second loss (Kargi et al. 2026): parts of a caption as texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ahnpl_cli.losses.contrastive import contrastive_loss
from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.sigmoid import sigmoid_contrastive_loss
from ahnpl_cli.similarity import pairwise_similarity


def unit_term(features: Features, state: TermState) -> Tensor:
    """NegCLIP's loss with units for captions, as the mean of its two directions.

    -1/2 log exp(S(I_i,u_i)/tau) / (sum_j exp(S(I_i,u_j)/tau) + sum_j exp(S(I_i,f_j)/tau))
    -1/2 log exp(S(I_i,u_i)/tau) / sum_j exp(S(I_j,u_i)/tau)

    u is a unit, such as "a brown horse" or "a man riding a horse", and f its foil. As in CS-CLIP's
    code, slot after slot: j runs over the pairs that have a unit in the slot. Short texts are true
    of many images; what is word for word a unit of an image is no negative of it (ours).

    Returns:
        The mean over each pair's units (N,); 0 for a pair without.
    """
    return _mean_over_units(features, state, contrastive_loss, bias=0.0)


def sigmoid_unit_term(features: Features, state: TermState) -> Tensor:
    """The same with SigLIP's loss for a softmax."""
    assert features.logit_bias is not None
    loss = partial(_sigmoid, logit_bias=features.logit_bias)
    return _mean_over_units(features, state, loss, bias=features.logit_bias)


def _sigmoid(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor,
    *,
    logit_bias: Tensor,
    hard_negative_logits: Tensor,
    excluded: Tensor | None,
) -> Tensor:
    return sigmoid_contrastive_loss(
        image_features,
        text_features,
        logit_scale,
        logit_bias,
        hard_negative_logits=hard_negative_logits,
        excluded=excluded,
    )


def _mean_over_units(
    features: Features, state: TermState, loss: Callable[..., Tensor], *, bias: Tensor | float
) -> Tensor:
    """Return half of a loss of both directions, slot by slot of units (N,)."""
    valid = features.unit_valid
    total = features.positive.new_zeros(len(valid))
    for slot in range(valid.shape[1]):
        pairs = valid[:, slot].nonzero().flatten()
        images = features.image_features[pairs]
        units = features.unit_features[pairs, slot]
        foils = features.foil_features[pairs, slot]
        foil_logits = features.logit_scale * pairwise_similarity(images, foils) + bias
        excluded = None
        if state.recipe.mask_same_image and features.unit_true is not None:
            assert features.foil_true is not None
            # A unit is true of its own image, where it is the right answer.
            excluded = features.unit_true[pairs][:, pairs, slot].fill_diagonal_(False)
            false_of = ~features.foil_true[pairs][:, pairs, slot]
            foil_logits = foil_logits.masked_fill(~false_of, -torch.inf)
        values = loss(
            images,
            units,
            features.logit_scale,
            hard_negative_logits=foil_logits,
            excluded=excluded,
        )
        total = total.index_add(0, pairs, values / 2)
    return total / valid.sum(1).clamp(min=1)
