"""What the rest of the toolkit asks of a model: two towers, one tokenizer, known preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from PIL import Image
from torch import Tensor, nn

Activation = Literal["quick_gelu", "gelu"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a report must say about the model it measured.

    Attributes:
        name: short name for tables: the folder's or the architecture's.
        architecture: open_clip's name, or `custom` for a folder with its own configuration.
        source: where the weights came from: tag, file or folder.
        activation: of both towers; never guessed (OpenAI's weights need quick_gelu).
        weights_sha256: hash over names and bytes of the weights; keys caches.
        preprocess: the image transform, printable; keys caches.
        image_size: side of the input in pixels.
        context_length: longest text in tokens.
        embed_dim: D.
    """

    name: str
    architecture: str
    source: str
    activation: Activation
    weights_sha256: str
    preprocess: str
    image_size: int
    context_length: int
    embed_dim: int


class Backbone(Protocol):
    """A contrastive image-text model.

    Features are L2-normalised, float32. The module's parameters are what training optimises.
    """

    module: nn.Module
    config: dict[str, Any]  # What `open_clip_config.json` holds: model_cfg and preprocess_cfg.

    @property
    def info(self) -> ModelInfo:
        """What was loaded; the hash is of the weights as they are now."""
        ...

    @property
    def device(self) -> str:
        """Where the module is."""
        ...

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the validation transform of an RGB image: (3, H, W) float32."""
        ...

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return token ids cut at the longest text: (N, L) int64, L <= context_length."""
        ...

    def encode_image(self, images: Tensor) -> Tensor:
        """Return image_features e_I (N, D) of images (N, 3, H, W)."""
        ...

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return text_features e_T (N, D) of tokens (N, L), at their own length."""
        ...

    @property
    def logit_scale(self) -> Tensor:
        """1/tau as a scalar with gradient."""
        ...
