"""Eqs. 1-2."""

import torch

from ahnpl_cli.perturbation import image_negatives, semantic_shift
from ahnpl_cli.similarity import normalize

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
