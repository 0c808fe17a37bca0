"""Products of vectors by scalars, for the loops that losses are compared with."""

from torch import Tensor


def dot(a: Tensor, b: Tensor) -> float:
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def apart(a: Tensor, b: Tensor) -> float:
    """The squared distance."""
    return sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True))
