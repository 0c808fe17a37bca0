"""S(T,I) (AHNPL Eq. 3): cosine of features, per pair and for all pairs.

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
