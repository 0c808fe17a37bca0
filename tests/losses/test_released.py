"""The released forms against plain loops over their description; AHNPL's, then CE-CLIP's."""

import math
from collections.abc import Callable

import torch
from scalars import dot

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import RELEASED as RECIPES
from ahnpl_cli.losses.registry import TERMS
from ahnpl_cli.losses.released import released_margin


def state(f: Features, objective: str = "ahnpl") -> Objective:
    made = Objective(RECIPES[objective], f.valid.shape[1]).double()
    with torch.no_grad():
        made.margin.copy_(torch.linspace(0, 3, f.valid.shape[1]))
        made.threshold.copy_(torch.linspace(1, 2, f.valid.shape[1]))
    return made


def released(name: str) -> Callable[[Features, Objective], torch.Tensor]:
    return TERMS[name].function("released")


def cross_entropy(logits: list[float], target: int) -> float:
    return math.log(sum(map(math.exp, logits))) - logits[target]


def slots(f: Features) -> list[torch.Tensor]:
    """All N*K negatives in order, placeholders among them."""
    n, k = f.valid.shape
    return [f.negative_features[i, j] for i in range(n) for j in range(k)]


def check(got: torch.Tensor, want: list[float]) -> None:
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_contrast_is_halved_and_takes_every_slot_valid_or_not(features: Features) -> None:
    f, scale, want = features, features.logit_scale.item(), []
    for i in range(len(f.positive)):
        texts = [*f.text_features, *slots(f)]
        to_text = [scale * dot(f.image_features[i], t) for t in texts]
        to_image = [scale * dot(f.text_features[i], v) for v in f.image_features]
        want.append((cross_entropy(to_text, i) + cross_entropy(to_image, i)) / 2)
    check(released("contrastive")(f, state(f)), want)


def test_the_textual_loss_pulls_row_i_to_column_i_of_all_negatives(features: Features) -> None:
    f, scale = features, features.logit_scale.item()
    want = [
        cross_entropy([scale * dot(f.text_features[i], n) for n in slots(f)], i)
        for i in range(len(f.positive))
    ]
    check(released("hard_negative_textual")(f, state(f)), want)


def test_the_visual_loss_does_so_on_image_negatives_not_normalized_again(
    features: Features,
) -> None:
    f, scale, (n, k) = features, features.logit_scale.item(), features.valid.shape
    moved = [
        f.image_features[i] + f.negative_features[i, j] - f.text_features[i]
        for i in range(n)
        for j in range(k)
    ]
    want = [
        cross_entropy([scale * dot(f.image_features[i], m) for m in moved], i) for i in range(n)
    ]
    loss = released("hard_negative_visual")(f, state(f))
    check(loss, want)
    loss.sum().backward()
    assert f.image_features.grad is not None
    assert f.text_features.grad is None


def test_the_positive_margin_compares_a_with_logits_and_is_off_in_the_recipe(
    features: Features,
) -> None:
    f, scale = features, features.logit_scale.item()
    check(
        released("positive_margin")(f, state(f)),
        [max(0.0, 0.9 - scale * s) for s in f.positive.tolist()],
    )
    assert RECIPES["ahnpl"].weights.get("positive_margin", 0) == 0


def test_the_negative_margins_are_means_over_all_slots(features: Features) -> None:
    f, scale, (n, k), made = features, features.logit_scale.item(), features.valid.shape, {}
    for name, margin in (("negative_margin", 0), ("cross_modal_rank", 1)):
        bounds = torch.linspace(margin, 3 - margin, k).tolist()
        made[name] = [
            sum(
                max(0.0, scale * (f.negative[i, j] - f.positive[i]).item() + bounds[j])
                for j in range(k)
                if f.valid[i, j]
            )
            / k
            for i in range(n)
        ]
    for name, want in made.items():
        got = released(name)(f, state(f))
        torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype), atol=1e-6, rtol=1e-6)


def test_margins_are_all_positives_less_valid_negatives_between_0_and_the_cap(
    features: Features,
) -> None:
    f, scale = features, features.logit_scale.item()
    previous, want = torch.full((f.valid.shape[1],), 0.5, dtype=torch.float64), []
    positives = [scale * s for s in f.positive.tolist()]
    for j in range(f.valid.shape[1]):
        kept = [scale * f.negative[i, j].item() for i in range(len(positives)) if f.valid[i, j]]
        mean = sum(positives) / len(positives) - sum(kept) / len(kept) if kept else 0.5
        want.append(min(max(mean, 0.0), 2.0) if kept else 0.5)
    got = released_margin(
        f.logit_scale * f.positive, f.logit_scale * f.negative, f.valid, previous, cap=2.0
    )
    check(got, want)
    assert not got.requires_grad


def test_a_kind_without_valid_negatives_keeps_its_margin_instead_of_nan() -> None:
    got = released_margin(
        torch.tensor([3.0]),
        torch.tensor([[1.0, 1.0]]),
        torch.tensor([[True, False]]),
        torch.tensor([0.0, 0.7]),
        cap=10.0,
    )
    torch.testing.assert_close(got, torch.tensor([2.0, 0.7]))


def test_intra_modal_contrast_pulls_every_row_to_the_first_negative_of_the_first_pair(
    features: Features,
) -> None:
    f, scale = features, features.logit_scale.item()
    want = [cross_entropy([scale * dot(t, n) for n in slots(f)], 0) for t in f.text_features]
    check(released("intra_modal")(f, state(f, "ce-clip")), want)
