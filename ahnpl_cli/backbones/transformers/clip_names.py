"""The weights of CLIP under OpenAI's names, which are open_clip's, and under transformers'."""

from __future__ import annotations

import re

import torch
from torch import Tensor

# OpenAI's beginning of a name, and transformers'; what follows stays.
_PREFIXES = (
    ("visual.class_embedding", "vision_model.embeddings.class_embedding"),
    ("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
    ("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    ("visual.ln_pre.", "vision_model.pre_layrnorm."),
    ("visual.ln_post.", "vision_model.post_layernorm."),
    ("visual.transformer.resblocks.", "vision_model.encoder.layers."),
    ("visual.proj", "visual_projection.weight"),
    ("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
    ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
    ("transformer.resblocks.", "text_model.encoder.layers."),
    ("ln_final.", "text_model.final_layer_norm."),
    ("text_projection", "text_projection.weight"),
    ("logit_scale", "logit_scale"),
)
# Within a layer.
_INSIDE = (
    ("ln_1.", "layer_norm1."),
    ("ln_2.", "layer_norm2."),
    ("attn.out_proj.", "self_attn.out_proj."),
    ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."),
)
# Stored as x W by OpenAI and as W x by transformers.
_TRANSPOSED = {
    "visual.proj": "visual_projection.weight",
    "text_projection": "text_projection.weight",
}
_PACKED = re.compile(r"attn\.in_proj_(weight|bias)$")
_PARTS = ("q_proj", "k_proj", "v_proj")
_PART = re.compile(r"self_attn\.q_proj\.(weight|bias)$")


def transformers_name(name: str) -> str | None:
    """Return transformers' name of a weight, or None if CLIPModel has no place for it."""
    for ours, theirs in _PREFIXES:
        if name == ours or (ours.endswith(".") and name.startswith(ours)):
            moved = theirs + name.removeprefix(ours)
            for inside, within in _INSIDE:
                moved = moved.replace(f".{inside}", f".{within}")
            return moved
    return None


def split_packed(name: str, packed: Tensor) -> dict[str, Tensor]:
    """Return queries', keys' and values' parts of a packed projection, by transformers' names."""
    moved = transformers_name(name) or name
    match = _PACKED.search(moved)
    assert match is not None
    stem = moved[: match.start()]
    parts = zip(_PARTS, packed.chunk(3), strict=True)
    return {f"{stem}self_attn.{part}.{match[1]}": rows for part, rows in parts}


def is_packed(name: str) -> bool:
    """Whether a weight of OpenAI's holds queries', keys' and values' projections in one."""
    return _PACKED.search(name) is not None


def to_transformers(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Return weights under transformers' names, and the names that CLIPModel has no place for."""
    moved: dict[str, Tensor] = {}
    homeless: list[str] = []
    for name, weight in weights.items():
        theirs = transformers_name(name)
        if is_packed(name):
            moved |= split_packed(name, weight)
        elif theirs is None:
            homeless.append(name)
        else:
            moved[theirs] = weight.T if name in _TRANSPOSED else weight
    return moved, homeless


def to_openai(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return CLIPModel's weights under OpenAI's names."""
    moved: dict[str, Tensor] = {}
    for name, weight in weights.items():
        match = _PART.search(name)
        if match is not None:
            parts = [weights[name.replace("q_proj", part)] for part in _PARTS]
            stem = _openai_name(name[: match.start()])
            moved[f"{stem}attn.in_proj_{match[1]}"] = torch.cat(parts)
        elif "k_proj" not in name and "v_proj" not in name:
            ours = _openai_name(name)
            moved[ours] = weight.T if ours in _TRANSPOSED else weight
    return moved


def _openai_name(name: str) -> str:
    for ours, theirs in _PREFIXES:
        if name == theirs or (theirs.endswith(".") and name.startswith(theirs)):
            moved = ours + name.removeprefix(theirs)
            for inside, within in _INSIDE:
                moved = moved.replace(f".{within}", f".{inside}")
            return moved
    raise KeyError(name)
