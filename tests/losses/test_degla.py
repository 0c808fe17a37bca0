"""DeGLA's terms against loops over scalars, by hand, and as its code has them."""

import math
from dataclasses import replace

import pytest
import torch
from scalars import apart, dot
from torch import Tensor

from ahnpl_cli.losses.degla import teacher_features_loss, text_grounded_loss
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import recipe


def terms(f: Features, fidelity: str = "paper") -> dict[str, float]:
    losses = Objective(recipe("degla", fidelity), f.valid.shape[1]).double()(f)
    return {name: value.item() for name, value in losses.terms.items()}


def distance(f: Features, i: int, slots: list[int]) -> float:
    teacher = f.teachers["ema"]
    total = apart(f.image_features[i], teacher.image_features[i])
    total += apart(f.text_features[i], teacher.text_features[i])
    return total + sum(
        apart(f.negative_features[i, k], teacher.negative_features[i, k]) for k in slots
    )


def grounded(f: Features, i: int, negatives: list[Tensor]) -> float:
    own = math.exp(10 * dot(f.text_features[i], f.teachers["ema"].text_features[i]))
    wrong = sum(math.exp(10 * dot(f.text_features[i], negative)) for negative in negatives)
    return -math.log(own / (own + wrong))


def test_distances_are_of_images_captions_and_valid_negatives(features: Features) -> None:
    pairs, slots = features.valid.shape
    held = [[k for k in range(slots) if features.valid[i, k]] for i in range(pairs)]
    want = sum(distance(features, i, held[i]) for i in range(pairs)) / pairs
    assert terms(features)["teacher_features"] == pytest.approx(want)


def test_a_released_distance_is_a_sum_over_the_batch_and_every_slot(features: Features) -> None:
    pairs, slots = features.valid.shape
    want = sum(distance(features, i, list(range(slots))) for i in range(pairs))
    assert terms(features, "released")["teacher_features"] == pytest.approx(want)


def test_a_caption_chooses_the_teachers_among_its_own_negatives(features: Features) -> None:
    pairs, slots = features.valid.shape
    total = 0.0
    for i in range(pairs):
        own = [features.negative_features[i, k] for k in range(slots) if features.valid[i, k]]
        total += grounded(features, i, own)
    assert terms(features)["text_grounded"] == pytest.approx(total / pairs)


def test_a_released_caption_meets_negatives_of_other_captions(features: Features) -> None:
    """Of 4 pairs with 2 slots, row 1 meets numbers 1 and 5 of all 8: (0, 1) and (2, 1)."""
    pairs, slots = features.valid.shape
    total = 0.0
    for i in range(pairs):
        met = []
        for m in range(slots):
            number = m * pairs + i
            met.append(features.negative_features[number // slots, number % slots])
        total += grounded(features, i, met)
    assert terms(features, "released")["text_grounded"] == pytest.approx(total / pairs)


def test_an_image_chooses_its_caption_among_its_own_negatives(features: Features) -> None:
    """DeGLA's IGC is cross-entropy over the pair's own texts, as the recipe's `calibrated`."""
    scale, pairs = features.logit_scale.item(), len(features.valid)
    total = 0.0
    for i in range(pairs):
        image = features.image_features[i]
        own = math.exp(scale * dot(image, features.text_features[i]))
        wrong = [features.negative_features[i, k] for k in features.valid[i].nonzero()[:, 0]]
        below = own + sum(math.exp(scale * dot(image, text)) for text in wrong)
        total -= math.log(own / below)
    assert terms(features)["calibrated"] == pytest.approx(total / pairs)


def test_values_worked_by_hand() -> None:
    """Unit axes: the image is the teacher's, the caption at right angles to it, the negative away.

    0 + 2 + 4 = 6 apart. TGC: 10 S is 0 with the teacher's caption and 10 with the negative, which
    is the caption itself: log(1 + e^10) = 10.0000454.
    """
    axis = torch.eye(2)
    own, other = axis[:1], axis[1:]
    valid = torch.tensor([[True]])
    loss = teacher_features_loss(own, own, own[None], own, other, -own[None], valid)
    torch.testing.assert_close(loss, torch.tensor([6.0]))
    loss = text_grounded_loss(own, other, own[None], valid)
    torch.testing.assert_close(loss, torch.tensor([10.0000454]))
    assert not text_grounded_loss(own, other, own[None], ~valid).any()


def test_a_student_that_is_the_teacher_costs_nothing(features: Features) -> None:
    same = {name: getattr(features, f"{name}_features") for name in ("image", "text", "negative")}
    itself = replace(features.teachers["ema"], **{f"{k}_features": v for k, v in same.items()})
    assert terms(replace(features, teachers={"ema": itself}))["teacher_features"] == 0


def test_a_recipe_without_its_teacher_says_so(features: Features) -> None:
    with pytest.raises(ValueError, match="looks at a teacher 'ema', and Features has none"):
        terms(replace(features, teachers={}))
