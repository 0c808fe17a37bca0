"""TROHN: a batch of pairs and their painted negative pairs, against loops over scalars."""

import math

import torch
from scalars import check_loop, dot
from torch import Tensor

from ahnpl_cli.losses.features import Features, PaintedPairs
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER
from ahnpl_cli.losses.trohn import negative_pairs_loss, negative_pairs_term


def looped(f: Features, also_true: Tensor | None = None) -> list[float]:
    """Both directions' cross-entropies of every pair, then of every painted one."""
    pairs = [(i, None) for i in range(len(f.image_features))]
    painted = [(int(i), int(k)) for i, k in f.image_valid.nonzero()]

    def image(pair: tuple[int, int | None]) -> Tensor:
        i, k = pair
        return f.image_features[i] if k is None else f.image_negative_features[i, k]

    def text(pair: tuple[int, int | None]) -> Tensor:
        i, k = pair
        return f.text_features[i] if k is None else f.negative_features[i, k]

    def counts(a: tuple[int, int | None], b: tuple[int, int | None]) -> bool:
        if a[1] is None and b[1] is None:
            return a == b or bool(f.image_ids[a[0]] != f.image_ids[b[0]])
        if also_true is None or (a[1] is not None and b[1] is not None):
            return True
        plain, other = (a, b) if a[1] is None else (b, a)
        return not also_true[plain[0], other[0], other[1]]

    scale = f.logit_scale.item()
    values = []
    for own in [*pairs, *painted]:
        true = math.exp(scale * dot(image(own), text(own)))
        texts = images = 0.0
        for other in [*pairs, *painted]:
            if counts(own, other):
                texts += math.exp(scale * dot(image(own), text(other)))
                images += math.exp(scale * dot(image(other), text(own)))
        values.append(-math.log(true / texts) - math.log(true / images))
    return values


def term(f: Features) -> Tensor:
    return negative_pairs_term(f, Objective(PAPER["trohn"], f.valid.shape[1]))


def test_pairs_and_painted_pairs_are_one_batch(features: Features) -> None:
    check_loop(term, looped, features)


def test_what_is_true_of_an_image_is_no_negative_of_it(
    features: Features, partly_true: Features
) -> None:
    check_loop(term, looped, partly_true, partly_true.also_true)
    assert not torch.allclose(term(partly_true), term(features))


def test_a_value_worked_by_hand() -> None:
    """One pair on the first axis, its negative pair on the second, logit scale 1.

    Each image has logit 1 with its own text and 0 with the other, and so has each text: both
    directions cost log(1 + exp(-1)) = 0.313262, together 0.626523.
    """
    pair, negative = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    painted = PaintedPairs(negative, negative, None)
    loss = negative_pairs_loss(pair, pair, painted, torch.tensor(1.0))
    torch.testing.assert_close(loss, torch.full((2,), 0.626523), atol=1e-6, rtol=0)


def test_a_picture_that_shows_its_negative_costs_less() -> None:
    pair, negative = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    scale = torch.tensor(1.0)
    shown = negative_pairs_loss(pair, pair, PaintedPairs(negative, negative, None), scale)
    missed = negative_pairs_loss(pair, pair, PaintedPairs(pair, negative, None), scale)
    assert shown.sum() < missed.sum()


def test_only_negatives_with_a_picture_get_a_gradient(features: Features) -> None:
    term(features).sum().backward()
    for tensor in (features.negative_features, features.image_negative_features):
        assert torch.equal(tensor.grad.abs().sum(2) > 0, features.image_valid)
    assert (features.image_features.grad.abs().sum(1) > 0).all()
    assert (features.text_features.grad.abs().sum(1) > 0).all()
    assert features.logit_scale.grad != 0
