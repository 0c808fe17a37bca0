"""Which weights are written: the trained ones, their running mean, or a mix with the start."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.openclip import OpenClipBackbone
from ahnpl_cli.training.lora import merged

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


class Publisher:
    """Makes the model that a checkpoint shows of the weights that are trained."""

    def __init__(self, backbone: Backbone, *, differs: bool, wise_ft: float | None) -> None:
        """Remember the start.

        Args:
            backbone: before training and before corrections are added.
            differs: whether what is written is not what is trained.
            wise_ft: part of the trained weights in what is written; None for all.
        """
        self._backbone, self._alpha = backbone, wise_ft
        self._start = {} if wise_ft is None else snapshot(backbone.module)
        self._shown = _twin(backbone) if differs else None

    def publish(self, mean: RunningMean | None) -> tuple[Backbone, Weights]:
        """Return the model to write, and the trained weights where they are others.

        Args:
            mean: running mean of the weights, if it is what should be written.
        """
        if self._shown is None:
            return self._backbone, {}
        trained = self._backbone.module.state_dict()
        weights = merged(trained if mean is None else {**trained, **mean.weights})
        if self._alpha is not None:
            chosen = {name: weights[name] for name in self._start}
            weights |= interpolate(self._start, chosen, self._alpha)
        self._shown.module.load_state_dict(weights)
        return self._shown, trained


def _twin(backbone: Backbone) -> Backbone:
    """A backbone like another, with weights of its own."""
    own = cast(OpenClipBackbone, backbone)
    info = own.info
    return OpenClipBackbone(
        copy.deepcopy(own.module),
        config=own.config,
        tokenizer=own.tokenizer,
        name=info.name,
        architecture=info.architecture,
        source=info.source,
    )
