"""Which weights are written: the trained ones, their running mean, or a mix with the start."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Weights = dict[str, Tensor]


def snapshot(module: nn.Module) -> Weights:
    """Return a copy of the floating-point weights of a module."""
    return {k: v.detach().clone() for k, v in module.state_dict().items() if v.is_floating_point()}


class RunningMean:
    """Exponential moving average of a module's weights (`--ema`).

    The decay grows as (1 + t) / (10 + t) up to its value, so that short runs forget the start.

    Attributes:
        weights: the mean.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.weights = decay, snapshot(module)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights after a step counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        state = module.state_dict()
        for name, mean in self.weights.items():
            mean.lerp_(state[name], 1 - decay)


def interpolate(start: Weights, trained: Weights, alpha: float) -> Weights:
    """Return (1 - alpha) * start + alpha * trained (WiSE-FT, Wortsman et al. 2022)."""
    return {name: torch.lerp(start[name], weight, alpha) for name, weight in trained.items()}


class published:
    """Puts weights into a module for as long as a `with` block lasts."""

    def __init__(self, module: nn.Module, weights: Weights) -> None:
        self._module, self._weights = module, weights

    def __enter__(self) -> None:
        self._own = snapshot(self._module)
        self._module.load_state_dict(self._weights, strict=False)

    def __exit__(self, *error: object) -> None:
        self._module.load_state_dict(self._own, strict=False)
