"""SigLIP's Eq. 1 and its hard negatives against loops over scalars, values by hand, directions."""

import math
from dataclasses import replace

import pytest
import torch
from scalars import dot

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER
from ahnpl_cli.losses.sigmoid import sigmoid_contrastive_loss, sigmoid_intra_modal_loss


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.fixture
def sigmoid(features: Features) -> Features:
    bias = torch.tensor(-3.0, dtype=features.image_features.dtype, requires_grad=True)
    return replace(features, logit_bias=bias)


def logit(f: Features, a: torch.Tensor, b: torch.Tensor) -> float:
    assert f.logit_bias is not None
    return f.logit_scale.item() * dot(a, b) + f.logit_bias.item()


def equation_1(f: Features, excluded: torch.Tensor) -> float:
    """The printed sum over all pairs, divided by the batch: a double loop."""
    n, total = len(f.image_features), 0.0
    for i in range(n):
        for j in range(n):
            if not excluded[i, j]:
                z = 1 if i == j else -1
                total += softplus(-z * logit(f, f.image_features[i], f.text_features[j]))
    return total / n


def test_half_the_mean_is_the_printed_equation(sigmoid: Features) -> None:
    f = sigmoid
    loss = sigmoid_contrastive_loss(
        f.image_features, f.text_features, f.logit_scale, f.logit_bias, excluded=f.same_image
    )
    assert 0.5 * loss.mean().item() == pytest.approx(equation_1(f, f.same_image))


def test_the_gradient_is_that_of_transformers_own_loss(sigmoid: Features) -> None:
    """SiglipModel's: logsigmoid(m1_diag1 * logits), summed over a row, averaged over the batch."""
    f = sigmoid
    logits = f.logit_scale * f.text_features @ f.image_features.T + f.logit_bias
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    theirs = -torch.nn.functional.logsigmoid(signs * logits).sum(-1).mean()
    ours = 0.5 * sigmoid_contrastive_loss(
        f.image_features, f.text_features, f.logit_scale, f.logit_bias
    )
    inputs = [f.image_features, f.text_features, f.logit_scale, f.logit_bias]
    for a, b in zip(
        torch.autograd.grad(ours.mean(), inputs), torch.autograd.grad(theirs, inputs), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("which", ["own", "batch"])
def test_a_hard_negative_is_one_more_pair_that_does_not_match(
    sigmoid: Features, which: str
) -> None:
    f, n = sigmoid, len(sigmoid.image_features)
    recipe = replace(PAPER["negclip"], softmax_negatives=which)
    loss = Objective(recipe, f.valid.shape[1])(f)
    total = equation_1(f, f.same_image)
    for i in range(n):
        for j in range(n):
            for negative in f.negative_features[j][f.valid[j]]:
                if which == "batch" or i == j:
                    total += softplus(logit(f, f.image_features[i], negative)) / n
    assert loss.total.item() == pytest.approx(total)


def test_intra_modal_is_a_loop_over_slots(sigmoid: Features) -> None:
    f = sigmoid
    loss = Objective(replace(PAPER["ce-clip"], weights={"intra_modal": 1.0}), f.valid.shape[1])(f)
    total = 0.0
    for i in range(len(f.image_features)):
        slots = f.negative_features[i][f.valid[i]]
        if len(slots):
            total += softplus(-logit(f, f.image_features[i], f.text_features[i]))
            total += sum(softplus(logit(f, f.text_features[i], negative)) for negative in slots)
    assert loss.total.item() == pytest.approx(total / len(f.image_features))


def test_a_value_worked_by_hand() -> None:
    # Two orthogonal pairs, t = 1, b = 0: own logit 1, foreign 0, so each side costs
    # log(1 + e^-1) + log 2 = 0.313262 + 0.693147.
    eye = torch.eye(2)
    loss = sigmoid_contrastive_loss(eye, eye, torch.tensor(1.0), torch.tensor(0.0))
    torch.testing.assert_close(loss, torch.full((2,), 2 * 1.006409), atol=1e-5, rtol=0)
    # One slot at logit 0 beside an own pair at 0: log 2 + log 2.
    loss = sigmoid_intra_modal_loss(torch.zeros(1), torch.zeros(1, 1), torch.ones(1, 1).bool())
    assert loss.item() == pytest.approx(2 * math.log(2))


def test_everything_gets_a_gradient_and_an_empty_slot_none(sigmoid: Features) -> None:
    f = sigmoid
    Objective(PAPER["ce-clip"], f.valid.shape[1])(f).total.backward()
    for tensor in (f.image_features, f.text_features, f.logit_scale, f.logit_bias):
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().sum() > 0
    assert f.negative_features.grad[~f.valid].abs().sum() == 0


def test_without_a_bias_nothing_changes(features: Features) -> None:
    softmax = Objective(PAPER["ahnpl"], features.valid.shape[1])(features)
    sigmoid = Objective(PAPER["ahnpl"], features.valid.shape[1])(
        replace(features, logit_bias=torch.tensor(0.0, dtype=torch.float64))
    )
    for name, value in softmax.terms.items():
        # Margins and Eqs. 5-6 compare cosines: they are the same for both families.
        assert torch.equal(value, sigmoid.terms[name]) == (name != "contrastive")


def test_painted_pairs_have_sigmoids_of_their_own(sigmoid: Features) -> None:
    """Loops over the pairs of TROHN's batch, and of TripletCLIP's exchanged term."""
    f = sigmoid
    f = replace(f, image_ids=torch.arange(len(f.image_features)))
    shown = f.image_valid
    images = [*f.image_features, *f.image_negative_features[shown]]
    texts = [*f.text_features, *f.negative_features[shown]]
    n, pairs = len(f.image_features), len(images)
    trohn = exchanged = 0.0
    for i in range(pairs):
        for j in range(pairs):
            cost = 2 * softplus((-1 if i == j else 1) * logit(f, images[i], texts[j]))
            trohn += cost
            if i >= n:
                exchanged += cost
    for name, total, count in (
        ("negative_pairs", trohn, pairs),
        ("exchanged", exchanged, pairs - n),
    ):
        recipe = replace(PAPER["trohn"], weights={name: 1.0})
        losses = Objective(recipe, f.valid.shape[1])(f)
        assert losses.total.item() == pytest.approx(total / count)
