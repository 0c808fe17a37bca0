"""Products of vectors by scalars, and loops that losses are compared with."""

from collections.abc import Callable

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features


def dot(a: Tensor, b: Tensor) -> float:
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def apart(a: Tensor, b: Tensor) -> float:
    """The squared distance."""
    return sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True))


def check_loop(
    term: Callable[[Features], Tensor],
    looped: Callable[[Features, Tensor | None], list[float]],
    features: Features,
    also_true: Tensor | None = None,
) -> None:
    """Compare a term with a loop that may be told which negatives are true of which image."""
    want = torch.tensor(looped(features, also_true), dtype=torch.float64)
    torch.testing.assert_close(term(features), want)
