"""CLIC's three losses against loops over scalars, by hand, and what gets a gradient."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ahnpl_cli.losses.clic import every_text_term, same_text_term, separate_negative_term
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER


def state(f: Features) -> Objective:
    return Objective(PAPER["clic"], f.valid.shape[1])


@pytest.fixture
def joined(features: Features) -> Features:
    """Two further true texts of each pair, the second of every other one."""
    n, dim = features.text_features.shape
    valid = torch.stack([torch.ones(n), torch.arange(n) % 2], dim=1).bool()
    drawn = torch.randn(n, 2, dim, generator=torch.Generator().manual_seed(77)).double()
    further = nn.functional.normalize(drawn, dim=-1).requires_grad_()
    return replace(features, positive_features=further, positive_valid=valid)


def dot(a: Tensor, b: Tensor) -> float:
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def texts(f: Features, i: int) -> list[tuple[int, Tensor]]:
    """The true texts of pair i, with their places: the caption first."""
    further = [(1 + s, f.positive_features[i, s]) for s in range(2) if f.positive_valid[i, s]]
    return [(0, f.text_features[i]), *further]


def contrast(f: Features, i: int) -> float:
    scale, values = f.logit_scale.item(), []
    for place, text in texts(f, i):
        to_text = to_image = 0.0
        for j in range(len(f.image_ids)):
            rivals = [rival for other, rival in texts(f, j) if other == place]
            # Captions of one image are no negatives of each other, and not every pair has a third.
            if (j != i and f.image_ids[i] == f.image_ids[j]) or not rivals:
                continue
            to_text += math.exp(scale * dot(f.image_features[i], rivals[0]))
            to_image += math.exp(scale * dot(f.image_features[j], text))
        own = scale * dot(f.image_features[i], text)
        values.append((math.log(to_text) + math.log(to_image)) / 2 - own)
    return sum(values) / len(values)


def separate(f: Features, i: int) -> float:
    scale, values = f.logit_scale.item(), []
    false = [f.negative_features[i, k] for k in range(f.valid.shape[1]) if f.valid[i, k]]
    for _, text in texts(f, i):
        own = math.exp(scale * dot(f.image_features[i], text))
        others = sum(math.exp(scale * dot(f.image_features[i], negative)) for negative in false)
        values.append(-math.log(own / (own + others)))
    return sum(values) / len(values) if false else 0.0


def test_each_true_text_is_contrasted_with_the_others_of_its_place(joined: Features) -> None:
    want = [contrast(joined, i) for i in range(len(joined.image_ids))]
    torch.testing.assert_close(
        every_text_term(joined, state(joined)), torch.tensor(want, dtype=torch.float64)
    )


def test_each_true_text_is_above_the_pairs_own_negatives(joined: Features) -> None:
    want = [separate(joined, i) for i in range(len(joined.image_ids))]
    assert want[1] == 0.0
    torch.testing.assert_close(
        separate_negative_term(joined, state(joined)), torch.tensor(want, dtype=torch.float64)
    )


def test_values_worked_by_hand() -> None:
    """Captions at right angles are at distance 2; a text at the image beats one at a right angle.

    With scale 1: log(1 + e^-1) = 0.313262 for the caption, log(1 + e^0) = 0.693147 for the other
    text, which is at a right angle to the image as the negative is.
    """
    axis = torch.eye(3)
    made = Features(
        image_features=axis[:1],
        text_features=axis[:1],
        logit_scale=torch.tensor(1.0),
        negative_features=axis[None, 2:],
        positive_features=axis[None, 1:2],
    )
    torch.testing.assert_close(same_text_term(made, state(made)), torch.tensor([2.0]))
    half = (0.313262 + 0.693147) / 2
    loss = separate_negative_term(made, state(made))
    torch.testing.assert_close(loss, torch.tensor([half]), atol=1e-6, rtol=0)


def test_the_distance_moves_texts_alone(joined: Features) -> None:
    same_text_term(joined, state(joined)).sum().backward()
    assert joined.image_features.grad is None
    assert joined.text_features.grad.any()
    moved = joined.positive_features.grad.abs().sum(2) > 0
    assert moved[:, 0].all() and not moved[:, 1].any()


def test_a_sigmoid_model_has_its_own_contrast(joined: Features) -> None:
    plain = every_text_term(joined, state(joined))
    biased = replace(joined, logit_bias=torch.tensor(-2.0, dtype=torch.float64))
    one = replace(biased, positive_valid=torch.zeros_like(joined.positive_valid))
    values = every_text_term(one, state(one))
    i = 2
    scale, want = one.logit_scale.item(), 0.0
    for j in range(len(one.image_ids)):
        if j != i and one.image_ids[i] == one.image_ids[j]:
            continue
        sign = 1 if i == j else -1
        for image, text in ((i, j), (j, i)):
            cosine = dot(one.image_features[image], one.text_features[text])
            want += math.log(1 + math.exp(-sign * (scale * cosine - 2))) / 2
    assert values[i].item() == pytest.approx(want)
    assert not torch.allclose(every_text_term(biased, state(biased)), plain)
