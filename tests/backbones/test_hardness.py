"""Hardness of negatives, from features made by hand."""

from pathlib import Path

import pytest
import torch

from ahnpl_cli.backbones import hardness
from ahnpl_cli.records import CaptionRecord, Hardness, Negative

RECORD = CaptionRecord("r", "i", "t", (Negative("object", "near"), Negative("object", "far")))


def test_hardness_by_hand() -> None:
    # S(I,T) = 0.8, S(I,near) = 1.0, S(I,far) = 0.0; cos(T,near) = 0.8, cos(T,far) = 0.6.
    texts = {
        "t": torch.tensor([0.8, 0.6]),
        "near": torch.tensor([1.0, 0.0]),
        "far": torch.tensor([0.0, 1.0]),
    }
    images = {Path("i"): torch.tensor([1.0, 0.0])}
    (found,) = hardness._by_kind(hardness._pairs([(RECORD, Path("i"))], images, texts))
    # The true caption wins one pair of two; the gaps are -0.2 and 0.8.
    expected = Hardness("object", 2, pytest.approx(0.7), 2, 50.0, pytest.approx(0.3))
    assert found == expected
    (found,) = hardness._by_kind(
        hardness._pairs([(RECORD, Path("i"))], {}, {k: texts[k] for k in ("t", "far")})
    )
    assert found == Hardness("object", 1, pytest.approx(0.6), 0, None, None)


def test_pairs_that_the_caption_wins_are_the_right_ones() -> None:
    assert hardness._summary("object", [0.5] * 3, [0.2, 0.1, -0.3]).right == pytest.approx(200 / 3)
