"""The divergence from a teacher's similarities: loops, by hand, and what it leaves free."""

import math
from dataclasses import replace

import pytest
import torch

from ahnpl_cli.losses.features import Features, TeacherFeatures
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import recipe
from ahnpl_cli.losses.teacher_similarity import teacher_similarity_loss

RECIPE = replace(recipe("clip"), weights={"teacher_similarity": 1.0}, teacher="start")


def rows_and_columns(model: Features | TeacherFeatures, biased: bool) -> list[list[float]]:
    """The logits of every image with all texts, then of every text with all images."""
    numbers = range(len(model.text_features))
    bias, scale = (model.logit_bias.item() if biased else 0.0), model.logit_scale.item()
    rows = []
    for i in numbers:
        image = model.image_features[i]
        rows.append([scale * (image @ model.text_features[j]).item() + bias for j in numbers])
    return rows + [[row[j] for row in rows] for j in numbers]


def softmax_divergence(kept: list[float], own: list[float]) -> float:
    p = [math.exp(value) / sum(map(math.exp, kept)) for value in kept]
    q = [math.exp(value) / sum(map(math.exp, own)) for value in own]
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def sigmoid_divergence(kept: list[float], own: list[float]) -> float:
    total = 0.0
    for teacher, student in zip(kept, own, strict=True):
        p, q = 1 / (1 + math.exp(-teacher)), 1 / (1 + math.exp(-student))
        total += p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    return total


@pytest.mark.parametrize("family", ["softmax", "sigmoid"])
def test_it_is_the_divergence_of_every_row_and_column(features: Features, family: str) -> None:
    f, divergence = features, softmax_divergence
    if family == "sigmoid":
        f = replace(f, logit_bias=torch.tensor(-2.0, dtype=torch.float64, requires_grad=True))
        divergence = sigmoid_divergence
    biased = f.logit_bias is not None
    kept = rows_and_columns(f.teachers["start"], biased)
    total = sum(map(divergence, kept, rows_and_columns(f, biased)))
    losses = Objective(RECIPE, f.valid.shape[1])(f)
    assert losses.total.item() == pytest.approx(total / len(f.text_features))
    losses.total.backward()
    assert f.logit_scale.grad is not None
    assert (f.logit_bias is None) or f.logit_bias.grad != 0
    # Hard negatives are free to move.
    assert f.negative_features.grad is None


def test_a_value_worked_by_hand() -> None:
    """A teacher that is sure of log 3 to 0, a student that is not: p = (3/4, 1/4), q = 1/2.

    3/4 log(3/2) + 1/4 log(1/2) = 0.130812 a direction.
    """
    kept = math.log(3) * torch.eye(2)
    loss = teacher_similarity_loss(torch.zeros(2, 2), kept)
    torch.testing.assert_close(loss, torch.full((2,), 2 * 0.130812), atol=1e-5, rtol=0)


def test_the_same_similarities_cost_nothing_and_lie_at_the_bottom(features: Features) -> None:
    kept = features.logit_scale.detach() * torch.eye(4, dtype=torch.float64)
    student = kept.clone().requires_grad_()
    loss = teacher_similarity_loss(student, kept).sum()
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert student.grad.abs().max() < 1e-12
