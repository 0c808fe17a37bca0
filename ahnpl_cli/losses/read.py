"""READ-CLIP's alignment of paraphrases (Kwon et al. 2025): a caption is its own other wording."""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.similarity import pairwise_similarity


def paraphrase_loss(
    positive_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor,
    valid: Tensor,
    *,
    excluded: Tensor | None = None,
) -> Tensor:
    """-log exp(S(T'_i,T_i)/tau) / sum_j exp(S(T'_i,T_j)/tau), one direction as in its code.

    Args:
        positive_features: e_T' of another true text of each pair (N, D).
        text_features: e_T (N, D).
        logit_scale: 1/tau.
        valid: which pairs have such a text (N,).
        excluded: captions j that are true of image i too, such as others of it (N, N) (ours).

    Returns:
        One value per pair: (N,).
    """
    logits = logit_scale * pairwise_similarity(positive_features, text_features)
    if excluded is not None:
        logits = logits.masked_fill(excluded, -torch.inf)
    return torch.where(valid, logits.logsumexp(1) - logits.diagonal(), 0.0)


def paraphrase_term(features: Features, state: TermState) -> Tensor:
    """The loss above; 0 for a pair without another true text."""
    if features.positive_valid.shape[1] == 0:
        return features.positive.new_zeros(len(features.text_features))
    return paraphrase_loss(
        features.positive_features[:, 0],
        features.text_features,
        features.logit_scale,
        features.positive_valid[:, 0],
        excluded=features.same_image if state.recipe.mask_same_image else None,
    )
