"""The weighted sum of terms, and the only state that losses have: `a` and the margins M."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.margin import adaptive_margin, cosine_margin
from ahnpl_cli.losses.recipes import Recipe
from ahnpl_cli.losses.registry import TERMS, LossFamily
from ahnpl_cli.losses.released import released_margin
from ahnpl_cli.stable_hash import stable_rng

A_FLOOR = 0.2  # AHNPL 3.3
A_QUANTILE = 0.25  # of S(I,T), where `auto` starts (ours): a quarter of the pairs is pulled


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

    `a` belongs into the optimizer, without weight decay; it and M are part of `state_dict`. Under
    several processes each computes the loss of the whole batch, so that M is the same everywhere.

    In a training loop of your own:

        objective = Objective(recipe("ahnpl"), kinds=4)
        a = {"params": objective.parameters(), "weight_decay": 0.0}
        optimizer = AdamW([{"params": model.parameters()}, a])
        for images, texts, negatives in batches:  # N, N and N * 4
            negative_features = normalize(model.encode_text(negatives), dim=-1)
            features = Features(
                image_features=normalize(model.encode_image(images), dim=-1),  # (N, D)
                text_features=normalize(model.encode_text(texts), dim=-1),  # (N, D)
                negative_features=negative_features.view(-1, 4, 512),  # (N, K, D)
                logit_scale=model.logit_scale.exp(),
            )
            objective(features).total.backward()
            optimizer.step()
            optimizer.zero_grad()
            objective.project()  # Eq. 8's floor
            objective.update(features)  # Eq. 10's margins for the next step

    Attributes:
        recipe: weights and switches.
        a: learnable scalar of Eq. 8, never below `a_floor` after `project`.
        a_floor: 0.2, or where `auto` started if that is lower.
        spread: what a margin that is `auto` is: the standard deviation of S(I,T) - S(I,T_n) of the
            start; 1 if none is.
        margin: M^t of Eq. 10 (K,), 0 at the first step.
        threshold: Th^t of CE-CLIP's Eq. 7 (K,), 0 at the first step.
    """

    a: Tensor
    a_floor: Tensor
    spread: Tensor
    margin: Tensor
    threshold: Tensor

    def __init__(self, recipe: Recipe, kinds: int = 0, *, seed: int = 0) -> None:
        """Start at t = 0.

        Args:
            recipe: weights and switches, such as `recipe("ahnpl")`.
            kinds: K, how many slots of negatives there are.
            seed: of the draw from N(0,1).
        """
        super().__init__()
        self.recipe = recipe
        self.a = nn.Parameter(torch.tensor(_first_a(recipe, seed)))
        self._has_start = False
        self.register_buffer("a_floor", torch.tensor(A_FLOOR))
        self.register_buffer("spread", torch.tensor(math.nan if _needs_spread(recipe) else 1.0))
        first = recipe.margin_fixed or 0.0
        self.register_buffer("margin", torch.full((kinds,), first))
        self.register_buffer("threshold", torch.full((kinds,), first))

    @property
    def lacks_start(self) -> bool:
        """Whether `a` or a margin waits for similarities to start from."""
        # Asked in each step, where a look at a tensor on a GPU waits for it: looks until it is so.
        if not self._has_start:
            waiting = self.a.detach().isnan() | self.spread.isnan()
            self._has_start = not bool(waiting)
        return not self._has_start

    @torch.no_grad()
    def read_start(self, positive: Tensor, gaps: Tensor) -> None:
        """Set what is `auto` from the start's own similarities (ours).

        `a` starts at the 25th percentile of S(I,T), and may fall to 0.2: positives lie where a
        backbone's geometry has them (CLIP's around 0.27, SigLIP's at 0.12), and of any fixed number
        Eq. 8 pulls all pairs or none, and not those below the others. A margin is one standard
        deviation of the gaps that it is compared with, which differs as much (scenes-tiny .15,
        scenes-clip .04).

        Args:
            positive: S(I, T) of 64 pairs or more (N,), before training.
            gaps: S(I, T) - S(I, T_n) of their valid negatives (P,).
        """
        if self.a.isnan():
            start = positive.float().quantile(A_QUANTILE)
            self.a.copy_(start)
            self.a_floor.copy_(start.clamp(max=A_FLOOR))
        if self.spread.isnan():
            # Without any gap 0: NaN would ask for the next batch's.
            self.spread.copy_(gaps.float().std(correction=0) if len(gaps) else gaps.new_zeros(()))

    def forward(self, features: Features, *, plain: bool = False) -> Losses:
        """Return every term with a weight above 0, and their weighted sum.

        If nobody called `read_start`, the first batch does.

        Args:
            features: of the batch.
            plain: whether this is a step of plain contrast, without negatives.

        Raises:
            ValueError: the features have another number of slots than the objective, or lack a
                teacher that the recipe looks at.
        """
        weights = self.recipe.active
        if plain:
            weights, features = self.recipe.plain_weights, features.without_negatives()
        slots = features.valid.shape[1]
        if slots not in (0, len(self.margin)):
            raise ValueError(f"{slots} slots of negatives, but an objective of {len(self.margin)}")
        if self.lacks_start:
            self.read_start(features.positive, features.gaps)
        family: LossFamily = "softmax" if features.logit_bias is None else "sigmoid"
        means: dict[str, Tensor] = {}
        weighted: dict[str, Tensor] = {}
        for name, weight in weights.items():
            term = TERMS[name]
            if term.uses_negatives and slots == 0:
                # The margins are of kinds that this batch has no slots for.
                means[name] = features.positive.new_zeros(())
            else:
                values = term.function(self.recipe.fidelity, family)(features, self)
                # A term over painted pairs has none in a batch without pictures.
                means[name] = values.mean() if len(values) else values.sum()
            weighted[name] = weight * means[name]
        # Without any term the loss still has a gradient, which is 0.
        zero = features.positive.sum() * 0.0
        return Losses(means, weighted, sum(weighted.values(), start=zero))

    @torch.no_grad()
    def update(self, features: Features) -> None:
        """Set the margins of the next step from this step's similarities (Eq. 10)."""
        recipe, valid = self.recipe, features.valid
        if valid.shape[1] == 0 or recipe.margin_fixed is not None:
            return
        cosines = (features.positive, features.negative)
        logits = (features.logit_scale * cosines[0], features.logit_scale * cosines[1])
        if recipe.fidelity == "released":
            margin = released_margin(*logits, valid, self.margin, cap=float(recipe.margin_cap))
            threshold = released_margin(*logits, valid, self.threshold, cap=recipe.rank_cap)
        else:
            floor, cap = recipe.margin_floor, cosine_margin(recipe.margin_cap, self)
            margin = adaptive_margin(*cosines, valid, self.margin, floor=floor, cap=cap)
            threshold = adaptive_margin(*logits, valid, self.threshold, cap=recipe.rank_cap)
        self.margin.copy_(margin)
        self.threshold.copy_(threshold)

    @torch.no_grad()
    def project(self) -> None:
        """Keep `a` at its floor or above; call after each optimizer step."""
        self.a.clamp_(min=self.a_floor)

    @torch.no_grad()
    def start_epoch(self) -> None:
        """Forget the margins where the released code does."""
        if self.recipe.reset_margins and self.recipe.margin_fixed is None:
            self.margin.zero_()
            self.threshold.zero_()


def _needs_spread(recipe: Recipe) -> bool:
    """Whether a term that is used has a margin that is `auto`."""
    waiting = {"negative_margin": recipe.margin_cap, "cement": recipe.cement_cap}
    return any(waiting.get(term) == "auto" for term in recipe.active)


def _first_a(recipe: Recipe, seed: int) -> float:
    """Return `a` before any features are known; NaN where it waits for them."""
    if recipe.a_init == "auto":
        return math.nan if "positive_margin" in recipe.active else A_FLOOR
    drawn = recipe.a_init == "normal"
    start = stable_rng(seed, "a").gauss() if drawn else float(recipe.a_init)
    # AHNPL 3.3 bounds it, at the start too.
    return max(start, A_FLOOR)
