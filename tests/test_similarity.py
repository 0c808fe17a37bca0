"""Eqs. 1-3."""

import math

import torch

from ahnpl_cli.similarity import (
    image_negatives,
    normalize,
    pairwise_similarity,
    semantic_shift,
    similarity,
)


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


IMAGE = normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(1)))
TEXT = normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(2)))
NEGATIVE = normalize(torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(3)))


def test_the_shift_and_the_image_negative_are_the_printed_equations() -> None:
    shift = semantic_shift(TEXT, NEGATIVE)
    moved = image_negatives(IMAGE, TEXT, NEGATIVE, renormalize=False)
    for i in range(3):
        for k in range(2):
            want = [float(n - t) for n, t in zip(NEGATIVE[i, k], TEXT[i], strict=True)]
            torch.testing.assert_close(shift[i, k], torch.tensor(want))
            torch.testing.assert_close(moved[i, k], IMAGE[i] + torch.tensor(want))


def test_a_value_worked_by_hand() -> None:
    # e_I = e_T = (1, 0), e_Tn = (0, 1): I + shift = (0, 1).
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[[0.0, 1.0]]])
    torch.testing.assert_close(image_negatives(one, one, other), other)


def test_image_negatives_have_unit_length() -> None:
    torch.testing.assert_close(
        image_negatives(IMAGE, TEXT, NEGATIVE).norm(dim=-1), torch.ones(3, 2)
    )


def test_the_image_negative_lies_nearer_to_the_negative_caption_than_the_image() -> None:
    moved = image_negatives(IMAGE, TEXT, NEGATIVE)
    assert ((moved * NEGATIVE).sum(-1) > (IMAGE.unsqueeze(1) * NEGATIVE).sum(-1)).all()


def test_the_gradient_through_the_shift_can_be_cut() -> None:
    for through in (True, False):
        image, text, negative = (x.clone().requires_grad_() for x in (IMAGE, TEXT, NEGATIVE))
        image_negatives(image, text, negative, shift_gradient=through).sum().backward()
        assert image.grad is not None
        assert (text.grad is not None) == through
        assert (negative.grad is not None) == through
