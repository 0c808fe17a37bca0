"""open_clip models as backbones."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch import Tensor, nn

from ahnpl_cli.backbones import text_tower
from ahnpl_cli.backbones.base import Activation, ModelInfo

logger = logging.getLogger(__name__)

# Texts of different lengths, to compare features at own and at full length.
PROBES = ("a cat", "a red cube left of a blue ball on a table, and two dogs asleep behind it")


def weights_sha256(module: nn.Module) -> str:
    """Return a hash over names, types, shapes and bytes of every weight, in order of name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


class OpenClipBackbone:
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
        self.tokenizer = tokenizer
        self._named = {"name": name, "architecture": architecture, "source": source}
        self._transform = image_transform_v2(
            PreprocessCfg(**config["preprocess_cfg"]), is_train=False
        )
        self._info: tuple[int, ModelInfo] | None = None
        self._own_length: bool | None = None

    @property
    def info(self) -> ModelInfo:
        """What was loaded, with the hash of the weights as they are now."""
        # Each change in place, such as an optimizer's step, counts a tensor's version up.
        version = sum(tensor._version for tensor in self.module.state_dict().values())
        if self._info is None or self._info[0] != version:
            self._info = version, self._describe()
        return self._info[1]

    def _describe(self) -> ModelInfo:
        model = self.config["model_cfg"]
        preprocess = self.config["preprocess_cfg"]
        size = preprocess["size"]
        activation: Activation = "quick_gelu" if model["quick_gelu"] else "gelu"
        return ModelInfo(
            **self._named,
            activation=activation,
            weights_sha256=weights_sha256(self.module),
            preprocess=json.dumps(preprocess, sort_keys=True),
            image_size=size if isinstance(size, int) else size[0],
            context_length=self._context_length,
            embed_dim=model["embed_dim"],
        )

    @property
    def _context_length(self) -> int:
        return int(self.config["model_cfg"]["text_cfg"].get("context_length", 77))

    @property
    def device(self) -> str:
        """Where the module is."""
        return str(next(self.module.parameters()).device)

    @property
    def logit_scale(self) -> Tensor:
        """1/tau as a scalar with gradient."""
        scale: Tensor = self.module.get_parameter("logit_scale").exp()
        return scale.reshape(())

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the validation transform of an RGB image: (3, H, W) float32."""
        pixels: Tensor = self._transform(image)
        return pixels

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return token ids cut at the longest text: (N, L) int64, L <= context_length."""
        return text_tower.trim(self.tokenizer(list(texts)))

    def encode_image(self, images: Tensor) -> Tensor:
        """Return image_features e_I (N, D) of images (N, 3, H, W); differentiable."""
        features: Tensor = self.module.encode_image(images.to(self.device))  # type: ignore[operator]
        return nn.functional.normalize(features.float(), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return text_features e_T (N, D) of tokens (N, L), at their own length; differentiable."""
        tokens = tokens.to(self.device)
        if self._own_length is None:
            self._own_length = self._check_own_length()
        if self._own_length:
            features = text_tower.encode_own_length(self.module, tokens)
        else:
            tokens = text_tower.pad(tokens, self._context_length)
            features = self.module.encode_text(tokens)  # type: ignore[operator]
        return nn.functional.normalize(features.float(), dim=-1)

    def _check_own_length(self) -> bool:
        """Compare features at own and full length once, and say so if they differ."""
        if not text_tower.is_causal(self.module):
            logger.warning(
                "The text tower of %s is not causal: texts are padded to %d tokens, which is slow.",
                self._named["name"],
                self._context_length,
            )
            return False
        tokens = self.tokenizer(list(PROBES)).to(self.device)
        gap = text_tower.difference(self.module, tokens)
        if gap <= text_tower.TOLERANCE:
            return True
        logger.warning(
            "Texts of %s are padded to %d tokens, which is slow: at their own length features "
            "differ by %.1g.",
            self._named["name"],
            self._context_length,
            gap,
        )
        return False
