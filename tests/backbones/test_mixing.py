"""Weights between two models: the factors of WiSE-FT and LiNeS, and how deep a weight lies."""

from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.mixing import interpolate, layer_depths, lines, wise_ft

START = {"w": torch.tensor([0.0, 4.0]), "count": torch.tensor(3)}
TRAINED = {"w": torch.tensor([8.0, 0.0]), "count": torch.tensor(7)}


@pytest.mark.parametrize(
    ("factor", "expected"), [(0.0, [0.0, 4.0]), (0.25, [2.0, 3.0]), (1.0, [8.0, 0.0])]
)
def test_wise_ft_takes_one_factor_for_every_weight(factor: float, expected: list[float]) -> None:
    mixed = interpolate(START, TRAINED, wise_ft(factor))
    assert mixed["w"].tolist() == expected
    # Batch norm counts in integers, which have no middle.
    assert mixed["count"].item() == 7
    assert START["w"].tolist() == [0.0, 4.0]


@pytest.mark.parametrize(("depth", "factor"), [(0.0, 0.2), (0.5, 0.6), (1.0, 1.0)])
def test_lines_goes_from_its_factor_to_one(depth: float, factor: float) -> None:
    assert lines({"w": depth}, 0.2)("w") == pytest.approx(factor)


def test_layers_of_an_open_clip_transformer(tiny_model_folder: Path) -> None:
    backbone = load_backbone(checkpoint=tiny_model_folder, device="cpu")
    depths = layer_depths(backbone.module.state_dict(), backbone.tower_of)
    assert depths["token_embedding.weight"] == 0
    assert depths["visual.conv1.weight"] == 0
    blocks = len(backbone.module.transformer.resblocks)
    for block in range(blocks):
        name = f"transformer.resblocks.{block}.mlp.c_fc.weight"
        assert depths[name] == pytest.approx((block + 1) / (blocks + 1))
    for name in ("text_projection", "visual.proj", "logit_scale", "ln_final.weight"):
        assert depths[name] == 1


def test_layers_of_a_resnet() -> None:
    config = {"layers": (1, 2, 1, 1), "width": 8, "head_width": 8, "image_size": 32}
    text = {"context_length": 8, "vocab_size": 20, "width": 8, "heads": 1, "layers": 1}
    model = open_clip.CLIP(8, config, text)
    depths = layer_depths(model.state_dict(), lambda name: name.split(".")[0])
    assert depths["visual.bn1.running_mean"] == 0
    of_blocks = [depths[f"visual.layer{k}.conv1.weight"] for k in ("1.0", "2.0", "2.1", "4.0")]
    assert of_blocks == pytest.approx([1 / 6, 2 / 6, 3 / 6, 5 / 6])
    # It is called an embedding and lies in the last pooling.
    assert depths["visual.attnpool.positional_embedding"] == 1


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_layers_of_transformers(transformers_folder: Callable[[str], Path], kind: str) -> None:
    backbone = load_backbone(checkpoint=transformers_folder(kind), device="cpu")
    depths = layer_depths(backbone.module.state_dict(), backbone.tower_of)
    assert depths["text_model.embeddings.token_embedding.weight"] == 0
    assert depths["vision_model.embeddings.patch_embedding.weight"] == 0
    first = depths["vision_model.encoder.layers.0.mlp.fc1.weight"]
    assert 0 < first < 1
    assert depths["logit_scale"] == 1
    behind = "vision_model.post_layernorm.weight"
    assert depths[behind] == 1
