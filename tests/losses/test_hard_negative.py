"""Eqs. 5-7 over Eqs. 1-2's image negatives."""

import math
from dataclasses import replace

import torch

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.hard_negative import (
    textual_negative_loss,
    visual_negative_loss,
    visual_negative_term,
)
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER as RECIPES


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def looped_pictures(f: Features, perturbed: bool) -> list[float]:
    """Eq. 5 over painted pictures, and over the image negatives of Eqs. 1-2 if `perturbed`."""
    rows = []
    for i in range(len(f.image_features)):
        image, text, total = f.image_features[i].tolist(), f.text_features[i].tolist(), 0.0
        for k in range(f.valid.shape[1]):
            negative = f.negative_features[i, k].tolist()
            moved = [e + n - t for e, n, t in zip(image, negative, text, strict=True)]
            if perturbed and f.valid[i, k]:
                total += math.exp(cosine(image, moved))
            if f.image_valid[i, k]:
                total += math.exp(cosine(image, f.image_negative_features[i, k].tolist()))
        rows.append(math.log(total) if total else 0.0)
    return rows


def looped(f: Features, visual: bool) -> list[float]:
    rows = []
    for i in range(len(f.image_features)):
        image, text, total = f.image_features[i].tolist(), f.text_features[i].tolist(), 0.0
        for k in range(f.valid.shape[1]):
            if f.valid[i, k]:
                negative = f.negative_features[i, k].tolist()
                moved = [e + n - t for e, n, t in zip(image, negative, text, strict=True)]
                total += math.exp(cosine(image, moved) if visual else cosine(text, negative))
        rows.append(-math.log(1 / total) if total else 0.0)
    return rows


def visual(f: Features) -> torch.Tensor:
    return visual_negative_term(f, Objective(RECIPES["ahnpl"], f.valid.shape[1]))


def test_the_visual_loss_is_the_printed_equation(features: Features) -> None:
    want = torch.tensor(looped(features, visual=True), dtype=torch.float64)
    torch.testing.assert_close(visual(features), want)


def test_the_textual_loss_is_the_printed_equation(features: Features) -> None:
    got = textual_negative_loss(features.text_negative, features.valid)
    want = torch.tensor(looped(features, visual=False), dtype=torch.float64)
    torch.testing.assert_close(got, want)


def test_a_value_worked_by_hand() -> None:
    # log(exp 0.5 + exp -0.5) = log(1.648721 + 0.606531) = 0.813262; the invalid 9.0 is left out.
    values = torch.tensor([[0.5, -0.5, 9.0]])
    valid = torch.tensor([[True, True, False]])
    for loss in (visual_negative_loss, textual_negative_loss):
        torch.testing.assert_close(loss(values, valid), torch.tensor([0.813262]), atol=1e-6, rtol=0)


def test_a_negative_further_away_costs_less() -> None:
    valid = torch.ones(1, 2, dtype=torch.bool)
    near, far = torch.tensor([[0.9, 0.9]]), torch.tensor([[0.9, 0.2]])
    for loss in (visual_negative_loss, textual_negative_loss):
        assert loss(far, valid) < loss(near, valid)


def test_a_row_without_negatives_costs_nothing_and_has_no_nan(features: Features) -> None:
    for loss in (visual(features), textual_negative_loss(features.text_negative, features.valid)):
        assert loss[1] == 0
        grads = torch.autograd.grad(
            loss.sum(), [features.text_features, features.negative_features], retain_graph=True
        )
        assert all(g.isfinite().all() and g[1].abs().sum() == 0 for g in grads)


def test_the_textual_loss_leaves_the_image_tower_alone(features: Features) -> None:
    textual_negative_loss(features.text_negative, features.valid).sum().backward()
    assert features.image_features.grad is None
    assert features.text_features.grad.abs().sum() > 0
    assert features.negative_features.grad.abs().sum() > 0


def test_the_visual_loss_reaches_the_text_tower_only_through_the_shift(features: Features) -> None:
    visual(features).sum().backward()
    assert features.image_features.grad.abs().sum() > 0
    assert features.text_features.grad.abs().sum() > 0
    assert features.negative_features.grad.abs().sum() > 0


def test_the_shift_can_be_cut_off(features: Features) -> None:
    f = features
    recipe = replace(RECIPES["ahnpl"], shift_gradient=False)
    visual_negative_term(f, Objective(recipe, f.valid.shape[1])).sum().backward()
    assert f.image_features.grad.abs().sum() > 0
    assert f.text_features.grad is None
    assert f.negative_features.grad is None


def test_the_shift_may_be_the_starts(features: Features) -> None:
    """Eq. 1 of another model's texts, Eq. 2 on the image of the model in training."""
    f, start = features, features.teachers["start"]
    recipe = replace(RECIPES["ahnpl"], shift_model="start")
    got = visual_negative_term(f, Objective(recipe, f.valid.shape[1]))
    want = []
    for i, image in enumerate(f.image_features):
        total = 0.0
        for k in f.valid[i].nonzero()[:, 0]:
            moved = image + start.negative_features[i, k] - start.text_features[i]
            total += math.exp((image @ moved / moved.norm()).item())
        want.append(math.log(total) if total else 0.0)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))
    got.sum().backward()
    assert f.text_features.grad is None and f.negative_features.grad is None


def of_pictures(f: Features, which: str) -> torch.Tensor:
    recipe = replace(RECIPES["ahnpl"], image_negatives=which)
    return visual_negative_term(f, Objective(recipe, f.valid.shape[1]))


def test_painted_pictures_take_the_place_of_perturbed_features_or_join_them(
    features: Features,
) -> None:
    for which, perturbed in (("real", False), ("both", True)):
        want = torch.tensor(looped_pictures(features, perturbed), dtype=torch.float64)
        torch.testing.assert_close(of_pictures(features, which), want)


def test_real_image_negatives_leave_the_text_tower_alone(features: Features) -> None:
    f = features
    of_pictures(f, "real").sum().backward()
    assert f.text_features.grad is None and f.negative_features.grad is None
    assert f.image_features.grad.abs().sum() > 0
    moved = f.image_negative_features.grad.abs().sum(2) > 0
    assert torch.equal(moved, f.image_valid)


def test_a_pair_without_a_picture_costs_nothing(features: Features) -> None:
    f = replace(features, image_valid=torch.zeros_like(features.image_valid))
    assert not of_pictures(f, "real").any()
    torch.testing.assert_close(of_pictures(f, "both"), visual(f))
    # Of a batch in which no negative has one.
    names = ("image_features", "text_features", "logit_scale", "negative_features", "valid")
    bare = Features(**{name: getattr(f, name) for name in names})
    assert not of_pictures(bare, "real").any()
    torch.testing.assert_close(of_pictures(bare, "both"), visual(f))
