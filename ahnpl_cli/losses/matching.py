"""Image-text matching with hard negatives, for models that look at both sides at once.

ALBEF (Li et al. 2021, Eq. 3) and BLIP ask a head whether a pair matches, by cross-entropy, and mine
the negatives from the batch. CE-CLIP trained such a model, X-VLM, with its hard negatives; it has
no equation for it, and its repository trains CLIP alone. Here the pair's own hard negatives stand
in the place of the mined ones (ours).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ahnpl_cli.losses.features import Features, TermState


def matching_loss(positive_odds: Tensor, negative_odds: Tensor, valid: Tensor) -> Tensor:
    """L_itm: mean over a pair's own texts of the cross-entropy of "match" and "no match".

    [-log p(I, T) - sum_k log(1 - p(I, T_k))] / (1 + number of valid k)

    Args:
        positive_odds: log-odds that the pair matches (N,).
        negative_odds: log-odds that its image matches each hard negative (N, K).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    count = valid.sum(1)
    # Emptied before the softplus: whatever stands in an empty slot would reach the gradient.
    wrong = softplus(torch.where(valid, negative_odds, 0.0))
    negatives = torch.where(valid, wrong, 0.0).sum(1)
    mean = (softplus(-positive_odds) + negatives) / (1 + count)
    # Alone, a true pair would teach the head to call everything a match.
    return torch.where(count > 0, mean, 0.0)


def matching_term(features: Features, state: TermState) -> Tensor:
    """ALBEF Eq. 3 with the pair's own hard negatives.

    Raises:
        ValueError: the features are of a model without a matching head.
    """
    odds = features.match_odds
    if not features.valid.any():
        return features.positive.new_zeros(len(features.positive))
    if odds is None:
        raise ValueError("the matching term needs match_odds, of a model with a matching head")
    return matching_loss(odds[:, 0], odds[:, 1:], features.valid)
