"""L_itm: worked by hand, its direction, and what gets gradient."""

import math
from dataclasses import replace

import pytest
import torch

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.matching import matching_loss, matching_term
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import recipe


def test_a_value_worked_by_hand() -> None:
    """p(match) of 3/4 for the caption, 1/2 and 1/5 for two negatives, a third slot empty.

    -(log 3/4 + log 1/2 + log 4/5) / 3 = log(10/3) / 3.
    """
    positive = torch.tensor([math.log(3)])
    negative = torch.tensor([[0.0, math.log(1 / 4), 99.0]])
    valid = torch.tensor([[True, True, False]])
    loss = matching_loss(positive, negative, valid)
    assert loss.tolist() == pytest.approx([math.log(10 / 3) / 3])


def test_a_pair_without_a_negative_gives_0_and_no_gradient() -> None:
    positive = torch.tensor([0.5, 0.5], requires_grad=True)
    negative = torch.tensor([[torch.nan], [1.0]], requires_grad=True)
    loss = matching_loss(positive, negative, torch.tensor([[False], [True]]))
    assert loss[0] == 0
    loss.sum().backward()
    assert positive.grad is not None and negative.grad is not None
    assert positive.grad[0] == 0 and positive.grad[1] < 0
    assert negative.grad[0] == 0 and negative.grad[1] > 0


def test_it_falls_where_the_caption_is_likelier_and_a_negative_less_likely() -> None:
    valid = torch.ones(1, 1, dtype=torch.bool)
    odds = torch.tensor([-1.0, 0.0, 1.0])
    as_positive = [matching_loss(value[None], torch.zeros(1, 1), valid).item() for value in odds]
    as_negative = [matching_loss(torch.zeros(1), value[None, None], valid).item() for value in odds]
    assert as_positive == sorted(as_positive, reverse=True)
    assert as_negative == sorted(as_negative)


def test_only_the_heads_odds_get_gradient(features: Features) -> None:
    assert features.match_odds is not None
    odds = features.match_odds.clone().requires_grad_()
    objective = Objective(recipe("ce-itm"), features.valid.shape[1]).double()
    matching_term(replace(features, match_odds=odds), objective).sum().backward()
    scored = torch.cat([features.valid.any(1, keepdim=True), features.valid], dim=1)
    assert odds.grad is not None
    assert torch.equal(odds.grad != 0, scored)
    assert features.image_features.grad is None
    assert features.text_features.grad is None


def test_a_model_without_a_head_is_said(features: Features) -> None:
    objective = Objective(recipe("ce-itm"), features.valid.shape[1]).double()
    with pytest.raises(ValueError, match="of a model with a matching head"):
        objective(replace(features, match_odds=None))
