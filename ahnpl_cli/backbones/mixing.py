"""Weights between a start and what was trained from it, from the two checkpoints alone.

WiSE-FT (Wortsman et al. 2022, Eq. 1) takes one factor for all weights. LiNeS (Wang et al. 2024)
scales what training changed by depth: shallow layers, which hold what all tasks share, go back
toward the start, and deep ones keep what they learned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

Weights = dict[str, Tensor]

# A block of a tower by its number: resblocks.3 of open_clip, layers.3 of transformers, layer1.0 of
# ResNets, stages.0.blocks.1 of timm.
_BLOCK = re.compile(r"(?:^|\.)(?:resblocks|blocks|layers|stages|layer)\.?(\d+)(?:\.(\d+)(?=\.))?")
# What lies before the blocks, by a part of its name; whatever else is outside them lies behind.
_BEFORE = re.compile(r"embed|(^|\.)(conv|bn)\d|ln_pre|pre_layrnorm|stem|patch")
_BEHIND = re.compile(r"pool|head")


def interpolate(start: Weights, trained: Weights, factor_of: Callable[[str], float]) -> Weights:
    """Return start + factor * (trained - start), each weight with its own factor.

    Args:
        start: weights by name.
        trained: the same names; what is no number with a fraction is taken from here.
        factor_of: 0 gives the start's weight, 1 the trained one.
    """
    mixed = {}
    for name, weight in trained.items():
        mixed[name] = weight
        # Counters of batch norm are integers, and have no middle.
        if weight.is_floating_point():
            mixed[name] = start[name].lerp(weight, factor_of(name))
    return mixed


def wise_ft(factor: float) -> Callable[[str], float]:
    """Return WiSE-FT's factors: the same for every weight."""
    return lambda name: factor


def lines(depths: Mapping[str, float], factor: float) -> Callable[[str], float]:
    """Return LiNeS's factors: from `factor` at the embeddings to 1 at the projections.

    LiNeS has alpha + beta * depth; here alpha is `factor` and beta is 1 - alpha, so that the last
    layer keeps what was trained.
    """
    return lambda name: factor + (1 - factor) * depths[name]


def layer_depths(names: Iterable[str], tower_of: Callable[[str], str]) -> dict[str, float]:
    """Return how deep each weight lies in its tower, from 0 to 1.

    Embeddings and stems are at 0, block l of L at l / (L + 1), projections, poolings, norms behind
    the blocks, temperature and bias at 1. (LiNeS's code gives what is outside the blocks the depth
    of the first; we count it where it lies.)

    Args:
        names: of the weights of a model.
        tower_of: the tower of a name.
    """
    numbers = {name: _block_number(name) for name in names}
    blocks: dict[str, list[tuple[int, ...]]] = {}
    for name, number in numbers.items():
        if number:
            blocks.setdefault(tower_of(name), []).append(number)
    order = {tower: sorted(set(found)) for tower, found in blocks.items()}
    depths = {}
    for name, number in numbers.items():
        of_tower = order.get(tower_of(name), [])
        if number:
            depths[name] = (of_tower.index(number) + 1) / (len(of_tower) + 1)
        else:
            is_before = bool(_BEFORE.search(name)) and not _BEHIND.search(name)
            depths[name] = 0.0 if is_before else 1.0
    return depths


def _block_number(name: str) -> tuple[int, ...]:
    """Return the numbers of the block that a weight is in; none outside the blocks."""
    numbers: list[int] = []
    for match in _BLOCK.finditer(name):
        numbers += [int(group) for group in match.groups() if group is not None]
    return tuple(numbers)
