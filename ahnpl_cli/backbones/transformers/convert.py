"""An open_clip model as transformers' CLIPModel, with its tokenizer and image processor."""

from __future__ import annotations

from typing import Any

import open_clip
import transformers
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from PIL import Image
from torch import Tensor

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.transformers.adapter import TransformersBackbone
from ahnpl_cli.backbones.transformers.clip_names import to_transformers
from ahnpl_cli.backbones.transformers.pretrained import quiet
from ahnpl_cli.errors import ModelError

_HINT = "Only CLIP with a ViT and CLIP's own text tower has such a form."
_RESAMPLE = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}
# The names of CLIP's own tokens in transformers.
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"


def openai_weights(backbone: OpenClipBackbone) -> dict[str, Tensor]:
    """Return an open_clip model's weights under OpenAI's names."""
    state = backbone.module.state_dict()
    return {name.removeprefix("text."): weight.detach().cpu() for name, weight in state.items()}


def as_transformers(
    backbone: Backbone, weights: dict[str, Tensor] | None = None
) -> TransformersBackbone:
    """Return a model as one of transformers'; one that is already, as it is.

    Args:
        backbone: any dual encoder.
        weights: other weights under OpenAI's names, for the same architecture.

    Raises:
        ModelError: transformers' CLIPModel has no place for some of it.
    """
    if isinstance(backbone, TransformersBackbone):
        return backbone
    assert isinstance(backbone, OpenClipBackbone)
    model, preprocess = backbone.config["model_cfg"], backbone.config["preprocess_cfg"]
    module: Any = transformers.CLIPModel(_configuration(model, backbone))
    moved, homeless = to_transformers(openai_weights(backbone) if weights is None else weights)
    if homeless:
        what = f"transformers' CLIPModel has no place for {homeless[0]}"
        raise ModelError(what, where=backbone.info.name, hint=_HINT)
    try:
        module.load_state_dict(moved)
    except RuntimeError as error:
        what = "its weights do not fill transformers' CLIPModel"
        raise ModelError(what, where=backbone.info.name, hint=_HINT) from error
    return TransformersBackbone(
        module.eval().to(backbone.device),
        tokenizer=_tokenizer(backbone),
        image_processor=_image_processor(preprocess, backbone.info.name),
        name=backbone.info.name,
        architecture="CLIPModel",
        source=backbone.info.source,
    )


def _configuration(model: dict[str, Any], backbone: OpenClipBackbone) -> Any:
    """Return transformers' configuration of a `model_cfg`.

    Raises:
        ModelError: the towers are of other kinds.
    """
    vision = CLIPVisionCfg(**model["vision_cfg"])
    text = CLIPTextCfg(**model["text_cfg"])
    plain = isinstance(vision.layers, int) and not (vision.timm_model_name or text.hf_model_name)
    if not plain or backbone.loss_family != "softmax":
        what = "transformers' CLIPModel cannot hold it"
        raise ModelError(what, where=backbone.info.name, hint=_HINT)
    activation = "quick_gelu" if model["quick_gelu"] else "gelu"
    tokenizer = _tokenizer(backbone)
    return transformers.CLIPConfig(
        projection_dim=model["embed_dim"],
        vision_config={
            "hidden_size": vision.width,
            "intermediate_size": int(vision.width * vision.mlp_ratio),
            "num_hidden_layers": vision.layers,
            "num_attention_heads": vision.width // vision.head_width,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "hidden_act": activation,
        },
        text_config={
            "hidden_size": text.width,
            "intermediate_size": int(text.width * text.mlp_ratio),
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "max_position_embeddings": text.context_length,
            "vocab_size": text.vocab_size,
            "hidden_act": activation,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
    )


def _tokenizer(backbone: OpenClipBackbone) -> Any:
    simple = backbone.tokenizer
    if not isinstance(simple, open_clip.SimpleTokenizer):
        return simple.tokenizer  # type: ignore[attr-defined]  # open_clip's wrapper of transformers'.
    vocabulary = dict(simple.encoder)
    for ours, theirs in (("<start_of_text>", _BEGIN), ("<end_of_text>", _END)):
        vocabulary[theirs] = vocabulary.pop(ours)
    return transformers.CLIPTokenizer(
        vocab=vocabulary,
        merges=list(simple.bpe_ranks),
        bos_token=_BEGIN,
        eos_token=_END,
        unk_token=_END,
        pad_token=_END,
        model_max_length=backbone.info.context_length,
    )


def _image_processor(preprocess: dict[str, Any], name: str) -> Any:
    """Return CLIP's image processor for a `preprocess_cfg`.

    Raises:
        ModelError: it resizes as CLIP's cannot.
    """
    size = preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size
    square = {"height": height, "width": width}
    mode = preprocess.get("resize_mode", "shortest")
    resample = _RESAMPLE.get(preprocess.get("interpolation", "bicubic"))
    if mode not in ("shortest", "squash") or resample is None:
        raise ModelError("CLIP's image processor cannot resize as it does", where=name)
    cropped = {"size": {"shortest_edge": min(height, width)}, "crop_size": square}
    squashed = {"size": square, "do_center_crop": False}
    with quiet():
        return transformers.CLIPImageProcessor(
            **(cropped if mode == "shortest" else squashed),
            resample=resample,
            image_mean=list(preprocess["mean"]),
            image_std=list(preprocess["std"]),
        )
