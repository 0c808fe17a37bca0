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
from open_clip.transformer import ResidualAttentionBlock
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
from ahnpl_cli.data.inputs import Pixels, move, pad, trim
from ahnpl_cli.files import disk_errors, write_json
from ahnpl_cli.outputs import share

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"

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
            features = encode_own_length(self.module, tokens)
        else:
            tokens = pad(tokens, self._context_length, self.pad_id)
            features = self.module.encode_text(tokens)  # type: ignore[operator]
        return nn.functional.normalize(features.float(), dim=-1)

    def _check_own_length(self) -> bool:
        """Compare features at own and full length once, and warn if they differ."""
        gap = None
        if is_causal(self.module):
            tokens = self._tokenizer(list(PROBES)).to(self.device)
            gap = difference(self.module, tokens, self.pad_id)
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


# The text tower at a text's own length instead of the longest possible. Under a causal mask no
# token sees the padding behind it, and the feature is taken at the end-of-text token, so leaving
# the padding out changes nothing but the time (openai/CLIP issue 183). open_clip adds all 77
# positions; this is its `encode_text` with positions and mask cut to the tokens, and with the last
# block computed for the end-of-text token alone.


def is_causal(module: Any) -> bool:
    """Whether a model's text tower is causal and pools at the end-of-text token."""
    tower = getattr(module, "text", module)
    pool = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    return (
        getattr(tower, "attn_mask", None) is not None
        and getattr(tower, "cls_emb", None) is None
        and not getattr(tower, "output_tokens", False)
        and pool in ("argmax", "eos")
    )


def _end_of_text(tower: Any, tokens: Tensor) -> Tensor:
    """Return where each text's feature is taken (N,), as open_clip's `text_global_pool` has it."""
    pool = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    if pool == "argmax":
        return tokens.argmax(dim=-1)
    end: Any = getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))
    return tokens.eq(end).int().argmax(dim=-1)


def _transform(transformer: Any, x: Tensor, mask: Tensor, end: Tensor) -> Tensor:
    """Return the transformer's output (N, W) of x (N, L, W) at positions `end` (N,)."""
    rows = torch.arange(len(x), device=x.device)
    *blocks, last = transformer.resblocks
    plain = type(last) is ResidualAttentionBlock and transformer.batch_first
    if not plain or transformer.grad_checkpointing:
        whole: Tensor = transformer(x, attn_mask=mask)
        return whole[rows, end]
    for block in blocks:
        x = block(x, attn_mask=mask)
    # Only the end-of-text token is read from the last block, so only it is computed there.
    normed = last.ln_1(x)
    # One query a text, so the mask differs from text to text: (N * heads, 1, L).
    own_mask = mask[end].repeat_interleave(last.attn.num_heads, dim=0).unsqueeze(1)
    query = normed[rows, end].unsqueeze(1)
    attended = last.attention(q_x=query, k_x=normed, v_x=normed, attn_mask=own_mask)
    residual = x[rows, end].unsqueeze(1) + last.ls_1(attended)
    output: Tensor = residual + last.ls_2(last.mlp(last.ln_2(residual)))
    return output.squeeze(1)


def encode_own_length(module: Any, tokens: Tensor) -> Tensor:
    """Return features (N, D), not normalised, of tokens (N, L) with L at most the context length.

    Only for models that `is_causal` holds of.
    """
    tower = getattr(module, "text", module)
    length = tokens.shape[1]
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens).to(dtype)
    x = x + tower.positional_embedding[:length].to(dtype)
    mask = tower.attn_mask[:length, :length]
    pooled: Tensor = tower.ln_final(
        _transform(tower.transformer, x, mask, _end_of_text(tower, tokens))
    )
    projection = tower.text_projection
    if isinstance(projection, nn.Linear):
        return nn.functional.linear(pooled, projection.weight, projection.bias)
    return pooled if projection is None else pooled @ projection


@torch.no_grad()
def difference(module: Any, tokens: Tensor, pad_id: int) -> float:
    """Return how far normalised features at own length are from those at full length, at most."""
    with torch.autocast(tokens.device.type, enabled=False):
        short = encode_own_length(module, trim(tokens, pad_id))
        full = module.encode_text(tokens)
    unit = nn.functional.normalize
    gap = unit(short.float(), dim=-1) - unit(full.float(), dim=-1)
    return float(gap.abs().max())
