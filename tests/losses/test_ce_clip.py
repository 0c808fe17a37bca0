"""CE-CLIP Eqs. 3-7, in logits."""

import math

import torch

from ahnpl_cli.losses.ce_clip import cross_modal_rank_loss, intra_modal_loss
from ahnpl_cli.losses.features import Features


def test_intra_modal_contrast_is_the_printed_equation(features: Features) -> None:
    f, scale = features, features.logit_scale.item()
    want = []
    for i in range(len(f.positive)):
        below = sum(
            math.exp(scale * (f.text_features[i] @ f.negative_features[i, k]).item())
            for k in range(f.valid.shape[1])
            if f.valid[i, k]
        )
        above = math.exp(scale * (f.image_features[i] @ f.text_features[i]).item())
        want.append(-math.log(above / below) if below else 0.0)
    got = intra_modal_loss(f.logit_scale * f.positive, f.logit_scale * f.text_negative, f.valid)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_cross_modal_rank_is_the_printed_equation(features: Features) -> None:
    f, scale = features, features.logit_scale
    threshold = torch.linspace(0, 3, f.valid.shape[1], dtype=torch.float64)
    want = [
        sum(
            max(0.0, (scale * (f.negative[i, k] - f.positive[i]) + threshold[k]).item())
            for k in range(f.valid.shape[1])
            if f.valid[i, k]
        )
        for i in range(len(f.positive))
    ]
    got = cross_modal_rank_loss(scale * f.positive, scale * f.negative, threshold, f.valid)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_values_worked_by_hand() -> None:
    positive, valid = torch.tensor([2.0]), torch.tensor([[True, True]])
    # log(e^1 + e^0) - 2 = 1.313262 - 2.
    got = intra_modal_loss(positive, torch.tensor([[1.0, 0.0]]), valid)
    torch.testing.assert_close(got, torch.tensor([-0.686738]), atol=1e-6, rtol=0)
    # max(0, 1 - 2 + 1.5) + max(0, 0 - 2 + 1.5) = 0.5.
    threshold = torch.tensor([1.5, 1.5])
    got = cross_modal_rank_loss(positive, torch.tensor([[1.0, 0.0]]), threshold, valid)
    assert got.tolist() == [0.5]


def test_closer_pairs_and_further_negatives_cost_less() -> None:
    valid, threshold = torch.tensor([[True]]), torch.tensor([1.0])
    low, high = torch.tensor([1.0]), torch.tensor([1.2])
    near, far = torch.tensor([[1.1]]), torch.tensor([[0.9]])
    for loss in (
        lambda p, n: intra_modal_loss(p, n, valid),
        lambda p, n: cross_modal_rank_loss(p, n, threshold, valid),
    ):
        assert loss(high, near) < loss(low, near)
        assert loss(low, far) < loss(low, near)


def test_gradient_reaches_towers_and_temperature_and_spares_empty_rows(features: Features) -> None:
    f, scale = features, features.logit_scale
    threshold = torch.full((f.valid.shape[1],), 99.0, dtype=torch.float64, requires_grad=True)
    loss = intra_modal_loss(scale * f.positive, scale * f.text_negative, f.valid)
    loss = loss + cross_modal_rank_loss(scale * f.positive, scale * f.negative, threshold, f.valid)
    loss.sum().backward()
    assert loss[1] == 0
    assert threshold.grad is None
    assert scale.grad.abs() > 0
    for grad in (f.image_features.grad, f.text_features.grad):
        assert grad.isfinite().all()
        assert grad[0].abs().sum() > 0
        assert grad[1].abs().sum() == 0
    assert f.negative_features.grad[~f.valid].abs().sum() == 0
