"""The concreteness margin, ours in form."""

import math
from dataclasses import replace

import pytest
import torch

from ahnpl_cli.losses.cement import cement_loss
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.margin import concreteness_margin
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER


def test_it_is_the_documented_formula(features: Features) -> None:
    f, scale, want = features, features.logit_scale.item(), []
    for i in range(len(f.positive)):
        total = 0.0
        for k in range(f.valid.shape[1]):
            if f.valid[i, k]:
                margin = 0.2 * (float(f.concreteness[i, k]) - 1) / 4
                total += math.exp(scale * (f.negative[i, k] - f.positive[i] + margin).item())
        want.append(math.log(1 + total))
    margin = concreteness_margin(f.concreteness, 0.2)
    got = cement_loss(f.positive, f.negative, margin, f.logit_scale, f.valid)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_values_worked_by_hand() -> None:
    # Ratings 1, 3, 5 and none with cap 0.2.
    ratings = torch.tensor([1.0, 3.0, 5.0, math.nan])
    torch.testing.assert_close(
        concreteness_margin(ratings, 0.2), torch.tensor([0.0, 0.1, 0.2, 0.1])
    )
    # Gap equal to the margin: log(1 + e^0) = log 2.
    got = cement_loss(
        torch.tensor([0.5]),
        torch.tensor([[0.4]]),
        torch.tensor([[0.1]]),
        torch.tensor(100.0),
        torch.tensor([[True]]),
    )
    torch.testing.assert_close(got, torch.tensor([math.log(2)]))


def gradient(concreteness: float, gap: float) -> float:
    negative = torch.tensor([[0.5 - gap]], requires_grad=True)
    margin = concreteness_margin(torch.tensor([[concreteness]]), 0.2)
    valid = torch.ones(1, 1, dtype=torch.bool)
    scale = torch.tensor(50.0)
    cement_loss(torch.tensor([0.5]), negative, margin, scale, valid).sum().backward()
    return float(negative.grad)


def test_a_concrete_word_is_pushed_harder_than_an_abstract_one_at_the_same_gap() -> None:
    assert gradient(5, gap=0.1) > gradient(3, gap=0.1) > gradient(1, gap=0.1)


def test_a_pair_told_well_enough_gives_way() -> None:
    assert gradient(3, gap=0.0) > 40
    assert gradient(3, gap=0.3) < 0.01


def test_gradient_reaches_both_towers_and_spares_empty_rows(features: Features) -> None:
    f = features
    margin = concreteness_margin(f.concreteness, 0.2)
    loss = cement_loss(f.positive, f.negative, margin, f.logit_scale, f.valid)
    loss.sum().backward()
    assert loss[1] == 0
    for grad in (f.image_features.grad, f.text_features.grad):
        assert grad.isfinite().all()
        assert grad[0].abs().sum() > 0
        assert grad[1].abs().sum() == 0


@pytest.mark.parametrize("where", ["own", "batch"])
@pytest.mark.parametrize("kind", ["constant", "concreteness"])
def test_a_margin_in_the_softmax_raises_the_logits_of_hard_negatives(
    where: str, kind: str, features: Features
) -> None:
    f = replace(features, image_ids=torch.arange(len(features.image_features)))
    recipe = replace(
        PAPER["negclip"],
        softmax_negatives=where,
        softmax_margin=kind,
        softmax_margin_size=0.05,
    )
    scale, n = f.logit_scale.item(), len(f.image_features)
    rows = []
    for i in range(n):
        logits = [scale * (f.image_features[i] @ f.text_features[j]).item() for j in range(n)]
        back = [scale * (f.image_features[j] @ f.text_features[i]).item() for j in range(n)]
        own = logits[i]
        for j, k in f.valid.nonzero().tolist():
            if where == "own" and j != i:
                continue
            rating = f.concreteness[j, k].item()
            margin = 0.05 if kind == "constant" else 0.05 * (rating - 1) / 4
            cosine = (f.image_features[i] @ f.negative_features[j, k]).item()
            logits.append(scale * (cosine + margin))
        rows.append(math.log(sum(map(math.exp, logits))) + math.log(sum(map(math.exp, back))))
        rows[-1] -= 2 * own
    objective = Objective(recipe, f.valid.shape[1]).double()
    want = torch.tensor(rows, dtype=torch.float64).mean()
    torch.testing.assert_close(objective(f).terms["contrastive"], want)
    sigmoid = replace(f, logit_bias=torch.tensor(-3.0, dtype=torch.float64))
    without = replace(recipe, softmax_margin="none")
    raised, plain = (Objective(r, f.valid.shape[1]).double()(sigmoid) for r in (recipe, without))
    assert raised.total > plain.total
