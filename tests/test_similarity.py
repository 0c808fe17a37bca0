"""Eq. 3."""

import math

import torch

from ahnpl_cli.similarity import normalize, pairwise_similarity, similarity


def test_it_is_the_cosine_of_a_loop() -> None:
    a, b = torch.randn(4, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    got = pairwise_similarity(normalize(a), normalize(b))
    for i in range(4):
        for j in range(3):
            dot = sum(float(x * y) for x, y in zip(a[i], b[j], strict=True))
            norms = math.sqrt(float((a[i] ** 2).sum())) * math.sqrt(float((b[j] ** 2).sum()))
            assert math.isclose(float(got[i, j]), dot / norms, abs_tol=1e-12)


def test_rows_by_hand() -> None:
    a = normalize(torch.tensor([[3.0, 4.0]]))
    torch.testing.assert_close(similarity(a, torch.tensor([[1.0, 0.0]])), torch.tensor([0.6]))


def test_rows_are_the_diagonal_of_pairs() -> None:
    a, b = normalize(torch.randn(4, 5)), normalize(torch.randn(4, 5))
    torch.testing.assert_close(similarity(a, b), pairwise_similarity(a, b).diagonal())


def test_turning_one_towards_the_other_raises_it() -> None:
    a, b = normalize(torch.randn(4, 5)), normalize(torch.randn(4, 5))
    assert (similarity(normalize(a + 0.3 * b), b) > similarity(a, b)).all()


def test_both_sides_get_gradient() -> None:
    a, b = torch.randn(2, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    pairwise_similarity(normalize(a), normalize(b)).square().sum().backward()
    assert (a.grad.abs().sum(1) > 0).all()
    assert (b.grad.abs().sum(1) > 0).all()


def test_a_zero_vector_has_no_nan() -> None:
    zero = torch.zeros(1, 3, requires_grad=True)
    similarity(normalize(zero), zero).sum().backward()
    assert zero.grad.isfinite().all()
