"""Eq. 4 against a loop over scalars, a value by hand, its direction and its gradients."""

import math
from dataclasses import replace

import torch
from scalars import dot

from ahnpl_cli.losses.contrastive import contrastive_loss
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER
from ahnpl_cli.losses.registry import TERMS


def looped(f: Features, extra: list[list[float]], excluded: torch.Tensor) -> list[float]:
    n, scale, rows = len(f.image_features), f.logit_scale.item(), []
    for i in range(n):
        own = scale * dot(f.image_features[i], f.text_features[i])
        texts = [j for j in range(n) if not excluded[i, j]]
        to_text = [scale * dot(f.image_features[i], f.text_features[j]) for j in texts] + extra[i]
        to_image = [scale * dot(f.image_features[j], f.text_features[i]) for j in texts]
        rows.append(sum(math.log(sum(map(math.exp, s))) - own for s in (to_text, to_image)))
    return rows


def test_it_is_the_printed_equation(features: Features) -> None:
    got = contrastive_loss(features.image_features, features.text_features, features.logit_scale)
    none = torch.zeros(len(got), len(got), dtype=torch.bool)
    want = looped(features, [[] for _ in got], none)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_hard_negatives_of_the_whole_batch_join_only_the_image_to_text_side(
    features: Features,
) -> None:
    scale, packed = features.logit_scale, features.packed_negatives
    got = contrastive_loss(
        features.image_features,
        features.text_features,
        scale,
        hard_negative_logits=scale * features.image_features @ packed.T,
        excluded=features.same_image,
    )
    extra = [[scale.item() * dot(i, p) for p in packed] for i in features.image_features]
    want = looped(features, extra, features.same_image)
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_a_pairs_own_hard_negatives_can_join_alone(features: Features) -> None:
    """CE-CLIP Eq. 2."""
    f, scale = features, features.logit_scale
    recipe = replace(PAPER["ce-clip"], mask_same_image=False)
    got = TERMS["contrastive"].function("paper")(f, Objective(recipe, f.valid.shape[1]))
    extra = [
        [scale.item() * dot(f.image_features[i], n) for n in f.negative_features[i][f.valid[i]]]
        for i in range(len(got))
    ]
    want = looped(f, extra, torch.zeros(len(got), len(got), dtype=torch.bool))
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype))


def test_a_value_worked_by_hand() -> None:
    # Two orthogonal pairs, scale 1: each direction is -log(e / (e + 1)) = 0.313262.
    eye = torch.eye(2)
    got = contrastive_loss(eye, eye, torch.tensor(1.0))
    torch.testing.assert_close(got, torch.full((2,), 2 * 0.313262), atol=1e-5, rtol=0)


def test_a_batch_of_one_costs_nothing(single: Features) -> None:
    got = contrastive_loss(single.image_features, single.text_features, single.logit_scale)
    assert got.tolist() == [0.0]


def test_a_hard_negative_makes_it_dearer_and_a_closer_pair_cheaper(features: Features) -> None:
    image, text, scale = features.image_features, features.text_features, features.logit_scale
    plain = contrastive_loss(image, text, scale)
    joined = scale * image @ features.packed_negatives.T
    assert (contrastive_loss(image, text, scale, hard_negative_logits=joined) > plain).all()
    assert contrastive_loss(image, image, scale).mean() < plain.mean()


def test_captions_of_one_image_do_not_push_each_other_away(features: Features) -> None:
    image, text = features.image_features, features.text_features
    loss = contrastive_loss(image, text, features.logit_scale, excluded=features.same_image)
    (moved,) = torch.autograd.grad(loss[0], text)
    assert moved[1].abs().sum() == 0  # pairs 0 and 1 show the same image
    assert moved[2].abs().sum() > 0


def test_both_towers_and_the_temperature_get_gradient(features: Features) -> None:
    joined = features.logit_scale * features.image_features @ features.packed_negatives.T
    loss = contrastive_loss(
        features.image_features,
        features.text_features,
        features.logit_scale,
        hard_negative_logits=joined,
    ).mean()
    loss.backward()
    assert features.image_features.grad.abs().sum() > 0
    assert features.text_features.grad.abs().sum() > 0
    assert features.logit_scale.grad.abs() > 0
    assert (features.negative_features.grad[features.valid].abs().sum(-1) > 0).all()
    assert features.negative_features.grad[~features.valid].abs().sum() == 0
