"""A dual encoder of transformers as a `Backbone`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
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
from ahnpl_cli.backbones.transformers.pretrained import quiet, read_module
from ahnpl_cli.data.inputs import Pixels, move, pad, trim
from ahnpl_cli.files import disk_errors
from ahnpl_cli.outputs import share

_TOWERS: dict[str, Tower] = {
    "vision_model": "image",
    "visual_projection": "image",
    "text_model": "text",
    "text_projection": "text",
}
# Attention in and out, and the two layers of the MLP, by the end of their names; the packed one is
# that of SigLIP's pooling head.
_LOW_RANK = tuple(
    f"{name}.weight" for name in ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
) + ("in_proj_weight",)
_MUCH = 10**9  # tokenizers without a limit say 10^30
WEIGHTS_FILE = "model.safetensors"


def _pooled(output: Any) -> Tensor:
    """Return features of what `get_*_features` gives: a tensor before transformers 5."""
    features: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return features


def _free_id(tokenizer: Any) -> int:
    """Return the lowest id that neither begins nor ends a text."""
    taken = {tokenizer.bos_token_id, tokenizer.eos_token_id}
    return next(number for number in range(3) if number not in taken)


def _lasting(config: Any) -> dict[str, Any]:
    """Return a configuration without what differs from one place or version to the next."""
    content: dict[str, Any] = config.to_dict()
    passing = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")
    return {name: value for name, value in content.items() if name not in passing}


class TransformersBackbone(Backbone):
    """A `Backbone` around transformers' CLIPModel, SiglipModel or Siglip2Model.

    Args:
        module: the model.
        tokenizer: its tokenizer.
        image_processor: its image processor.
        name: short name for tables.
        architecture: the model's class.
        source: where the weights came from.
    """

    def __init__(
        self,
        module: Any,
        *,
        tokenizer: Any,
        image_processor: Any,
        name: str,
        architecture: str,
        source: str,
    ) -> None:
        self.module: nn.Module = module
        self.config: Any = module.config
        self._tokenizer, self._image_processor = tokenizer, image_processor
        self._names = {"name": name, "architecture": architecture, "source": source}
        self._sha256 = WeightsHash(self.module)
        self._encoder_sha256 = encoder_sha256(_lasting(self.config), tokenizer)
        self._encodes_own_length: bool | None = None
        self._is_causal = self.config.model_type == "clip"

    @property
    def info(self) -> ModelInfo:
        """What was loaded, with the hash of the weights as they are now."""
        size = self._image_size
        processor = self._image_processor.to_dict()
        return ModelInfo(
            **self._names,
            activation=self._activation,
            weights_sha256=self._sha256(),
            encoder_sha256=self._encoder_sha256,
            preprocess=json.dumps({**processor, "size": size}, sort_keys=True, default=str),
            image_size=size,
            context_length=self._context_length,
            embed_dim=self._embed_dim,
        )

    @property
    def _activation(self) -> str:
        image = self.config.vision_config.hidden_act
        text = self.config.text_config.hidden_act
        return str(text) if image == text else f"image {image}, text {text}"

    @property
    def _image_size(self) -> int:
        """The side in pixels; with NaFlex, of a square of as many patches."""
        vision = self.config.vision_config
        patches = getattr(self._image_processor, "max_num_patches", None)
        if patches is None:
            return int(vision.image_size)
        return math.isqrt(patches) * int(vision.patch_size)

    @property
    def _context_length(self) -> int:
        positions = int(self.config.text_config.max_position_embeddings)
        limit = int(min(self._tokenizer.model_max_length, _MUCH))
        return min(positions, limit)

    @property
    def _embed_dim(self) -> int:
        text = self.config.text_config
        if hasattr(self.module, "text_projection"):
            return int(self.config.projection_dim)
        return int(getattr(text, "projection_size", None) or text.hidden_size)

    @property
    def pad_id(self) -> int:
        """Token id behind a text.

        A causal tower never sees it, and must not take it for the end of a text, with which many
        of CLIP's tokenizers pad; so there it is an id of our choice.
        """
        if self._is_causal:
            return _free_id(self._tokenizer)
        return int(self._tokenizer.pad_token_id or 0)

    @property
    def logit_scale(self) -> Tensor:
        """1/tau as a scalar with gradient."""
        return self.module.get_parameter("logit_scale").exp().reshape(())

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
        """Return the tower of a parameter; `shared` is temperature and bias."""
        return _TOWERS.get(parameter.partition(".")[0], "shared")

    def low_rank_targets(self) -> list[str]:
        """Return the names of the attention and MLP matrices of both towers."""
        return [name for name, _ in self.module.named_parameters() if name.endswith(_LOW_RANK)]

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Recompute activations in the backward pass, to save memory."""
        module: Any = self.module
        # Renamed within transformers 5; the older name warns there.
        word = "activation" if hasattr(module, "activation_checkpointing_enable") else "gradient"
        if not enabled:
            getattr(module, f"{word}_checkpointing_disable")()
            return
        how = {f"{word}_checkpointing_kwargs": {"use_reentrant": False}}
        getattr(module, f"{word}_checkpointing_enable")(**how)

    def preprocess(self, image: Image.Image) -> Pixels:
        """Return what the folder's image processor makes of an RGB image."""
        made = self._image_processor(images=image, return_tensors="pt")
        if len(made) == 1:
            pixels: Tensor = made["pixel_values"][0]
            return pixels
        return {name: tensor[0] for name, tensor in made.items()}

    def _tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return token ids as the model was trained on, padded to its context length."""
        # SigLIP's texts are padded on the side that their tokenizer says, CLIP's always behind.
        side = {"padding_side": "right"} if self._is_causal else {}
        encoded = self._tokenizer(
            list(texts),
            padding="max_length",
            max_length=self._context_length,
            truncation=True,
            return_attention_mask=True,
            return_tensors="pt",
            **side,
        )
        tokens: Tensor = encoded["input_ids"]
        return tokens.masked_fill(encoded["attention_mask"] == 0, self.pad_id)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return token ids cut at the longest text: (N, L) int64, L <= context_length."""
        return trim(self._tokenize(texts), self.pad_id)

    def encode_image(self, images: Pixels) -> Tensor:
        """Return image_features e_I (N, D) of N stacked images; differentiable."""
        moved = move(images, self.device)
        inputs = {"pixel_values": moved} if isinstance(moved, Tensor) else moved
        features = _pooled(self.module.get_image_features(**inputs))  # type: ignore[operator]
        return nn.functional.normalize(features.float(), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return text_features e_T (N, D) of tokens (N, L), at their own length; differentiable."""
        tokens = tokens.to(self.device)
        if self._encodes_own_length is None:
            self._encodes_own_length = self._check_own_length()
        if not self._encodes_own_length:
            tokens = pad(tokens, self._context_length, self.pad_id)
        return nn.functional.normalize(self._text_features(tokens).float(), dim=-1)

    def _text_features(self, tokens: Tensor) -> Tensor:
        # Without an attention mask: SigLIP was trained to see its padding, and CLIP cannot.
        return _pooled(self.module.get_text_features(input_ids=tokens))  # type: ignore[operator]

    @torch.no_grad()
    def _check_own_length(self) -> bool:
        """Compare features at own and full length once, and warn if they differ."""
        gap = None
        if self._is_causal:
            full = self._tokenize(PROBES).to(self.device)
            with torch.autocast(full.device.type, enabled=False):
                short = self._text_features(trim(full, self.pad_id))
                long = self._text_features(full)
            unit = nn.functional.normalize
            gap = float((unit(short.float(), dim=-1) - unit(long.float(), dim=-1)).abs().max())
        return is_exact_at_own_length(self._names["name"], self._context_length, gap)

    def clone(self) -> Self:
        """Return the same model with weights of its own."""
        return type(self)(
            deepcopy(self.module),
            tokenizer=self._tokenizer,
            image_processor=self._image_processor,
            **self._names,
        )

    def save(self, folder: Path) -> None:
        """Write the files that transformers' `from_pretrained` reads."""
        with disk_errors(folder / WEIGHTS_FILE), quiet():
            # One file, whatever its size.
            self.module.save_pretrained(folder, max_shard_size="1000GB")  # type: ignore[operator]
        share(folder / WEIGHTS_FILE)
        self.save_processors(folder)

    def save_processors(self, folder: Path) -> None:
        """Write the tokenizer and the image processor alone."""
        with disk_errors(folder), quiet():
            self._tokenizer.save_pretrained(folder)
            self._image_processor.save_pretrained(folder)

    def restore(self, folder: Path) -> None:
        """Take the weights that `save` wrote into a folder."""
        written = read_module(folder, type(self.module), self.config)
        self.module.load_state_dict(written.state_dict())
