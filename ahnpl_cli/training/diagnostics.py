"""What a step says about itself: who moves the features, which hinges are awake, what M is."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from dataclasses import fields

import torch
import torch.distributed as dist
from torch import Tensor

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.registry import TERMS, resolve
from ahnpl_cli.records import StepReport
from ahnpl_cli.training.step import Outcome

DEAD_AFTER = 5  # logged steps in a row without gradient


def gradient_shares(outcome: Outcome) -> dict[str, float]:
    """Return each weighted term's part of the gradient norms on the features; they sum to 1.

    Under several processes a text that two of them encode counts twice.
    """
    squares = []
    for value in outcome.losses.weighted.values():
        found = torch.autograd.grad(value, outcome.leaves[:2], retain_graph=True, allow_unused=True)
        squares.append(sum((g.square().sum() for g in found if g is not None), value.new_zeros(())))
    if not squares:
        return {}
    norms = torch.stack(squares)
    if dist.is_initialized():
        dist.all_reduce(norms)
    norms = norms.sqrt()
    shares = norms / norms.sum().clamp(min=1e-30)
    return dict(zip(outcome.losses.weighted, shares.tolist(), strict=True))


def active_hinges(features: Features, objective: Objective) -> dict[str, float]:
    """Return the part of each hinge term's hinges that are above 0."""
    shares = {}
    for name in objective.recipe.active:
        reference = TERMS[name].hinge
        if reference is None:
            continue
        hinges = resolve(reference)(features, objective)
        if hinges.numel():
            shares[name] = (hinges > 0).float().mean().item()
    return shares


def by_kind(values: Tensor, kinds: Sequence[str]) -> dict[str, float]:
    """Name one value (K,) per kind, without those that are NaN."""
    return {k: v.item() for k, v in zip(kinds, values, strict=True) if not v.isnan()}


def mean_by_kind(values: Tensor, valid: Tensor) -> Tensor:
    """Return the mean over the valid entries of each column of (N, K); NaN where there is none."""
    return torch.where(valid, values, 0.0).sum(0) / valid.sum(0)


def margins(objective: Objective, kinds: Sequence[str]) -> dict[str, float]:
    """Return the margins by kind of the first active term that has some.

    These are M; CE-CLIP's thresholds where only they are used.
    """
    for name in objective.recipe.active:
        attribute = TERMS[name].margins
        if attribute is not None:
            return by_kind(getattr(objective, attribute), kinds)
    return {}


def peak_memory_mb(device: torch.device) -> float:
    """Return peak memory: of the GPU if that is where we compute, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def scalars(report: StepReport) -> dict[str, float]:
    """Return a report as flat numbers by name, as trackers want them."""
    found: dict[str, float] = {}
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, dict):
            found |= {f"{field.name}/{name}": number for name, number in value.items()}
        elif field.name != "step":
            found[field.name] = value
    return found


class DeadTerms:
    """Names a term once that has given no gradient for several logged steps in a row."""

    def __init__(self) -> None:
        self._quiet: dict[str, int] = {}

    def update(self, shares: dict[str, float]) -> list[str]:
        """Return the terms that are found dead now."""
        for name, share in shares.items():
            self._quiet[name] = 0 if share > 0 else self._quiet.get(name, 0) + 1
        return [name for name, quiet in self._quiet.items() if quiet == DEAD_AFTER]
