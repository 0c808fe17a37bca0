"""What is trained, what decays, what is clamped."""

import math

import pytest
import torch
from torch import nn

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.training.encoders import Encoders, freeze, parameter_groups


def test_norms_biases_the_temperature_and_a_do_not_decay(tiny_backbone: OpenClipBackbone) -> None:
    a = nn.Parameter(torch.tensor(0.9))
    decayed, kept = parameter_groups(tiny_backbone.module, [a], 0.1)
    names = {id(p): name for name, p in tiny_backbone.module.named_parameters()}
    assert decayed["weight_decay"] == 0.1
    assert kept["weight_decay"] == 0.0
    assert any(p is a for p in kept["params"])
    still = {names.get(id(p), "a") for p in kept["params"]}
    assert {"a", "logit_scale", "ln_final.weight", "ln_final.bias"} <= still
    moving = {names[id(p)] for p in decayed["params"]}
    assert not [name for name in moving if name.endswith("bias") or ".ln_" in name]
    assert "token_embedding.weight" in moving
    assert len(still) + len(moving) == len(names) + 1


@pytest.mark.parametrize(("tower", "kept"), [("image", "text"), ("text", "image")])
def test_a_frozen_tower_gets_no_gradient_and_the_temperature_does(
    tiny_backbone: OpenClipBackbone, tower: str, kept: str
) -> None:
    freeze(tiny_backbone, tower)
    images, texts, scale, _ = Encoders(tiny_backbone)(
        torch.zeros(2, 3, 32, 32), [tiny_backbone.tokenize(["a", "b"])]
    )
    features = {"image": images, "text": texts}
    assert features[kept].requires_grad
    assert not features[tower].requires_grad
    assert scale.requires_grad
    tower_names = {"image": "visual.", "text": "transformer."}
    for name, parameter in tiny_backbone.module.named_parameters():
        if name.startswith(tower_names[tower]):
            assert not parameter.requires_grad
        if name.startswith(tower_names[kept]):
            assert parameter.requires_grad


def test_nothing_is_frozen_unasked(tiny_backbone: OpenClipBackbone) -> None:
    freeze(tiny_backbone, "none")
    assert all(p.requires_grad for p in tiny_backbone.module.parameters())


def test_the_temperature_stays_between_1_and_100(tiny_backbone: OpenClipBackbone) -> None:
    towers = Encoders(tiny_backbone)
    for value, want in ((9.0, math.log(100)), (-1.0, 0.0), (3.0, 3.0)):
        with torch.no_grad():
            towers.model.get_parameter("logit_scale").fill_(value)
        towers.clamp_logit_scale()
        assert towers.model.get_parameter("logit_scale").item() == pytest.approx(want)
