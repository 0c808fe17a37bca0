"""Random batches of unit features, in two precisions, with invalid slots and an empty row."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TeacherFeatures


def unit(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return torch.nn.functional.normalize(made, dim=-1)


def make_teacher(
    n: int, k: int, dim: int, seed: int, dtype: torch.dtype = torch.float64
) -> TeacherFeatures:
    return TeacherFeatures(
        image_features=unit(n, dim, seed=seed, dtype=dtype),
        text_features=unit(n, dim, seed=seed + 1, dtype=dtype),
        negative_features=unit(n, k, dim, seed=seed + 2, dtype=dtype),
        logit_scale=torch.tensor(7.0, dtype=dtype),
        logit_bias=torch.tensor(-3.0, dtype=dtype),
    )


def said_also(present: Tensor, image: int, pair: int) -> Tensor:
    """Units are true of their own image, and the first one of a pair of another image too."""
    n, width = present.shape
    said = torch.eye(n, dtype=torch.bool).unsqueeze(2).expand(n, n, width) & present
    said = said.clone()
    said[image, pair, 0] = True
    return said


def make_features(
    n: int = 5, k: int = 3, dim: int = 6, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Features:
    valid = torch.rand(n, k, generator=torch.Generator().manual_seed(seed)) < 0.7
    valid[0] = True
    if n > 1:
        valid[1] = False
    # Some negatives have a picture, and row 0 has them all.
    shown = valid & (torch.rand(n, k, generator=torch.Generator().manual_seed(seed + 9)) < 0.6)
    shown[0] = True
    # Row 1 has no unit at all, and every other one a second.
    has_unit = torch.stack([torch.arange(n) != 1, torch.arange(n) % 2 == 0], dim=1)
    return Features(
        image_features=unit(n, dim, seed=seed + 1, dtype=dtype).requires_grad_(),
        text_features=unit(n, dim, seed=seed + 2, dtype=dtype).requires_grad_(),
        negative_features=unit(n, k, dim, seed=seed + 3, dtype=dtype).requires_grad_(),
        valid=valid,
        logit_scale=torch.tensor(9.0, dtype=dtype, requires_grad=True),
        image_ids=torch.arange(n) // 2,
        concreteness=torch.linspace(1, 5, n * k, dtype=dtype).reshape(n, k),
        match_odds=5 * unit(n, 1 + k, seed=seed + 4, dtype=dtype),
        image_negative_features=unit(n, k, dim, seed=seed + 4, dtype=dtype).requires_grad_(),
        image_valid=shown,
        positive_features=unit(n, 1, dim, seed=seed + 6, dtype=dtype).requires_grad_(),
        positive_valid=torch.arange(n).unsqueeze(1) != 2,
        teachers={
            "start": make_teacher(n, k, dim, seed + 20, dtype),
            "ema": make_teacher(n, k, dim, seed + 30, dtype),
        },
        unit_features=unit(n, 2, dim, seed=seed + 7, dtype=dtype).requires_grad_(),
        foil_features=unit(n, 2, dim, seed=seed + 8, dtype=dtype).requires_grad_(),
        unit_valid=has_unit,
        # Row 0 says what the last row's first unit does, and the last row what row 0's foil does.
        unit_true=said_also(has_unit, 0, n - 1),
        foil_true=said_also(has_unit, n - 1, 0) & ~torch.eye(n, dtype=torch.bool).unsqueeze(2),
        longer=valid & (torch.arange(k) == k - 1),
    )


@pytest.fixture(params=[0, 1, 2])
def features(request: pytest.FixtureRequest) -> Features:
    return make_features(n=4 + request.param, k=2 + request.param, seed=10 * request.param)


@pytest.fixture
def partly_true(features: Features) -> Features:
    """The same, with some negatives that are true of other rows' images."""
    n, k = features.valid.shape
    also_true = torch.rand(n, n, k, generator=torch.Generator().manual_seed(3)) < 0.3
    return replace(features, also_true=also_true)


@pytest.fixture
def single() -> Features:
    return make_features(n=1)
