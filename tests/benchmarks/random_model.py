"""Models of published size with random weights: speed does not depend on what they know."""

from __future__ import annotations

import open_clip
import torch

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone

NAME = "ViT-B-32-quickgelu"


def random_backbone(device: str, name: str = NAME) -> OpenClipBackbone:
    """Return an open_clip architecture with random weights, the same at every call."""
    torch.manual_seed(0)
    module = open_clip.create_model(name).to(device).eval()
    config = open_clip.get_model_config(name)
    return OpenClipBackbone(
        module,
        config={
            "model_cfg": {**config, "quick_gelu": bool(config.get("quick_gelu"))},
            "preprocess_cfg": open_clip.get_model_preprocess_cfg(module),
        },
        tokenizer=open_clip.get_tokenizer(name),
        name=name,
        architecture=name,
        source="random",
    )
