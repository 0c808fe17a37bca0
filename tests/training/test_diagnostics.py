"""What a step says about itself, recomputed by hand."""

import math
from dataclasses import replace
from typing import Literal

import pytest
import torch

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import Recipe
from ahnpl_cli.training.diagnostics import (
    LossGuard,
    active_hinges,
    gradient_shares,
    margins,
    mean_by_kind,
    softmax_shares,
)

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


@pytest.mark.parametrize("joins", ["own", "batch"])
def test_the_softmaxs_gradients_are_those_of_autograd(joins: Literal["own", "batch"]) -> None:
    recipe = Recipe(weights={"contrastive": 1.0}, softmax_negatives=joins, mask_same_image=False)
    images, texts = FEATURES.image_features.detach(), FEATURES.text_features.detach()
    captions = (images @ texts.T).requires_grad_()
    hard = (images @ FEATURES.packed_negatives.T).requires_grad_()
    # Pair 0 has the first of the three negatives, pair 1 the others.
    own = torch.tensor([[True, False, False], [False, True, True]])
    competing = hard if joins == "batch" else hard.masked_fill(~own, -math.inf)
    logits = 10 * torch.cat([captions, competing], dim=1)
    p = logits.softmax(1).detach()
    torch.nn.functional.cross_entropy(logits, torch.arange(2), reduction="sum").backward()
    shares = softmax_shares(FEATURES, recipe)
    pulls = captions.grad.diagonal()
    assert shares["gradient_own"] == pytest.approx(-float(pulls.mean()), rel=1e-5)
    assert shares["gradient_easy"] == pytest.approx(float(captions.grad.sum() - pulls.sum()) / 2)
    assert shares["gradient_hard"] == pytest.approx(float(hard.grad.sum()) / 2)
    logs = p[:, 2:].sum(1).log(), torch.stack([p[0, 1], p[1, 0]]).log()
    assert shares["log_p_hard"] == pytest.approx(float(logs[0].mean()), rel=1e-5)
    assert shares["log_p_easy"] == pytest.approx(float(logs[1].mean()), rel=1e-5)


def test_a_softmax_without_hard_negatives_has_easy_ones_alone() -> None:
    plain = Recipe(weights={"contrastive": 1.0}, softmax_negatives="none")
    shares = softmax_shares(FEATURES, plain)
    assert shares.keys() == {"log_p_easy", "gradient_easy", "gradient_own"}
    assert shares["gradient_own"] == shares["gradient_easy"] > 0
    assert softmax_shares(FEATURES.without_negatives(), Recipe(weights={"contrastive": 1.0})) == (
        pytest.approx(shares)
    )
    # One image with two captions: nothing is left to tell apart.
    same = replace(FEATURES, image_ids=torch.zeros(2))
    assert softmax_shares(same, plain) == {"gradient_easy": 0.0, "gradient_own": 0.0}
    assert softmax_shares(FEATURES, Recipe(weights={"cement": 1.0})) == {}


def test_active_hinges_are_counted_over_the_valid_slots() -> None:
    made = objective(positive_margin=1.0, negative_margin=1.0, cross_modal_rank=1.0)
    assert active_hinges(FEATURES, made, made.recipe.active) == pytest.approx(
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
    assert active_hinges(FEATURES, made, made.recipe.active) == pytest.approx(
        {"negative_margin": 2 / 3}
    )


def clip_like_losses(batch: int, seed: int, steps: int = 1000) -> list[float]:
    """Contrastive losses of CLIP-like features that never learn, at 1/tau = 100."""
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(steps):
        cosines = 0.12 + 0.041 * torch.randn(batch, batch, generator=generator)
        own = 0.27 + 0.034 * torch.randn(batch, generator=generator)
        logits = 100 * torch.where(torch.eye(batch, dtype=torch.bool), own.diag(), cosines)
        both = logits.logsumexp(0) + logits.logsumexp(1) - 2 * logits.diagonal()
        losses.append(float(both.mean()) / 2)
    return losses


def stopped_at(losses: list[float], floor: float = 0.5) -> int | None:
    guard = LossGuard(floor)
    for step, loss in enumerate(losses):
        if guard.explodes(loss):
            return step
    return None


@pytest.mark.parametrize("batch", [2, 4, 8, 32])
def test_a_run_that_does_not_learn_is_not_stopped(batch: int) -> None:
    for seed in range(12):
        assert stopped_at(clip_like_losses(batch, seed)) is None


@pytest.mark.parametrize("level", [0.002, 0.7, 5.0, 0.0, -0.3, -6.0])
def test_a_diverging_loss_is_stopped_whatever_its_level(level: float) -> None:
    steady = [level + 0.1 * math.sin(step) for step in range(40)]
    diverging = [level + 1.3**step for step in range(60)]
    step = stopped_at(steady + diverging)
    assert step is not None
    assert 40 < step < 75
    assert stopped_at(steady * 25) is None


def test_one_bad_batch_does_not_end_a_run_but_a_hundredfold_loss_does() -> None:
    steady = [1.0] * 20
    assert stopped_at([*steady, 30.0, *steady, 30.0, 30.0, *steady]) is None
    assert stopped_at([*steady, 30.0, 30.0, 30.0, 30.0, 30.0]) == 22
    assert stopped_at([*steady, 1000.0]) == 20


def test_a_guard_goes_on_from_its_state() -> None:
    losses = [1.0] * 20 + [30.0] * 5
    whole = LossGuard()
    for loss in losses[:21]:
        whole.explodes(loss)
    resumed = LossGuard()
    resumed.load_state_dict(whole.state_dict())
    assert [resumed.explodes(loss) for loss in losses[21:]] == [False, True, True, True]
