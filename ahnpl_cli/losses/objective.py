"""The weighted sum of terms, and the only state that losses have: `a` and the margins M."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ahnpl_cli.losses import terms
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.margin import adaptive_margin
from ahnpl_cli.losses.recipes import TERMS, Recipe
from ahnpl_cli.losses.released import released_margin

A_FLOOR = 0.2  # AHNPL 3.3


@dataclass(frozen=True, slots=True)
class Losses:
    """What one batch costs.

    Attributes:
        terms: mean over the batch of each active term, by name, before its weight.
        weighted: the same times its weight.
        total: the sum of `weighted`, which is what is minimised.
    """

    terms: Mapping[str, Tensor]
    weighted: Mapping[str, Tensor]
    total: Tensor


class Objective(nn.Module):
    """AHNPL's Eq. 12 and its rivals: terms weighted by a recipe.

    `a` belongs into the optimiser, without weight decay; it and M are part of `state_dict`. Under
    several processes each computes the loss of the whole batch, so that M is the same everywhere.

    Attributes:
        recipe: weights and switches.
        a: learnable scalar of Eq. 8, never below 0.2 after `project`.
        margin: M^t of Eq. 10 (K,), 0 at the first step.
        threshold: Th^t of CE-CLIP's Eq. 7 (K,), 0 at the first step.
    """

    a: Tensor
    margin: Tensor
    threshold: Tensor

    def __init__(self, recipe: Recipe, kinds: int) -> None:
        """Start at t = 0.

        Args:
            recipe: weights and switches.
            kinds: K, how many slots of negatives there are.
        """
        super().__init__()
        self.recipe = recipe
        self.a = nn.Parameter(torch.tensor(max(recipe.a_init, A_FLOOR)))
        self.register_buffer("margin", torch.zeros(kinds))
        self.register_buffer("threshold", torch.zeros(kinds))

    @property
    def weights(self) -> dict[str, float]:
        """The weight of every term, by name."""
        return {name: getattr(self.recipe.weights, name) for name in TERMS}

    def forward(self, features: Features) -> Losses:
        """Return every term with a weight above 0, and their weighted sum."""
        table = terms.PAPER if self.recipe.fidelity == "paper" else terms.RELEASED
        weights = {name: weight for name, weight in self.weights.items() if weight}
        means = {name: table[name](features, self).mean() for name in weights}
        weighted = {name: weights[name] * value for name, value in means.items()}
        zero = features.positive.sum() * 0.0
        return Losses(means, weighted, sum(weighted.values(), start=zero))

    @torch.no_grad()
    def update(self, features: Features) -> None:
        """Set the margins of the next step from this step's similarities (Eq. 10)."""
        logits = features.logit_scale * features.positive, features.logit_scale * features.negative
        cosines = features.positive, features.negative
        if self.recipe.fidelity == "released":
            margin = released_margin(*logits, features.valid, self.margin, self.recipe.margin_cap)
            threshold = released_margin(
                *logits, features.valid, self.threshold, self.recipe.rank_cap
            )
        else:
            margin = adaptive_margin(
                *cosines, features.valid, self.margin, floor=0.0, cap=self.recipe.margin_cap
            )
            threshold = adaptive_margin(
                *logits, features.valid, self.threshold, cap=self.recipe.rank_cap
            )
        self.margin.copy_(margin)
        self.threshold.copy_(threshold)

    @torch.no_grad()
    def project(self) -> None:
        """Keep `a` at 0.2 or more; call after each optimiser step."""
        self.a.clamp_(min=A_FLOOR)

    @torch.no_grad()
    def start_epoch(self) -> None:
        """Forget the margins where the released code does."""
        if self.recipe.reset_margins:
            self.margin.zero_()
            self.threshold.zero_()
