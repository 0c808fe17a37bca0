"""TripletCLIP (Patel et al. 2024): NegCLIP's loss with the pair and its negative pair exchanged.

Its whole loss is that of NegCLIP (Eq. 4 with hard negatives), plus the term here:

    L = L_NegCL(images, texts; negative texts) + L_NegCL(negative images, negative texts; texts)
"""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.contrastive import contrastive_loss
from ahnpl_cli.losses.features import Features, PaintedPairs, TermState
from ahnpl_cli.similarity import pairwise_similarity


def exchanged_loss(
    text_features: Tensor,
    painted: PaintedPairs,
    logit_scale: Tensor,
    *,
    mask_true: bool = True,
) -> Tensor:
    """L_NegCL(negative images, negative texts; texts): captions are the hard negatives.

    Args:
        text_features: e_T (N, D).
        painted: the negative pairs (P, D).
        logit_scale: 1/tau.
        mask_true: whether the captions of an image that a negative text is a caption of are no
            negatives of its picture (ours).

    Returns:
        One value per negative pair: (P,).
    """
    captions = logit_scale * pairwise_similarity(painted.image_features, text_features)
    if mask_true and painted.true_of is not None:
        captions = captions.masked_fill(painted.true_of.T, -torch.inf)
    return contrastive_loss(
        painted.image_features,
        painted.text_features,
        logit_scale,
        hard_negative_logits=captions,
    )


def exchanged_term(features: Features, state: TermState) -> Tensor:
    """The loss above on the negatives that have a picture."""
    return exchanged_loss(
        features.text_features,
        features.painted,
        features.logit_scale,
        mask_true=state.recipe.mask_same_image,
    )
