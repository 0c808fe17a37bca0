"""FSC-CLIP's calibrated loss against a loop, by hand, and what calibration does."""

import math

import torch

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.fsc import calibrated_negative_loss, calibrated_term
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER


def looped(f: Features, gamma: float, beta: float) -> list[float]:
    scale, rows = f.logit_scale.item(), []
    for i in range(len(f.image_features)):
        logits = [scale * f.positive[i].item()]
        logits += [
            scale * f.negative[i, k].item() for k in range(f.valid.shape[1]) if f.valid[i, k]
        ]
        whole = sum(math.exp(logit) for logit in logits)
        total = 0.0
        for place, logit in enumerate(logits):
            p = math.exp(logit) / whole
            y = beta / len(logits) + (1 - beta if place == 0 else 0)
            total -= y * (1 - p) ** gamma * math.log(p)
        rows.append(total if len(logits) > 1 else 0.0)
    return rows


def test_it_is_the_equation_with_its_published_constants(features: Features) -> None:
    got = calibrated_term(features, Objective(PAPER["fsc"], features.valid.shape[1]))
    want = torch.tensor(looped(features, gamma=2.0, beta=0.02), dtype=torch.float64)
    torch.testing.assert_close(got, want)


def test_a_value_worked_by_hand() -> None:
    """Two equal logits: p = 1/2 each. With gamma 2 and beta 0.5: 1/4 * log 2 = 0.173287 in all.

    The empty slot, of a far greater logit, is left out.
    """
    loss = calibrated_negative_loss(
        torch.tensor([1.0]),
        torch.tensor([[1.0, 50.0]]),
        torch.tensor([[True, False]]),
        gamma=2.0,
        smoothing=0.5,
    )
    torch.testing.assert_close(loss, torch.tensor([0.173287]), atol=1e-6, rtol=0)


def test_without_gamma_and_smoothing_it_is_cross_entropy(features: Features) -> None:
    scale, valid = features.logit_scale, features.valid
    got = calibrated_negative_loss(
        scale * features.positive, scale * features.negative, valid, gamma=0.0, smoothing=0.0
    )
    own = torch.cat([features.positive.unsqueeze(1), features.negative], dim=1)
    mask = torch.cat([torch.ones(len(valid), 1, dtype=torch.bool), valid], dim=1)
    logits = (scale * own).masked_fill(~mask, -torch.inf)
    want = -logits.log_softmax(1)[:, 0]
    torch.testing.assert_close(got, torch.where(valid.any(1), want, 0.0))


def test_a_pair_without_negatives_costs_nothing_and_gradients_are_finite(
    features: Features,
) -> None:
    loss = calibrated_term(features, Objective(PAPER["fsc"], features.valid.shape[1]))
    assert loss[1] == 0
    loss.sum().backward()
    for tensor in (features.image_features, features.text_features, features.negative_features):
        assert tensor.grad.isfinite().all() and not tensor.grad[1].any()
    assert not features.negative_features.grad[~features.valid].any()
