"""What a step says about itself, recomputed by hand."""

import math
from dataclasses import replace

import pytest
import torch

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import Recipe
from ahnpl_cli.training.diagnostics import active_hinges, gradient_shares, margins, mean_by_kind

# S(I, T) = 0.6 and 1; S(I, T_n) = 0.8, 0 and 0, 0.6. The last slot of the first pair is empty.
FEATURES = Features(
    image_features=torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True),
    text_features=torch.tensor([[0.6, 0.8], [0.0, 1.0]], requires_grad=True),
    negative_features=torch.tensor([[[0.8, 0.6], [0.0, 1.0]], [[1.0, 0.0], [0.8, 0.6]]]),
    valid=torch.tensor([[True, False], [True, True]]),
    logit_scale=torch.tensor(10.0, requires_grad=True),
    image_ids=torch.arange(2),
    concreteness=torch.full((2, 2), math.nan),
)


def objective(**weights: float) -> Objective:
    made = Objective(Recipe(weights=weights, a_init=0.7), 2)
    made.margin.copy_(torch.tensor([0.1, 0.5]))
    made.threshold.copy_(torch.tensor([-3.0, 3.0]))
    return made


def test_shares_are_those_of_the_weighted_terms_gradient_norms() -> None:
    made = objective(contrastive=0.5, positive_margin=3.0)
    losses = made(FEATURES)
    leaves = FEATURES.image_features, FEATURES.text_features, FEATURES.logit_scale
    norms = {}
    for name, weight in (("contrastive", 0.5), ("positive_margin", 3.0)):
        found = torch.autograd.grad(losses.terms[name], leaves[:2], retain_graph=True)
        # Only what is across a unit feature survives its normalization.
        unit = [leaf.detach() for leaf in leaves[:2]]
        across = [g - (g * f).sum(1, keepdim=True) * f for g, f in zip(found, unit, strict=True)]
        norms[name] = weight * math.sqrt(sum(float((g**2).sum()) for g in across))
    want = {name: norm / sum(norms.values()) for name, norm in norms.items()}
    assert gradient_shares(losses, leaves[:2]) == pytest.approx(want)


def test_active_hinges_are_counted_over_the_valid_slots() -> None:
    made = objective(positive_margin=1.0, negative_margin=1.0, cross_modal_rank=1.0)
    assert active_hinges(FEATURES, made) == pytest.approx(
        {
            "positive_margin": 1 / 2,  # 0.6 is below 0.7
            "negative_margin": 2 / 3,  # 0.2 + 0.1, not -1 + 0.1, -0.4 + 0.5
            "cross_modal_rank": 0 / 3,  # 2 - 3, -10 - 3, -4 + 3
        }
    )


def test_means_by_kind_leave_empty_slots_out() -> None:
    got = mean_by_kind(FEATURES.negative, FEATURES.valid)
    torch.testing.assert_close(got, torch.tensor([0.4, 0.6]))


def test_margins_are_ce_clips_thresholds_where_only_they_are_used() -> None:
    kinds = ("relation", "object")
    assert margins(objective(cross_modal_rank=1.0), kinds) == {"relation": -3.0, "object": 3.0}
    both = objective(cross_modal_rank=1.0, negative_margin=1.0)
    assert margins(both, kinds) == pytest.approx({"relation": 0.1, "object": 0.5})
    assert margins(objective(contrastive=1.0), kinds) == {}


def test_a_released_hinge_is_counted_in_logits() -> None:
    made = objective(negative_margin=1.0)
    made.recipe = replace(made.recipe, fidelity="released")
    made.margin.copy_(torch.tensor([0.0, 4.5]))
    # 2, -10 and -4 + 4.5 in logits; in cosine all of 4.5 would be above.
    assert active_hinges(FEATURES, made) == pytest.approx({"negative_margin": 2 / 3})
