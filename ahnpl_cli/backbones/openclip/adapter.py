"""An open_clip model as a `Backbone`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ahnpl_cli.backbones.base import (
    PROBES,
    Backbone,
    ModelInfo,
    Tower,
    WeightsHash,
    encoder_sha256,
    is_exact_at_own_length,
)
from ahnpl_cli.backbones.openclip import text_tower
from ahnpl_cli.backbones.openclip.config import CONFIG_FILE, WEIGHTS_FILE
from ahnpl_cli.data.pixels import Pixels, move
from ahnpl_cli.data.tensors import share
from ahnpl_cli.data.tokens import pad, trim
from ahnpl_cli.files import disk_errors, write_json

# Attention in and out, and the two layers of the MLP, by the end of their names.
_LOW_RANK = ("in_proj_weight", "out_proj.weight", "c_fc.weight", "c_proj.weight")
_SCALARS = ("logit_scale", "logit_bias")


class OpenClipBackbone(Backbone):
    """A `Backbone` around an open_clip model.

    Args:
        module: open_clip's CLIP or CustomTextCLIP.
        config: `model_cfg` with `quick_gelu` spelled out, and `preprocess_cfg`: what
            `open_clip_config.json` holds.
        tokenizer: open_clip's tokenizer of the model.
        name: short name for tables.
        architecture: open_clip's name, or `custom`.
        source: where the weights came from.
    """

    def __init__(
        self,
        module: Any,
        *,
        config: dict[str, Any],
        tokenizer: Callable[..., Tensor],
        name: str,
        architecture: str,
        source: str,
    ) -> None:
        self.module: nn.Module = module
        self.config = deepcopy(config)
        self._tokenizer = tokenizer
        self._names = {"name": name, "architecture": architecture, "source": source}
        self._transform = image_transform_v2(
            PreprocessCfg(**config["preprocess_cfg"]), is_train=False
        )
        self._sha256 = WeightsHash(self.module)
        self._encoder_sha256 = encoder_sha256(self.config["model_cfg"], tokenizer)
        self._encodes_own_length: bool | None = None

    @property
    def info(self) -> ModelInfo:
        """What was loaded, with the hash of the weights as they are now."""
        model = self.config["model_cfg"]
        preprocess = self.config["preprocess_cfg"]
        size = preprocess["size"]
        return ModelInfo(
            **self._names,
            activation="quick_gelu" if model["quick_gelu"] else "gelu",
            weights_sha256=self._sha256(),
            encoder_sha256=self._encoder_sha256,
            preprocess=json.dumps(preprocess, sort_keys=True),
            image_size=size if isinstance(size, int) else size[0],
            context_length=self._context_length,
            embed_dim=model["embed_dim"],
        )

    @property
    def _context_length(self) -> int:
        return int(self.config["model_cfg"]["text_cfg"].get("context_length", 77))

    @property
    def tokenizer(self) -> Callable[..., Tensor]:
        """open_clip's tokenizer, for exports."""
        return self._tokenizer

    @property
    def pad_id(self) -> int:
        """Token id behind a text; open_clip's own tokenizer has none and fills with 0."""
        wrapped = getattr(self._tokenizer, "tokenizer", None)
        return int(getattr(wrapped, "pad_token_id", None) or 0)

    @property
    def logit_scale(self) -> Tensor:
        """1/tau as a scalar with gradient."""
        scale: Tensor = self.module.get_parameter("logit_scale").exp()
        return scale.reshape(())

    @property
    def logit_bias(self) -> Tensor | None:
        """What a sigmoid model adds to its logits, a scalar with gradient; None without."""
        bias = getattr(self.module, "logit_bias", None)
        return bias.reshape(()) if isinstance(bias, Tensor) else None

    @torch.no_grad()
    def clamp_logit_scale(self, low: float, high: float) -> None:
        """Keep 1/tau between `low` and `high`; the parameter is its logarithm."""
        self.module.get_parameter("logit_scale").clamp_(math.log(low), math.log(high))

    def tower_of(self, parameter: str) -> Tower:
        """Return the tower of a parameter; everything that is not `visual` is the text tower's."""
        if parameter in _SCALARS:
            return "shared"
        return "image" if parameter.startswith("visual.") else "text"

    def low_rank_targets(self) -> list[str]:
        """Return the names of the attention and MLP matrices of both towers."""
        return [name for name, _ in self.module.named_parameters() if name.endswith(_LOW_RANK)]

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Recompute activations in the backward pass, to save memory."""
        self.module.set_grad_checkpointing(enabled)  # type: ignore[operator]

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the validation transform of an RGB image: (3, H, W) float32."""
        pixels: Tensor = self._transform(image)
        return pixels

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return token ids cut at the longest text: (N, L) int64, L <= context_length."""
        return trim(self._tokenizer(list(texts)), self.pad_id)

    def encode_image(self, images: Pixels) -> Tensor:
        """Return image_features e_I (N, D) of images (N, 3, H, W); differentiable."""
        features: Tensor = self.module.encode_image(move(images, self.device))  # type: ignore[operator]
        return nn.functional.normalize(features.float(), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return text_features e_T (N, D) of tokens (N, L), at their own length; differentiable."""
        tokens = tokens.to(self.device)
        if self._encodes_own_length is None:
            self._encodes_own_length = self._check_own_length()
        if self._encodes_own_length:
            features = text_tower.encode_own_length(self.module, tokens)
        else:
            tokens = pad(tokens, self._context_length, self.pad_id)
            features = self.module.encode_text(tokens)  # type: ignore[operator]
        return nn.functional.normalize(features.float(), dim=-1)

    def _check_own_length(self) -> bool:
        """Compare features at own and full length once, and warn if they differ."""
        gap = None
        if text_tower.is_causal(self.module):
            tokens = self._tokenizer(list(PROBES)).to(self.device)
            gap = text_tower.difference(self.module, tokens, self.pad_id)
        return is_exact_at_own_length(self._names["name"], self._context_length, gap)

    def clone(self) -> Self:
        """Return the same model with weights of its own."""
        return type(self)(
            deepcopy(self.module), config=self.config, tokenizer=self._tokenizer, **self._names
        )

    def save(self, folder: Path) -> None:
        """Write the files that `open_clip.create_model("local-dir:FOLDER")` reads."""
        write_json(folder / CONFIG_FILE, self.config, indent=2, sort_keys=True)
        weights = {name: t.detach().cpu() for name, t in self.module.state_dict().items()}
        # safetensors refuses tensors that share memory, so each is copied.
        whole = {name: tensor.contiguous().clone() for name, tensor in weights.items()}
        with disk_errors(folder / WEIGHTS_FILE):
            save_file(whole, folder / WEIGHTS_FILE, metadata={"format": "pt"})
        share(folder / WEIGHTS_FILE)
        if hasattr(self._tokenizer, "save_pretrained"):
            self._tokenizer.save_pretrained(folder)  # open_clip looks for it nowhere else.

    def restore(self, folder: Path) -> None:
        """Take the weights that `save` wrote into a folder."""
        self.module.load_state_dict(load_file(folder / WEIGHTS_FILE))
