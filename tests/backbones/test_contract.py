"""What every backbone must do, held against each one in the catalog."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from ahnpl_cli.backbones import EMBEDDED, LIBRARIES
from ahnpl_cli.backbones.base import Backbone, save_checkpoint
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.data.inputs import Pixels, count, stack

KINDS = ["clip", "siglip", "siglip2"]
TEXTS = ["a cat", "a red cube left of a blue ball on the long wooden table", ""]


@pytest.fixture(scope="module", params=["open_clip", "sigmoid", *KINDS, *EMBEDDED])
def backbone(
    request: pytest.FixtureRequest,
    tiny_model_folder: Path,
    sigmoid_model_folder: Path,
    transformers_folder: Callable[[str], Path],
) -> Iterator[Backbone]:
    """One backbone of each kind, from a folder where there are no weights to be had by name."""
    kind = request.param
    folders = {"open_clip": tiny_model_folder, "sigmoid": sigmoid_model_folder}
    if kind in folders:
        kind = str(folders[kind])
    elif kind in KINDS:
        kind = str(transformers_folder(kind))
    loaded = load_backbone(model=kind, device="cpu")
    yield loaded
    loaded.module.zero_grad()


@pytest.fixture
def images(backbone: Backbone) -> Pixels:
    sizes = {"red": (70, 50), "green": (50, 70), "blue": (60, 60)}
    return stack([backbone.preprocess(Image.new("RGB", sizes[c], c)) for c in sizes])


def test_every_library_is_held_to_the_contract() -> None:
    assert set(LIBRARIES) == {"open_clip", "transformers"}


def test_info_says_what_a_report_needs(backbone: Backbone) -> None:
    info = backbone.info
    assert info.activation in ("quick_gelu", "gelu", "gelu_pytorch_tanh")
    assert len(info.weights_sha256) == 64
    assert json.loads(info.preprocess)["size"] == info.image_size
    assert info.name
    assert info.source


def test_images_of_any_shape_become_one_batch(backbone: Backbone, images: Pixels) -> None:
    assert count(images) == 3
    if isinstance(images, torch.Tensor):
        side = backbone.info.image_size
        assert images.dtype == torch.float32
        assert images.shape == (3, 3, side, side)
    else:
        assert images["pixel_values"].dtype == torch.float32


def test_tokens_are_cut_at_the_longest_text(backbone: Backbone) -> None:
    tokens = backbone.tokenize(TEXTS)
    assert tokens.dtype == torch.int64
    assert tokens.shape[0] == 3
    assert backbone.tokenize(TEXTS[:1]).shape[1] <= tokens.shape[1] <= backbone.info.context_length
    longest = backbone.tokenize(["word " * 500]).shape[1]
    # Where texts are padded with the token that ends them, it is cut off and padded on again.
    assert backbone.info.context_length - longest in (0, 1)


def test_features_are_unit_length_float32(backbone: Backbone, images: Pixels) -> None:
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
    backbone: Backbone, images: Pixels
) -> None:
    backbone.module.zero_grad()
    text = backbone.encode_text(backbone.tokenize(TEXTS))
    logits = backbone.logit_scale * backbone.encode_image(images) @ text.T
    bias = 0.0 if backbone.logit_bias is None else backbone.logit_bias
    (logits + bias).square().sum().backward()
    without = [name for name, p in backbone.module.named_parameters() if p.grad is None]
    assert without == []


def test_bfloat16_autocast_gives_float32_features_that_are_close(
    backbone: Backbone, images: Pixels
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


def test_a_clone_has_weights_of_its_own(backbone: Backbone, images: Pixels) -> None:
    twin = backbone.clone()
    assert twin.info == backbone.info
    with torch.no_grad():
        for parameter in twin.module.parameters():
            parameter.zero_()
    assert twin.info.weights_sha256 != backbone.info.weights_sha256
    assert torch.isfinite(backbone.encode_image(images)).all()


def test_what_is_saved_loads_again_and_can_be_restored(
    backbone: Backbone, images: Pixels, tmp_path: Path
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


def test_gradient_checkpointing_changes_no_feature(backbone: Backbone, images: Pixels) -> None:
    model = backbone.clone()
    plain = model.encode_text(model.tokenize(TEXTS)), model.encode_image(images)
    model.set_gradient_checkpointing(True)
    checkpointed = model.encode_text(model.tokenize(TEXTS)), model.encode_image(images)
    for before, after in zip(plain, checkpointed, strict=True):
        torch.testing.assert_close(before, after, atol=1e-4, rtol=0)


def test_the_device_is_told(backbone: Backbone) -> None:
    assert backbone.device == "cpu"
