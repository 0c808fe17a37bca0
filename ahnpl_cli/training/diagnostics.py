"""Per-step diagnostics: gradient share of each term, active hinges, margins."""

from __future__ import annotations

import resource
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import fields
from statistics import median

import torch
import torch.distributed as dist
from torch import Tensor

from ahnpl_cli.losses.contrastive import softmax_parts
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Losses, Objective
from ahnpl_cli.losses.recipes import Recipe
from ahnpl_cli.losses.registry import TERMS, resolve
from ahnpl_cli.progress import duration, rate
from ahnpl_cli.records import StepReport
from ahnpl_cli.similarity import similarity
from ahnpl_cli.training.step import Outcome


def gradient_shares(losses: Losses, leaves: Sequence[Tensor]) -> dict[str, float]:
    """Return each weighted term's part of the gradient norms on the features; they sum to 1.

    Features have unit length, and making them so lets no gradient along them through; only the part
    across a feature can move an encoder, and only that counts. Under several processes a text that
    two of them encode counts twice.

    Args:
        losses: of a step, before their backward pass.
        leaves: the features that they were computed from (N, D) each, and log-odds of a matching
            head (P,).
    """
    squares = []
    for loss in losses.weighted.values():
        gradients: Sequence[Tensor | None] = torch.autograd.grad(
            loss, leaves, retain_graph=True, allow_unused=True
        )
        square = loss.new_zeros(())
        for feature, gradient in zip(leaves, gradients, strict=True):
            if gradient is None:
                continue
            if feature.ndim == 2:
                along = (gradient * feature).sum(-1, keepdim=True) * feature
                gradient = gradient - along
            square = square + gradient.square().sum()
        squares.append(square)
    if not squares:
        return {}
    # Squares add up over processes; norms would not.
    norms = torch.stack(squares)
    if dist.is_initialized():
        dist.all_reduce(norms)
    norms = norms.sqrt()
    shares = norms / norms.sum().clamp(min=1e-30)
    return dict(zip(losses.weighted, shares.tolist(), strict=True))


def active_hinges(
    features: Features, objective: Objective, terms: Iterable[str]
) -> dict[str, float]:
    """Return the part of the hinges of each of some terms that are above 0."""
    shares = {}
    for name in terms:
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


def unit_similarities(features: Features) -> dict[str, float]:
    """Return mean S(I,u) of the units and S(I,f) of their foils; empty without units."""
    valid = features.unit_valid
    if not valid.any():
        return {}
    images = features.image_features.unsqueeze(1)
    texts = {"unit": features.unit_features, "foil": features.foil_features}
    return {name: similarity(images, own)[valid].mean().item() for name, own in texts.items()}


@torch.no_grad()
def softmax_shares(features: Features, recipe: Recipe) -> dict[str, float]:
    """Return how hard and easy negatives share Eq. 4's softmax, and the gradients that follow.

    Slipform's three: on S(I,T), on the hard negatives' similarities, and on those of the other
    captions, the mean over pairs of each. Empty where Eq. 4 is not as printed, or a sigmoid.
    """
    printed = recipe.fidelity == "paper" and features.logit_bias is None
    if not printed or "contrastive" not in recipe.active:
        return {}
    parts = softmax_parts(features, recipe)
    logs = {"easy": parts.log_easy, "hard": parts.log_hard}
    values: dict[str, float] = {}
    pull = 0.0
    for name, log_p in logs.items():
        if log_p is None:
            continue
        # A pair whose texts are all left out has a p of 0.
        known = log_p[log_p.isfinite()]
        if len(known):
            values[f"log_p_{name}"] = known.mean().item()
        gradient = float(features.logit_scale * log_p.exp().mean())
        values[f"gradient_{name}"] = gradient
        pull += gradient
    return {**values, "gradient_own": pull}


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
    # Kilobytes, but bytes on macOS.
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def scalars(report: StepReport) -> dict[str, float]:
    """Return a report as flat numbers by name, as trackers want them."""
    numbers: dict[str, float] = {}
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, dict):
            for name, number in value.items():
                numbers[f"{field.name}/{name}"] = number
        elif field.name != "step":
            numbers[field.name] = value
    return numbers


def describe(
    outcome: Outcome, objective: Objective, kinds: Sequence[str], *, step: int, epoch: int
) -> StepReport:
    """Return the report of a step, as far as it is known before the optimizer moves anything.

    Args:
        outcome: the loss, before its backward pass.
        objective: with the `a` and the margins that the loss was computed with.
        kinds: names of the slots.
        step: of the run, from 0.
        epoch: pass over the data, from 0.
    """
    losses, features = outcome.losses, outcome.features
    shares = gradient_shares(losses, [outcome.leaves[0], outcome.leaves[1], outcome.leaves[3]])
    # A plain step has no slots.
    slots = kinds if features.valid.shape[1] else ()
    with torch.no_grad():
        negatives = by_kind(mean_by_kind(features.negative, features.valid), slots)
        return StepReport(
            step=step + 1,
            epoch=epoch + 1,
            loss=losses.total.item(),
            terms={name: term.item() for name, term in losses.terms.items()},
            shares=shares,
            active=active_hinges(features, objective, losses.weighted),
            a=objective.a.item(),
            margins=margins(objective, kinds),
            positive=features.positive.mean().item(),
            negatives=negatives,
            units=unit_similarities(features),
            softmax=softmax_shares(features, objective.recipe),
            valid=float(features.valid.float().mean()) if features.valid.numel() else 0.0,
            logit_scale=features.logit_scale.item(),
            logit_bias=None if features.logit_bias is None else features.logit_bias.item(),
            lr=0.0,
            grad_norm=None,
            images_per_second=0.0,
            memory_mb=0.0,
        )


class LossGuard:
    """Notices a loss that explodes.

    The first steps say what is normal: their median is the level, and the largest of their absolute
    losses the scale. Losses of small batches differ by orders of magnitude from step to step
    without anything being wrong; so the scale is never below `floor`, and a rise of ten times the
    scale has to last, or to be a hundredfold. Negative losses are judged alike.

    Args:
        floor: smallest scale, as the sum of the terms' weights: a cross-entropy of 10 is worse than
            chance among 20,000 pairs.
    """

    FIRST = 10  # steps that say what is normal
    LASTING = 5  # steps that a rise has to last
    RISE = 10.0  # times the scale, in the median of the last steps
    JUMP = 100.0  # times the scale, in one step

    def __init__(self, floor: float = 1.0) -> None:
        self.floor = floor
        self._first: list[float] = []
        self._latest: deque[float] = deque(maxlen=self.LASTING)

    def explodes(self, loss: float) -> bool:
        """Take in the loss of a step; return whether it has exploded."""
        if len(self._first) < self.FIRST:
            self._first.append(loss)
            return False
        self._latest.append(loss)
        level = median(self._first)
        scale = max(self.floor, *map(abs, self._first))
        if loss - level > self.JUMP * scale:
            return True
        if len(self._latest) < self.LASTING:
            return False
        return median(self._latest) - level > self.RISE * scale

    def state_dict(self) -> dict[str, list[float]]:
        """Return what a resumed run needs."""
        return {"first": list(self._first), "latest": list(self._latest)}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Continue from what `state_dict` returned."""
        self._first = list(state["first"])
        self._latest = deque(state["latest"], maxlen=self.LASTING)


def status(report: StepReport, *, epochs: int, steps: int, batch_size: int) -> str:
    """Return what a logged step says to whoever watches, in one line.

    Args:
        report: of the step.
        epochs: passes of the whole run.
        steps: of the whole run.
        batch_size: pairs a step, over all processes.
    """
    parts = [f"epoch {report.epoch}/{epochs}", f"step {report.step:,}/{steps:,}"]
    parts += [f"loss {report.loss:.3f}", f"S(I,T) {report.positive:.3f}"]
    if report.gap is not None:
        parts.append(f"S(I,Tn) {report.positive - report.gap:.3f}, gap {report.gap:+.3f}")
    parts.append(f"lr {report.lr:.1e}")
    parts.append(rate(report.images_per_second, "images"))
    parts.append(f"{report.memory_mb / 1000:.1f} GB")
    left = (steps - report.step) * batch_size / report.images_per_second
    if left:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)
