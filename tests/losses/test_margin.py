"""Eqs. 8-10."""

import torch

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.margin import adaptive_margin, negative_margin_loss, positive_margin_loss


def test_the_positive_margin_is_the_printed_equation(features: Features) -> None:
    got = positive_margin_loss(features.positive, torch.tensor(0.4))
    want = [max(0.0, 0.4 - s) for s in features.positive.tolist()]
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_the_negative_margin_is_the_printed_equation(features: Features) -> None:
    positive, negative, valid = features.positive, features.negative, features.valid
    margin = torch.linspace(0, 0.3, negative.shape[1], dtype=torch.float64)
    want = [
        sum(
            max(0.0, (negative[i, k] - positive[i] + margin[k]).item())
            for k in range(negative.shape[1])
            if valid[i, k]
        )
        for i in range(len(positive))
    ]
    got = negative_margin_loss(positive, negative, margin, valid)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_the_adaptive_margin_is_the_printed_equation_over_the_valid_pairs(
    features: Features,
) -> None:
    positive, negative, valid = features.positive, features.negative, features.valid
    previous = torch.full((negative.shape[1],), 0.07, dtype=torch.float64)
    want = []
    for k in range(negative.shape[1]):
        gaps = [(positive[i] - negative[i, k]).item() for i in range(len(positive)) if valid[i, k]]
        want.append(sum(gaps) / len(gaps) if gaps else 0.07)
    got = adaptive_margin(positive, negative, valid, previous)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_values_worked_by_hand() -> None:
    # a = 0.9 and S = 0.7, 1.0: 0.2 and 0.
    positive = torch.tensor([0.7, 1.0])
    torch.testing.assert_close(
        positive_margin_loss(positive, torch.tensor(0.9)), torch.tensor([0.2, 0.0])
    )
    # Row 0: 0.65 - 0.7 + 0.1 = 0.05, and 0.2 - 0.7 + 0.05 < 0. Row 1: 0.95 - 1 + 0.1; masked.
    negative = torch.tensor([[0.65, 0.2], [0.95, 1.0]])
    valid = torch.tensor([[True, True], [True, False]])
    margin = torch.tensor([0.1, 0.05])
    got = negative_margin_loss(positive, negative, margin, valid)
    torch.testing.assert_close(got, torch.tensor([0.05, 0.05]))
    # Kind 0: (0.05 + 0.05) / 2; kind 1: 0.5 alone, capped at 0.1.
    got = adaptive_margin(positive, negative, valid, margin, floor=0.0, cap=0.1)
    torch.testing.assert_close(got, torch.tensor([0.05, 0.1]))


def test_a_kind_without_a_valid_negative_keeps_its_margin_and_the_floor_holds() -> None:
    positive, negative = torch.tensor([0.1]), torch.tensor([[0.5, 0.5]])
    valid, previous = torch.tensor([[True, False]]), torch.tensor([0.2, 0.3])
    got = adaptive_margin(positive, negative, valid, previous, floor=0.0)
    torch.testing.assert_close(got, torch.tensor([0.0, 0.3]))


def test_a_better_pair_costs_less() -> None:
    valid, margin = torch.ones(1, 1, dtype=torch.bool), torch.tensor([0.1])
    worse, better = torch.tensor([0.3]), torch.tensor([0.35])
    negative = torch.tensor([[0.3]])
    assert negative_margin_loss(better, negative, margin, valid) < negative_margin_loss(
        worse, negative, margin, valid
    )
    a = torch.tensor(0.9)
    assert positive_margin_loss(better, a) < positive_margin_loss(worse, a)


def test_a_only_gets_gradient_from_pairs_below_it_and_never_a_negative_one() -> None:
    a = torch.tensor(0.5, requires_grad=True)
    positive = torch.tensor([0.2, 0.4, 0.9], requires_grad=True)
    positive_margin_loss(positive, a).sum().backward()
    assert a.grad == 2
    assert positive.grad.tolist() == [-1, -1, 0]


def test_the_negative_margin_moves_both_towers_but_not_m(features: Features) -> None:
    margin = torch.full((features.valid.shape[1],), 2.5, dtype=torch.float64, requires_grad=True)
    loss = negative_margin_loss(features.positive, features.negative, margin, features.valid)
    loss.sum().backward()
    assert margin.grad is None
    assert features.image_features.grad.abs().sum() > 0
    assert features.text_features.grad.abs().sum() > 0
    assert (features.negative_features.grad[features.valid].abs().sum(-1) > 0).all()
    assert features.negative_features.grad[~features.valid].abs().sum() == 0
    assert loss[1] == 0


def test_a_kind_told_by_a_wider_gap_gets_a_wider_margin() -> None:
    positive, negative = torch.tensor([0.6, 0.8]), torch.tensor([[0.5, 0.3], [0.7, 0.5]])
    valid = torch.ones(2, 2, dtype=torch.bool)
    near, far = adaptive_margin(positive, negative, valid, torch.zeros(2))
    assert far > near > 0


def test_the_adaptive_margin_is_detached(features: Features) -> None:
    k = features.valid.shape[1]
    made = adaptive_margin(
        features.positive, features.negative, features.valid, torch.zeros(k, dtype=torch.float64)
    )
    assert not made.requires_grad
