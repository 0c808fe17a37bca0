"""What every backbone must do, held against each one in the catalog."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from ahnpl_cli.backbones import EMBEDDED, LIBRARIES
from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.checkpoint import save_checkpoint
from ahnpl_cli.backbones.load import load_backbone

TEXTS = ["a cat", "a red cube left of a blue ball on the long wooden table", ""]


@pytest.fixture(scope="module", params=[*LIBRARIES, *EMBEDDED])
def backbone(request: pytest.FixtureRequest, tiny_model_folder: Path) -> Iterator[Backbone]:
    """Each backbone, loaded by its name; open_clip's is given a folder for want of weights."""
    name = str(tiny_model_folder) if request.param == "open_clip" else request.param
    loaded = load_backbone(model=name, device="cpu")
    yield loaded
    loaded.module.zero_grad()


@pytest.fixture
def images(backbone: Backbone) -> torch.Tensor:
    colours = ("red", "green", "blue")
    return torch.stack([backbone.preprocess(Image.new("RGB", (70, 50), c)) for c in colours])


def test_info_says_what_a_report_needs(backbone: Backbone) -> None:
    info = backbone.info
    assert info.activation in ("quick_gelu", "gelu")
    assert len(info.weights_sha256) == 64
    assert json.loads(info.preprocess)["size"] == info.image_size
    assert info.name
    assert info.source


def test_an_image_becomes_a_square_of_the_models_size(images: torch.Tensor) -> None:
    assert images.dtype == torch.float32
    assert images.shape[1] == 3
    assert images.shape[2] == images.shape[3]


def test_tokens_are_cut_at_the_longest_text(backbone: Backbone) -> None:
    tokens = backbone.tokenize(TEXTS)
    assert tokens.dtype == torch.int64
    assert tokens.shape[0] == 3
    assert backbone.tokenize(TEXTS[:1]).shape[1] <= tokens.shape[1] <= backbone.info.context_length
    assert backbone.tokenize(["word " * 500]).shape[1] == backbone.info.context_length


def test_features_are_unit_length_float32(backbone: Backbone, images: torch.Tensor) -> None:
    for found in (backbone.encode_image(images), backbone.encode_text(backbone.tokenize(TEXTS))):
        assert found.shape == (3, backbone.info.embed_dim)
        assert found.dtype == torch.float32
        assert torch.allclose(found.norm(dim=-1), torch.ones(3), atol=1e-5)


def test_a_text_has_the_same_feature_alone_and_in_a_batch_of_longer_ones(
    backbone: Backbone,
) -> None:
    together = backbone.encode_text(backbone.tokenize(TEXTS))
    for text, row in zip(TEXTS, together, strict=True):
        alone = backbone.encode_text(backbone.tokenize([text]))[0]
        assert (alone - row).abs().max() < 1e-5


def test_every_weight_that_makes_features_gets_a_gradient(
    backbone: Backbone, images: torch.Tensor
) -> None:
    backbone.module.zero_grad()
    text = backbone.encode_text(backbone.tokenize(TEXTS))
    (backbone.logit_scale * backbone.encode_image(images) @ text.T).square().sum().backward()
    without = [name for name, p in backbone.module.named_parameters() if p.grad is None]
    assert without == []


def test_bfloat16_autocast_gives_float32_features_that_are_close(
    backbone: Backbone, images: torch.Tensor
) -> None:
    tokens = backbone.tokenize(TEXTS)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        text, picture = backbone.encode_text(tokens), backbone.encode_image(images)
    with torch.no_grad():
        exact_text, exact_picture = backbone.encode_text(tokens), backbone.encode_image(images)
    for rough, exact in ((text, exact_text), (picture, exact_picture)):
        assert rough.dtype == torch.float32
        assert ((rough * exact).sum(dim=-1) > 0.99).all()


def test_logit_scale_is_a_positive_scalar_with_gradient(backbone: Backbone) -> None:
    assert backbone.logit_scale.shape == ()
    assert backbone.logit_scale.item() > 0
    assert backbone.logit_scale.requires_grad


def test_every_parameter_belongs_to_a_tower_or_to_both(backbone: Backbone) -> None:
    towers = {name: backbone.tower_of(name) for name, _ in backbone.module.named_parameters()}
    assert set(towers.values()) == {"image", "text", "shared"}
    shared = [name for name, tower in towers.items() if tower == "shared"]
    # Temperature and, for a sigmoid model, the bias.
    assert len(shared) == (1 if backbone.logit_bias is None else 2)


def test_the_loss_family_goes_with_the_bias(backbone: Backbone) -> None:
    assert backbone.loss_family == ("softmax" if backbone.logit_bias is None else "sigmoid")


def test_low_rank_targets_are_matrices_of_both_towers(backbone: Backbone) -> None:
    targets = backbone.low_rank_targets()
    assert targets
    assert all(backbone.module.get_parameter(name).ndim == 2 for name in targets)


def test_padding_stands_behind_the_shorter_text(backbone: Backbone) -> None:
    tokens = backbone.tokenize(TEXTS)
    assert (tokens[0, -1] == backbone.pad_id).all()
    assert (tokens[1] != backbone.pad_id).all()


def test_the_scale_is_clamped_to_both_ends(backbone: Backbone) -> None:
    model = backbone.clone()
    before = model.logit_scale.item()
    model.clamp_logit_scale(before / 4, before / 2)
    assert model.logit_scale.item() == pytest.approx(before / 2)
    model.clamp_logit_scale(before, before * 2)
    assert model.logit_scale.item() == pytest.approx(before)


def test_a_clone_has_weights_of_its_own(backbone: Backbone, images: torch.Tensor) -> None:
    twin = backbone.clone()
    assert twin.info == backbone.info
    with torch.no_grad():
        for parameter in twin.module.parameters():
            parameter.zero_()
    assert twin.info.weights_sha256 != backbone.info.weights_sha256
    assert torch.isfinite(backbone.encode_image(images)).all()


def test_what_is_saved_loads_again_and_can_be_restored(
    backbone: Backbone, images: torch.Tensor, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "saved", backbone, extra={})
    loaded = load_backbone(checkpoint=tmp_path / "saved", device="cpu")
    assert loaded.info.weights_sha256 == backbone.info.weights_sha256
    assert loaded.library == backbone.library
    changed = loaded.clone()
    with torch.no_grad():
        for parameter in changed.module.parameters():
            parameter.mul_(0.5)
    changed.restore(tmp_path / "saved")
    assert changed.info.weights_sha256 == backbone.info.weights_sha256


def test_gradient_checkpointing_changes_no_feature(
    backbone: Backbone, images: torch.Tensor
) -> None:
    model = backbone.clone()
    plain = model.encode_text(model.tokenize(TEXTS)), model.encode_image(images)
    model.set_gradient_checkpointing(True)
    checkpointed = model.encode_text(model.tokenize(TEXTS)), model.encode_image(images)
    for before, after in zip(plain, checkpointed, strict=True):
        torch.testing.assert_close(before, after, atol=1e-4, rtol=0)


def test_the_device_is_told(backbone: Backbone) -> None:
    assert backbone.device == "cpu"
