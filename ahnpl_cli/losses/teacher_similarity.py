"""A teacher's similarities of the batch, kept: the similarity-matrix form of distillation.

The relational distillation of CLIP-KD (Yang et al. 2024), which open_clip's `DistillClipLoss` also
computes, up to a constant: the cross-entropy there is this divergence and the teacher's entropy.
Hard negatives are left out (ours): a teacher that cannot tell them from captions would keep the
student from learning to.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.similarity import pairwise_similarity


def teacher_similarity_loss(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """KL(p' || p) over the texts of each image, and over the images of each text.

    sum_j p'(T_j|I_i) log p'(T_j|I_i) / p(T_j|I_i) + sum_j p'(I_j|T_i) log p'(I_j|T_i) / p(I_j|T_i),
    p the softmax of S/tau, p' the teacher's

    Args:
        logits: S(I_i, T_j) / tau (N, N).
        teacher_logits: the teacher's, with its own tau (N, N).

    Returns:
        One value per pair, of its image and its text: (N,).
    """
    return _divergence(logits, teacher_logits) + _divergence(logits.T, teacher_logits.T)


def _divergence(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    log_p, log_q = teacher_logits.log_softmax(1), logits.log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


def sigmoid_teacher_similarity_loss(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """The same of models with a sigmoid per pair: KL of each question's two answers (ours).

    sum_j KL(sigma(l'_ij) || sigma(l_ij)) + sum_j KL(sigma(l'_ji) || sigma(l_ji)), l = t S + b

    Args:
        logits: t S(I_i, T_j) + b (N, N).
        teacher_logits: the teacher's, with its own t and b (N, N).

    Returns:
        One value per pair, of its image and its text: (N,).
    """
    yes = teacher_logits.sigmoid()
    costs = functional.softplus(logits) - yes * logits
    entropy = functional.softplus(teacher_logits) - yes * teacher_logits
    divergence = costs - entropy
    return divergence.sum(1) + divergence.sum(0)


def _all_logits(features: Features, state: TermState) -> tuple[Tensor, Tensor]:
    """Return the logits of every image with every text, of student and teacher, without bias."""
    teacher = features.teacher(state.recipe.teacher)
    assert teacher.image_features is not None
    own = pairwise_similarity(features.image_features, features.text_features)
    kept = pairwise_similarity(teacher.image_features, teacher.text_features)
    return features.logit_scale * own, teacher.logit_scale * kept


def teacher_similarity_term(features: Features, state: TermState) -> Tensor:
    """The divergence of softmaxes."""
    return teacher_similarity_loss(*_all_logits(features, state))


def sigmoid_teacher_similarity_term(features: Features, state: TermState) -> Tensor:
    """The divergence of sigmoids."""
    logits, kept = _all_logits(features, state)
    bias = features.teacher(state.recipe.teacher).logit_bias
    assert features.logit_bias is not None and bias is not None
    return sigmoid_teacher_similarity_loss(logits + features.logit_bias, kept + bias)
