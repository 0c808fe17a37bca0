"""Contrast among pairs and their painted negative pairs (TROHN-Img, Miranda et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.contrastive import contrastive_loss
from ahnpl_cli.losses.features import Features, PaintedPairs, TermState


def negative_pairs_loss(
    image_features: Tensor,
    text_features: Tensor,
    painted: PaintedPairs,
    logit_scale: Tensor,
    *,
    excluded: Tensor | None = None,
) -> Tensor:
    """Eq. 4 over N pairs and P negative pairs, which are one batch of N + P.

    BiVLC's training script puts the negative image and caption of every pair behind the pairs of
    its batch, so that each image and each text has 2N - 1 negatives.

    Args:
        image_features: e_I (N, D).
        text_features: e_T (N, D).
        painted: the negative pairs (P, D).
        logit_scale: 1/tau.
        excluded: as for `contrastive_loss` (N + P, N + P).

    Returns:
        One value per pair, those of the negative pairs last: (N + P,).
    """
    return contrastive_loss(
        torch.cat([image_features, painted.image_features]),
        torch.cat([text_features, painted.text_features]),
        logit_scale,
        excluded=excluded,
    )


def excluded_pairs(features: Features, painted: PaintedPairs) -> Tensor:
    """Return which of N + P images and texts are not treated as negatives of each other (ours).

    These are captions of one image, and what is word for word one of them; see Eq. 4.
    """
    pairs = len(features.image_features)
    count = pairs + len(painted.image_features)
    excluded = torch.zeros(count, count, dtype=torch.bool, device=painted.image_features.device)
    excluded[:pairs, :pairs] = features.same_image
    if painted.true_of is not None:
        excluded[:pairs, pairs:] = painted.true_of
        # A negative that is true of an image may have a picture that its captions are true of.
        excluded[pairs:, :pairs] = painted.true_of.T
    return excluded


def negative_pairs_term(features: Features, state: TermState) -> Tensor:
    """The loss above on the negatives that have a picture."""
    painted = features.painted
    return negative_pairs_loss(
        features.image_features,
        features.text_features,
        painted,
        features.logit_scale,
        excluded=excluded_pairs(features, painted) if state.recipe.mask_same_image else None,
    )
