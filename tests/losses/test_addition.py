"""A false longer text below the true short one: by hand, by differences, and what is left alone."""

from dataclasses import replace

import torch

from ahnpl_cli.losses.addition import addition_hinge, addition_loss, addition_term
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER


def test_a_value_worked_by_hand() -> None:
    """Longer texts at 2.5 and 0 logits against 2, margin 1: 1.5, and nothing for what is below."""
    own, others = torch.tensor([2.0, 2.0]), torch.tensor([[2.5, 9.0], [0.0, 9.0]])
    longer = torch.tensor([[True, False], [True, False]])
    loss = addition_loss(own, others, longer, margin=1.0)
    torch.testing.assert_close(loss, torch.tensor([1.5, 0.0]))


def test_other_kinds_of_negatives_get_no_gradient(features: Features) -> None:
    made = Objective(replace(PAPER["clip"], addition_margin=50.0), features.valid.shape[1])
    addition_term(features, made).sum().backward()
    moved = features.negative_features.grad.abs().sum(2) > 0
    assert features.longer.any() and torch.equal(moved, features.longer)
    # Pushing down what is longer pulls nothing up in pairs without such a text.
    assert torch.equal(features.text_features.grad.abs().sum(1) > 0, features.longer.any(1))


def test_the_hinge_is_what_the_loss_adds_up(features: Features) -> None:
    made = Objective(PAPER["clip"], features.valid.shape[1])
    total = addition_term(features, made).sum()
    torch.testing.assert_close(addition_hinge(features, made).relu().sum(), total)


def test_the_gradient_is_that_of_finite_differences(features: Features) -> None:
    made = Objective(PAPER["clip"], features.valid.shape[1])

    def loss(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        given = {"image_features": images, "text_features": texts, "logit_scale": scale}
        return addition_term(replace(features, **given), made).sum()

    inputs = (features.image_features, features.text_features, features.logit_scale)
    assert torch.autograd.gradcheck(loss, inputs)
