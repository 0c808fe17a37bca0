"""READ's alignment of paraphrases against a loop, by hand, and what gets a gradient."""

import math
from dataclasses import replace

import torch

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.read import paraphrase_loss, paraphrase_term
from ahnpl_cli.losses.recipes import PAPER


def term(f: Features) -> torch.Tensor:
    return paraphrase_term(f, Objective(PAPER["read"], f.valid.shape[1]))


def test_a_paraphrase_chooses_its_caption_among_the_batchs(features: Features) -> None:
    f, scale, rows = features, features.logit_scale.item(), []
    for i in range(len(f.text_features)):
        cosines = []
        for j in range(len(f.text_features)):
            # Another caption of the same image is no wrong answer.
            if i == j or f.image_ids[i] != f.image_ids[j]:
                cosines.append((f.positive_features[i, 0] @ f.text_features[j]).item())
        own = (f.positive_features[i, 0] @ f.text_features[i]).item()
        whole = sum(math.exp(scale * cosine) for cosine in cosines)
        rows.append(math.log(whole) - scale * own if f.positive_valid[i, 0] else 0.0)
    torch.testing.assert_close(term(f), torch.tensor(rows, dtype=torch.float64))


def test_a_value_worked_by_hand() -> None:
    """Two captions at right angles, each its own paraphrase, scale 1: log(1 + exp(-1))."""
    texts = torch.eye(2)
    loss = paraphrase_loss(texts, texts, torch.tensor(1.0), torch.tensor([True, False]))
    torch.testing.assert_close(loss, torch.tensor([0.313262, 0.0]), atol=1e-6, rtol=0)


def test_the_image_tower_is_left_alone(features: Features) -> None:
    term(features).sum().backward()
    assert features.image_features.grad is None
    assert (features.text_features.grad.abs().sum(1) > 0).all()
    moved = features.positive_features.grad[:, 0].abs().sum(1) > 0
    assert torch.equal(moved, features.positive_valid[:, 0])


def test_without_other_texts_it_is_0(features: Features) -> None:
    names = ("image_features", "text_features", "logit_scale", "negative_features", "valid")
    bare = Features(**{name: getattr(features, name) for name in names})
    assert not term(bare).any()
    none = replace(features, positive_valid=torch.zeros_like(features.positive_valid))
    assert not term(none).any()
