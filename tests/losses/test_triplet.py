"""TripletCLIP's exchanged term: painted pictures choose among negatives and captions."""

import math
from dataclasses import replace

import torch
from scalars import check_loop, dot
from torch import Tensor

from ahnpl_cli.losses.features import Features, PaintedPairs
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER
from ahnpl_cli.losses.triplet import exchanged_loss, exchanged_term


def looped(f: Features, also_true: Tensor | None = None) -> list[float]:
    """NegCLIP's two cross-entropies with the roles of pair and negative pair exchanged."""
    painted = [(int(i), int(k)) for i, k in f.image_valid.nonzero()]
    scale = f.logit_scale.item()
    values = []
    for i, k in painted:
        picture, text = f.image_negative_features[i, k], f.negative_features[i, k]
        true = math.exp(scale * dot(picture, text))
        to_text = to_image = 0.0
        for j, m in painted:
            to_text += math.exp(scale * dot(picture, f.negative_features[j, m]))
            to_image += math.exp(scale * dot(f.image_negative_features[j, m], text))
        for j in range(len(f.text_features)):
            if also_true is None or not also_true[j, i, k]:
                to_text += math.exp(scale * dot(picture, f.text_features[j]))
        values.append(-math.log(true / to_text) - math.log(true / to_image))
    return values


def term(f: Features) -> Tensor:
    return exchanged_term(f, Objective(PAPER["triplet"], f.valid.shape[1]))


def test_captions_are_the_hard_negatives_of_painted_pictures(features: Features) -> None:
    check_loop(term, looped, features)


def test_a_caption_that_may_be_true_of_a_picture_is_no_negative(
    features: Features, partly_true: Features
) -> None:
    check_loop(term, looped, partly_true, partly_true.also_true)
    assert not torch.allclose(term(partly_true), term(features))


def test_with_the_roles_exchanged_it_is_negclips_loss(features: Features) -> None:
    """Of features whose pictures are the images and whose negatives are the captions."""
    f = features
    n, k = f.valid.shape
    shown = torch.zeros(n, k, dtype=torch.bool)
    shown[:, 0] = True
    exchanged = Features(
        image_features=f.image_negative_features[:, 0],
        text_features=f.negative_features[:, 0],
        logit_scale=f.logit_scale,
        negative_features=f.text_features.unsqueeze(1),
        image_negative_features=f.image_features.unsqueeze(1),
        image_valid=torch.ones(n, 1, dtype=torch.bool),
    )
    negclip = replace(f, negative_features=f.negative_features[:, :1], valid=shown[:, :1])
    negclip = replace(negclip, image_ids=torch.arange(n))
    losses = Objective(PAPER["negclip"], 1).double()(negclip)
    torch.testing.assert_close(term(exchanged).mean(), losses.terms["contrastive"])


def test_a_value_worked_by_hand() -> None:
    """A picture on the first axis with its text; the caption on the second; logit scale 1.

    To text log(e + 1) - 1 = 0.313262; to images there is no other, so 0.
    """
    own, caption = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    loss = exchanged_loss(caption, PaintedPairs(own, own, None), torch.tensor(1.0))
    torch.testing.assert_close(loss, torch.tensor([0.313262]), atol=1e-6, rtol=0)


def test_a_picture_further_from_the_caption_costs_less() -> None:
    text, scale = torch.tensor([[1.0, 0.0]]), torch.tensor(4.0)
    near = PaintedPairs(torch.tensor([[0.6, 0.8]]), text, None)
    far = PaintedPairs(torch.tensor([[1.0, 0.0]]), text, None)
    caption = torch.tensor([[0.0, 1.0]])
    assert exchanged_loss(caption, far, scale) < exchanged_loss(caption, near, scale)


def test_images_of_the_pairs_get_no_gradient(features: Features) -> None:
    term(features).sum().backward()
    assert features.image_features.grad is None
    assert (features.text_features.grad.abs().sum(1) > 0).all()
    for tensor in (features.negative_features, features.image_negative_features):
        assert torch.equal(tensor.grad.abs().sum(2) > 0, features.image_valid)


def test_a_batch_without_pictures_costs_0(features: Features) -> None:
    bare = replace(features, image_valid=torch.zeros_like(features.image_valid))
    weights = {"exchanged": 1.0}
    losses = Objective(replace(PAPER["triplet"], weights=weights), bare.valid.shape[1])(bare)
    losses.total.backward()
    assert losses.total == 0
