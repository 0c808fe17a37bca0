"""Own length equals full length where the tower is causal, and is not used where it is not."""

import logging
from collections.abc import Callable

import open_clip
import pytest
import torch

from ahnpl_cli.backbones.openclip import adapter
from ahnpl_cli.backbones.openclip.adapter import (
    OpenClipBackbone,
    difference,
    encode_own_length,
    is_causal,
)
from ahnpl_cli.data.inputs import pad, trim

Make = Callable[..., OpenClipBackbone]
TEXT = {"width": 32, "heads": 2, "layers": 2, "vocab_size": 49408}
VISION = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
TEXTS = ["a cat", "a red cube left of a blue ball", "word " * 100]


def tower(**text: object) -> open_clip.CustomTextCLIP:
    torch.manual_seed(0)
    return open_clip.CustomTextCLIP(
        embed_dim=16, vision_cfg=VISION, text_cfg={**TEXT, **text}
    ).eval()


def test_trim_cuts_columns_that_are_zero_in_every_row() -> None:
    tokens = torch.tensor([[5, 0, 7, 0, 0], [5, 6, 0, 0, 0]])
    assert trim(tokens, 0).tolist() == [[5, 0, 7], [5, 6, 0]]
    assert pad(trim(tokens, 0), 5, 0).tolist() == tokens.tolist()


def test_trim_keeps_one_column_of_nothing() -> None:
    assert trim(torch.zeros(2, 4, dtype=torch.long), 0).shape == (2, 1)


@pytest.mark.parametrize(
    "text",
    [
        {},
        {"layers": 1},
        {"proj_bias": True},
        {"proj_type": "none"},
        {"pool_type": "eos", "eos_id": 49407},
        {"ls_init_value": 0.5},
        {"qk_norm": True, "block_type": "custom"},
    ],
)
def test_own_length_is_exact_for_towers_with_a_causal_mask(text: dict[str, object]) -> None:
    module = tower(**text)
    tokens = open_clip.SimpleTokenizer()(TEXTS)
    assert is_causal(module)
    assert difference(module, tokens, 0) < 1e-6
    with torch.no_grad():
        short = encode_own_length(module, trim(tokens[:1], 0))
        full = module.encode_text(tokens[:1])
    assert (short - full).abs().max() < 1e-5


def test_gradients_at_own_length_are_those_at_full_length() -> None:
    module = tower()
    tokens = open_clip.SimpleTokenizer()(TEXTS)
    gradients = []
    for features in (encode_own_length(module, trim(tokens, 0)), module.encode_text(tokens)):
        module.zero_grad()
        features.square().sum().backward()
        named = module.text.named_parameters()
        gradients.append({name: p.grad.clone() for name, p in named if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        scale = gradients[1][name].abs().max()
        assert (gradient - gradients[1][name]).abs().max() <= 1e-4 * scale + 1e-8, name


def test_gradient_checkpointing_changes_nothing() -> None:
    module = tower()
    tokens = trim(open_clip.SimpleTokenizer()(TEXTS), 0)
    expected = encode_own_length(module, tokens)
    module.set_grad_checkpointing(True)
    assert (encode_own_length(module, tokens) - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    "text",
    [
        {"no_causal_mask": True},
        {"pool_type": "last"},
        {"pool_type": "first"},
        {"embed_cls": True},
    ],
)
def test_other_towers_are_not_cut(text: dict[str, object]) -> None:
    assert not is_causal(tower(**text))


def test_a_tower_without_causal_mask_is_padded_and_that_is_said(
    make_tiny: Make, caplog: pytest.LogCaptureFixture
) -> None:
    backbone = make_tiny()
    backbone.module = tower(no_causal_mask=True)
    tokens = backbone.tokenize(TEXTS[:2])
    with torch.no_grad():
        found = backbone.encode_text(tokens)
        full = backbone.module.encode_text(backbone._tokenizer(TEXTS[:2]), normalize=True)  # type: ignore[operator]
    assert torch.equal(found, full)
    backbone.encode_text(tokens)
    assert caplog.messages == [
        "The text tower of tiny is not causal: texts are padded to 77 tokens, which is slow."
    ]


def test_a_tower_that_differs_at_its_own_length_is_padded_and_that_is_said(
    make_tiny: Make, caplog: pytest.LogCaptureFixture
) -> None:
    backbone = make_tiny()
    # Padding now speaks to every token: a mask that hides nothing.
    backbone.module.attn_mask = torch.zeros(77, 77)
    with torch.no_grad():
        found = backbone.encode_text(backbone.tokenize(TEXTS[:2]))
        full = backbone.module.encode_text(backbone._tokenizer(TEXTS[:2]), normalize=True)  # type: ignore[operator]
    assert torch.equal(found, full)
    assert len(caplog.messages) == 1
    assert "at their own length features differ by" in caplog.messages[0]


def test_a_causal_tower_is_checked_once_and_nothing_is_said(
    make_tiny: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    calls: list[int] = []
    original = adapter.difference
    monkeypatch.setattr(adapter, "difference", lambda *a: (calls.append(1), original(*a))[1])
    backbone = make_tiny()
    for _ in range(3):
        backbone.encode_text(backbone.tokenize(TEXTS))
    assert (len(calls), caplog.messages) == (1, [])
