"""Contrast of units, CS-CLIP's second loss (Kargi et al. 2026): parts of a caption as texts."""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.contrastive import mean_over_slots
from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.sigmoid import contrast_of
from ahnpl_cli.similarity import pairwise_similarity


def unit_term(features: Features, state: TermState) -> Tensor:
    """NegCLIP's loss with units for captions, as the mean of its two directions.

    -1/2 log exp(S(I_i,u_i)/tau) / (sum_j exp(S(I_i,u_j)/tau) + sum_j exp(S(I_i,f_j)/tau))
    -1/2 log exp(S(I_i,u_i)/tau) / sum_j exp(S(I_j,u_i)/tau)

    u is a unit, such as "a brown horse" or "a man riding a horse", and f its foil. As in CS-CLIP's
    code, slot after slot: j runs over the pairs that have a unit in the slot. Short texts are true
    of many images; what is word for word a unit of an image is no negative of it (ours).

    A sigmoid model has SigLIP's loss for the softmax.

    Returns:
        The mean over each pair's units (N,); 0 for a pair without.
    """
    valid, contrast = features.unit_valid, contrast_of(features)
    bias = 0.0 if features.logit_bias is None else features.logit_bias

    def loss(pairs: Tensor, slot: int) -> Tensor:
        images = features.image_features[pairs]
        foils = features.foil_features[pairs, slot]
        foil_logits = features.logit_scale * pairwise_similarity(images, foils) + bias
        excluded = None
        if state.recipe.mask_same_image and features.unit_true is not None:
            assert features.foil_true is not None
            # A unit is true of its own image, where it is the right answer.
            excluded = features.unit_true[pairs][:, pairs, slot].fill_diagonal_(False)
            true_of = features.foil_true[pairs][:, pairs, slot]
            foil_logits = foil_logits.masked_fill(true_of, -torch.inf)
        both = contrast(
            images,
            features.unit_features[pairs, slot],
            features.logit_scale,
            hard_negative_logits=foil_logits,
            excluded=excluded,
        )
        return both / 2

    return mean_over_slots(valid, loss, like=features.positive)
