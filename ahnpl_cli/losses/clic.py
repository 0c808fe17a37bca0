"""CLIC's losses (Peleg et al. 2025, Eqs. 4-7) of an image with several true texts.

A joined image has its captions in both orders, and other captions where there are some: these are
the caption and the further true texts of a pair. Transcribed from its code, which agrees with the
paper's Eq. 7: weights 0.5, 0.5 and 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ahnpl_cli.losses.contrastive import mean_over_slots
from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.hard_negative import masked_logsumexp
from ahnpl_cli.losses.sigmoid import contrast_of
from ahnpl_cli.similarity import similarity


def _true_texts(features: Features) -> tuple[Tensor, Tensor]:
    """Return the caption and the further true texts (N, S, D), and which there are (N, S)."""
    captions = features.text_features.unsqueeze(1)
    always = torch.ones_like(features.image_ids, dtype=torch.bool).unsqueeze(1)
    texts = torch.cat([captions, features.positive_features], dim=1)
    return texts, torch.cat([always, features.positive_valid], dim=1)


def every_text_term(features: Features, state: TermState) -> Tensor:
    """Eq. 4: contrast with each true text in turn, as the mean of its two directions.

    1/S sum_s L_cont(I, T^s) / 2, where T^s of a pair competes with the s-th text of the others

    Returns:
        One value per pair: (N,).
    """
    texts, valid = _true_texts(features)
    contrast = contrast_of(features)
    excluded = features.same_image if state.recipe.mask_same_image else None

    def loss(pairs: Tensor, slot: int) -> Tensor:
        # A text competes with those of the same place: the captions alone are not of its form.
        both = contrast(
            features.image_features[pairs],
            texts[pairs, slot],
            features.logit_scale,
            excluded=None if excluded is None else excluded[pairs][:, pairs],
        )
        return both / 2

    return mean_over_slots(valid, loss, like=features.positive)


def separate_negative_term(features: Features, state: TermState) -> Tensor:
    """Eq. 5: each true text against the pair's own negatives, apart from the batch's softmax.

    1/S sum_s -log exp(S(I,T^s)/tau) / (exp(S(I,T^s)/tau) + sum_n exp(S(I,T_n)/tau))

    A bias would cancel.

    Returns:
        One value per pair: (N,); 0 for a pair without a negative.
    """
    texts, present = _true_texts(features)
    true_logits = features.logit_scale * similarity(features.image_features.unsqueeze(1), texts)
    false = masked_logsumexp(features.negative_logits, features.valid)
    costs = torch.where(present, functional.softplus(false.unsqueeze(1) - true_logits), 0.0)
    # Every pair has its caption at least.
    mean = costs.sum(1) / present.sum(1)
    return torch.where(features.valid.any(1), mean, 0.0)


def same_text_term(features: Features, state: TermState) -> Tensor:
    """Eq. 6: |e_T - e_T'|^2 of the caption and the first further true text.

    Returns:
        One value per pair: (N,); 0 for a pair without such a text.
    """
    if features.positive_valid.shape[1] == 0:
        return torch.zeros_like(features.positive)
    apart = (features.text_features - features.positive_features[:, 0]).square().sum(1)
    return torch.where(features.positive_valid[:, 0], apart, 0.0)
