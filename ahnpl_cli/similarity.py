"""Cosines of features, S(T,I), and the semantic shift that makes image negatives (AHNPL Eqs. 1-3).

Features are L2-normalized once, where they are made, so that the dot product is the cosine.
`similarity` lies in [-1, 1]; `logits` are `logit_scale` times that, and the two are never mixed.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def normalize(features: Tensor) -> Tensor:
    """Return features (..., D) with unit length; a zero vector stays zero."""
    return functional.normalize(features, dim=-1)


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """Return S of matching rows (Eq. 3).

    Args:
        a: L2-normalized features (..., D).
        b: L2-normalized features, broadcast against `a`.

    Returns:
        Cosines (...) in [-1, 1].
    """
    return (a * b).sum(-1)


def pairwise_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Return S of every row of `a` (N, D) with every row of `b` (M, D): (N, M) (Eq. 3)."""
    return a @ b.T


def semantic_shift(text_features: Tensor, negative_features: Tensor) -> Tensor:
    """Delta_e = e_Tneg - e_Torig (Eq. 1).

    Args:
        text_features: e_T (N, D), L2-normalized.
        negative_features: e_Tn (N, K, D), L2-normalized.

    Returns:
        One shift per negative: (N, K, D).
    """
    return negative_features - text_features.unsqueeze(1)


def image_negatives(
    image_features: Tensor,
    text_features: Tensor,
    negative_features: Tensor,
    *,
    shift_gradient: bool = True,
    renormalize: bool = True,
) -> Tensor:
    """e_Ineg = e_Iorig + Delta_e (Eq. 2), again of unit length.

    The paper does not say whether features are normalized before Eq. 2; ours are, as in the
    released code. (Raw image features can be far longer than those of texts, 100 against 14 in a
    ResNet trained on synthetic scenes, and a shift between texts would then move an image by next
    to nothing.)

    Args:
        image_features: e_I (N, D), L2-normalized.
        text_features: e_T (N, D), L2-normalized.
        negative_features: e_Tn (N, K, D), L2-normalized.
        shift_gradient: whether a loss on the result also moves the text tower (ours; the released
            code stops the gradient here).
        renormalize: whether the result has unit length, as Eq. 5's cosine asks (the released code
            leaves it as it is).

    Returns:
        Image negatives I_n (N, K, D).
    """
    shift = semantic_shift(text_features, negative_features)
    if not shift_gradient:
        shift = shift.detach()
    moved = image_features.unsqueeze(1) + shift
    return normalize(moved) if renormalize else moved
