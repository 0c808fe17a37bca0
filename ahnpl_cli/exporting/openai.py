"""A state dict in OpenAI's names, as `clip.load` of openai/CLIP and most CLIP code read it."""

from __future__ import annotations

from pathlib import Path

import torch
from open_clip.model import (
    CLIPTextCfg,
    CLIPVisionCfg,
    build_model_from_openai_state_dict,
)
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.transformers.adapter import TransformersBackbone
from ahnpl_cli.backbones.transformers.clip_names import to_openai
from ahnpl_cli.backbones.transformers.convert import openai_weights
from ahnpl_cli.errors import ModelError
from ahnpl_cli.exporting.parity import compare
from ahnpl_cli.files import disk_errors

WEIGHTS = "clip.pt"
# OpenAI's code divides every tower's width by this to get its heads.
HEAD_WIDTH = 64


def _weights(backbone: Backbone) -> dict[str, Tensor]:
    if isinstance(backbone, TransformersBackbone):
        return to_openai(backbone.module.state_dict())
    assert isinstance(backbone, OpenClipBackbone)
    return openai_weights(backbone)


def _check(backbone: Backbone) -> None:
    """Return if OpenAI's code can build such a model.

    Raises:
        ModelError: it cannot.
    """
    name = backbone.info.name
    if backbone.loss_family != "softmax":
        raise ModelError("OpenAI's names have no place for a sigmoid model's bias", where=name)
    if backbone.info.activation != "quick_gelu":
        activation = backbone.info.activation
        what = f"OpenAI's code always computes quick_gelu, and this model has {activation}"
        raise ModelError(what, where=name, hint="Export it --to transformers.")
    if not _has_openai_heads(backbone):
        what = f"OpenAI's code takes attention heads of {HEAD_WIDTH}, and this model has others"
        raise ModelError(what, where=name, hint="Export it --to transformers.")


def _has_openai_heads(backbone: Backbone) -> bool:
    if isinstance(backbone, TransformersBackbone):
        towers = (backbone.config.vision_config, backbone.config.text_config)
        return all(t.hidden_size == HEAD_WIDTH * t.num_attention_heads for t in towers)
    assert isinstance(backbone, OpenClipBackbone)
    model = backbone.config["model_cfg"]
    text = CLIPTextCfg(**model["text_cfg"])
    vision = CLIPVisionCfg(**model["vision_cfg"])
    return bool(text.width == HEAD_WIDTH * text.heads and vision.head_width == HEAD_WIDTH)


def export(backbone: Backbone, folder: Path) -> dict[str, float]:
    """Write `clip.pt`, and return how far the features of OpenAI's architecture differ.

    Raises:
        ModelError: OpenAI's code has no such architecture.
    """
    _check(backbone)
    try:
        weights = {name: tensor.contiguous().cpu() for name, tensor in _weights(backbone).items()}
        module = build_model_from_openai_state_dict(dict(weights), cast_dtype=torch.float32)
    except (KeyError, RuntimeError, AttributeError) as error:
        what = "OpenAI's code has no such architecture"
        hint = f"It takes CLIP's own towers, with attention heads of {HEAD_WIDTH}."
        raise ModelError(what, where=backbone.info.name, hint=hint) from error
    # It is built in half precision; what is compared, and written, is not.
    module = module.float().eval()
    module.load_state_dict(weights)
    with disk_errors(folder / WEIGHTS):
        torch.save(weights, folder / WEIGHTS)

    def encode_texts(texts: list[str]) -> Tensor:
        tokens = backbone.tokenize(texts)
        missing = backbone.info.context_length - tokens.shape[1]
        tokens = nn.functional.pad(tokens, (0, missing), value=backbone.pad_id)
        return nn.functional.normalize(module.encode_text(tokens), dim=-1)

    def encode_image(pixels: Tensor) -> Tensor:
        return nn.functional.normalize(module.encode_image(pixels), dim=-1)

    return compare(backbone, encode_image, encode_texts)
