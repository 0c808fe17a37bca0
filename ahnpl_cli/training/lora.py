"""Low-rank corrections (LoRA, Hu et al. 2022) of a transformer's matrices.

Written as parametrizations of the weights, W + B A, so that open_clip's fused attention, which
reads its weights without calling a submodule, is corrected too; before saving they are merged.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.errors import ConfigError

_MARK = ".parametrizations."


class LowRank(nn.Module):
    """W -> W + B A with A (rank, columns) random and B (rows, rank) zero at the start."""

    def __init__(self, weight: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        drawn = torch.randn(rank, columns, generator=generator) / columns**0.5
        self.down = nn.Parameter(drawn.to(weight.device))
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the corrected weight."""
        return weight + (self.up @ self.down).to(weight.dtype)


def add_lora(backbone: Backbone, rank: int, *, seed: int) -> int:
    """Freeze a model but for temperature and bias, and give its matrices a correction to learn.

    Args:
        backbone: the model; a tower whose parameters are frozen already gets none.
        rank: of each correction.
        seed: of their start.

    Returns:
        How many matrices were given one.

    Raises:
        ConfigError: the model has no such matrix, or one of a lower rank.
    """
    model = backbone.module
    targets = backbone.low_rank_targets()
    names = [name for name in targets if model.get_parameter(name).requires_grad]
    if not names:
        what = "--lora: the model has no attention or MLP matrix that could be corrected"
        raise ConfigError(what, hint="Leave it out, or take a transformer.")
    for name in names:
        most = min(model.get_parameter(name).shape)
        if rank > most:
            what = f"--lora {rank} is more than the rank of {name}, {most}"
            raise ConfigError(what, hint="A correction of full rank is plain training.")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(backbone.tower_of(name) == "shared")
    # Its own, so that LoRA does not shift the draws of dropout.
    generator = torch.Generator().manual_seed(seed)
    for name in names:
        owner, _, attribute = name.rpartition(".")
        module = model.get_submodule(owner)
        correction = LowRank(getattr(module, attribute), rank, generator)
        parametrize.register_parametrization(module, attribute, correction)
    return len(names)


def merged(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state under the names of a model without corrections, with them added in."""
    weights = {name: weight for name, weight in state.items() if _MARK not in name}
    for name, weight in state.items():
        owner, mark, rest = name.partition(_MARK)
        attribute, _, part = rest.partition(".")
        if mark and part == "original":
            stem = f"{owner}{_MARK}{attribute}.0"
            correction = state[f"{stem}.up"] @ state[f"{stem}.down"]
            weights[f"{owner}.{attribute}"] = weight + correction.to(weight.dtype)
    return weights
