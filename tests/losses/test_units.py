"""CS-CLIP's contrast of units against a loop, by hand, and what gets a gradient."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER, Recipe
from ahnpl_cli.losses.units import unit_term

CS_CLIP = PAPER["cs-clip"]


def state(f: Features, recipe: Recipe = CS_CLIP) -> Objective:
    return Objective(recipe, f.valid.shape[1])


def cosine(a: Tensor, b: Tensor) -> float:
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def rivals(f: Features, i: int, u: int, *, masked: bool) -> tuple[list[Tensor], list[Tensor]]:
    """The texts that pair i's image must not take for its unit u, and the images likewise."""
    texts, images = [], []
    for j in range(len(f.unit_valid)):
        if not f.unit_valid[j, u]:
            continue
        if j != i and not (masked and f.unit_true[i, j, u]):
            texts.append(f.unit_features[j, u])
        if j != i and not (masked and f.unit_true[j, i, u]):
            images.append(f.image_features[j])
        if not (masked and f.foil_true[i, j, u]):
            texts.append(f.foil_features[j, u])
    return texts, images


def looped(f: Features, i: int, *, masked: bool = True) -> float:
    scale, values = f.logit_scale.item(), []
    for u in range(2):
        if not f.unit_valid[i, u]:
            continue
        image, unit = f.image_features[i], f.unit_features[i, u]
        texts, images = rivals(f, i, u, masked=masked)
        own = math.exp(scale * cosine(image, unit))
        to_text = own + sum(math.exp(scale * cosine(image, text)) for text in texts)
        to_image = own + sum(math.exp(scale * cosine(other, unit)) for other in images)
        values.append((math.log(to_text) + math.log(to_image)) / 2 - math.log(own))
    return sum(values) / len(values) if values else 0.0


@pytest.mark.parametrize("masked", [True, False])
def test_a_unit_is_told_from_foils_and_from_other_images_units(
    masked: bool, features: Features
) -> None:
    n = len(features.unit_valid)
    assert features.unit_true.sum() > features.unit_valid.sum()
    got = unit_term(features, state(features, replace(CS_CLIP, mask_same_image=masked)))
    want = [looped(features, i, masked=masked) for i in range(n)]
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))
    assert want[1] == 0.0 and want[0] != looped(features, 0, masked=not masked)


def test_with_sigmoids_each_text_is_a_question_of_its_own(features: Features) -> None:
    f = replace(features, logit_bias=torch.tensor(-3.0, dtype=torch.float64))
    scale = f.logit_scale.item()

    def cost(image: Tensor, text: Tensor, sign: int) -> float:
        return math.log(1 + math.exp(-sign * (scale * cosine(image, text) - 3)))

    want = []
    for i in range(len(f.unit_valid)):
        values = []
        for u in range(2):
            if not f.unit_valid[i, u]:
                continue
            image, unit = f.image_features[i], f.unit_features[i, u]
            texts, images = rivals(f, i, u, masked=True)
            foils = {id(t) for t in texts} - {id(t) for t in f.unit_features[:, u]}
            assert foils
            value = 2 * cost(image, unit, 1)
            for j in range(len(f.unit_valid)):
                if f.unit_valid[j, u] and not f.foil_true[i, j, u]:
                    value += 2 * cost(image, f.foil_features[j, u], -1)
                if j != i and f.unit_valid[j, u] and not f.unit_true[i, j, u]:
                    value += cost(image, f.unit_features[j, u], -1)
            value += sum(cost(other, unit, -1) for other in images)
            values.append(value / 2)
        want.append(sum(values) / len(values) if values else 0.0)
    got = unit_term(f, state(f))
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_a_value_worked_by_hand() -> None:
    """One pair, its unit at the image, its foil at right angles, scale 1: log(1 + e^-1) / 2."""
    axis = torch.eye(2)
    made = Features(
        image_features=axis[:1],
        text_features=axis[:1],
        logit_scale=torch.tensor(1.0),
        unit_features=axis[None, :1],
        foil_features=axis[None, 1:],
    )
    loss = unit_term(made, state(made))
    torch.testing.assert_close(loss, torch.tensor([0.156631]), atol=1e-6, rtol=0)


def test_the_gradient_is_that_of_finite_differences(features: Features) -> None:
    def loss(images: Tensor, units: Tensor, foils: Tensor, scale: Tensor) -> Tensor:
        given = {"image_features": images, "unit_features": units, "foil_features": foils}
        return unit_term(replace(features, logit_scale=scale, **given), state(features)).sum()

    inputs = (
        features.image_features,
        features.unit_features,
        features.foil_features,
        features.logit_scale,
    )
    assert torch.autograd.gradcheck(loss, inputs)


def test_only_units_that_are_there_move_and_captions_never_do(features: Features) -> None:
    unit_term(features, state(features)).sum().backward()
    assert features.text_features.grad is None
    for moved in (features.unit_features.grad, features.foil_features.grad):
        assert torch.equal(moved.abs().sum(2) > 0, features.unit_valid)


def test_without_units_it_is_0(features: Features) -> None:
    names = ("image_features", "text_features", "logit_scale", "negative_features", "valid")
    bare = Features(**{name: getattr(features, name) for name in names})
    assert not unit_term(bare, state(bare)).any()
