"""DeGLA's guards (Hu et al. 2025): what fine-tuning must not move away from.

Of the paper we had the abstract; the equations are those of its released code. Its third term, an
image that chooses its caption among its own negatives (IGC), is FSC-CLIP's calibrated loss with
gamma and beta 0; see the recipe.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.hard_negative import against_own
from ahnpl_cli.similarity import similarity

TEXT_SCALE = 10.0  # of TGC's logits, whatever the model's 1/tau (its code)


def teacher_features_loss(
    image_features: Tensor,
    text_features: Tensor,
    negative_features: Tensor,
    teacher_images: Tensor,
    teacher_texts: Tensor,
    teacher_negatives: Tensor,
    valid: Tensor,
) -> Tensor:
    """|e_I - e'_I|^2 + |e_T - e'_T|^2 + sum_n |e_Tn - e'_Tn|^2, with e' the teacher's.

    Args:
        image_features: e_I (N, D).
        text_features: e_T (N, D).
        negative_features: e_Tn (N, K, D).
        teacher_images: e'_I (N, D).
        teacher_texts: e'_T (N, D).
        teacher_negatives: e'_Tn (N, K, D).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    images = (image_features - teacher_images).square().sum(-1)
    texts = (text_features - teacher_texts).square().sum(-1)
    # The negatives are held too, as in its code: else they alone would be free to move.
    negatives = (negative_features - teacher_negatives).square().sum(-1)
    return images + texts + torch.where(valid, negatives, 0.0).sum(1)


def text_grounded_loss(
    text_features: Tensor, teacher_texts: Tensor, negative_features: Tensor, valid: Tensor
) -> Tensor:
    """L_TGC: -log exp(10 S(T,T')) / (exp(10 S(T,T')) + sum_n exp(10 S(T,T_n))).

    Args:
        text_features: e_T (N, D).
        teacher_texts: e_T' of the same captions by the teacher (N, D).
        negative_features: e_Tn (N, K, D).
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    own = similarity(text_features, teacher_texts)
    negatives = similarity(text_features.unsqueeze(1), negative_features)
    return against_own(TEXT_SCALE * (negatives - own.unsqueeze(1)), valid)


def _distance(features: Features, state: TermState, valid: Tensor) -> Tensor:
    teacher = features.teacher(state.recipe.teacher)
    assert teacher.image_features is not None
    return teacher_features_loss(
        features.image_features,
        features.text_features,
        features.negative_features,
        teacher.image_features,
        teacher.text_features,
        teacher.negative_features,
        valid,
    )


def teacher_features_term(features: Features, state: TermState) -> Tensor:
    """The squared distance of each pair."""
    return _distance(features, state, features.valid)


def released_teacher_features_term(features: Features, state: TermState) -> Tensor:
    """As released: a sum over the batch, beside terms that are means over it."""
    every_slot = torch.ones_like(features.valid)
    return len(features.text_features) * _distance(features, state, every_slot)


def text_grounded_term(features: Features, state: TermState) -> Tensor:
    """L_TGC against each caption's own negatives."""
    teacher = features.teacher(state.recipe.teacher)
    return text_grounded_loss(
        features.text_features, teacher.text_features, features.negative_features, features.valid
    )


def released_text_grounded_term(features: Features, state: TermState) -> Tensor:
    """As released: the negatives stand pair by pair, and are read as if slot by slot.

    Row i thus meets numbers i, N + i, ... of all N*K, which are mostly other captions' negatives.
    """
    teacher = features.teacher(state.recipe.teacher)
    pairs, slots, width = features.negative_features.shape
    met = features.negative_features.reshape(slots, pairs, width).transpose(0, 1)
    every_slot = torch.ones_like(features.valid)
    return text_grounded_loss(features.text_features, teacher.text_features, met, every_slot)
