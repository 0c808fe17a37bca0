"""The text tower at a text's own length instead of the longest possible.

Under a causal mask no token sees the padding behind it, and the feature is taken at the end-of-text
token, so leaving the padding out changes nothing but the time (openai/CLIP issue 183). open_clip
adds all 77 positions; this is its `encode_text` with positions and mask cut to the tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import text_global_pool
from torch import Tensor, nn

# Exact in exact arithmetic; kernels add in other orders at other lengths.
TOLERANCE = 1e-4


def trim(tokens: Tensor) -> Tensor:
    """Return tokens (N, L) without the columns at the end that are 0 in every row."""
    used = tokens.any(dim=0).nonzero()
    return tokens[:, : int(used[-1]) + 1] if len(used) else tokens[:, :1]


def pad(tokens: Tensor, length: int) -> Tensor:
    """Return tokens (N, L) with zeros up to `length` columns."""
    return nn.functional.pad(tokens, (0, length - tokens.shape[1]))


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


def encode_own_length(module: Any, tokens: Tensor) -> Tensor:
    """Return features (N, D), not normalised, of tokens (N, L) with L at most the context length.

    Only for models that `is_causal` holds of.
    """
    tower = getattr(module, "text", module)
    length = tokens.shape[1]
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens).to(dtype)
    x = x + tower.positional_embedding[:length].to(dtype)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    x = tower.ln_final(x)
    pool = getattr(tower, "text_pool_type", getattr(tower, "pool_type", "argmax"))
    end = getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))
    pooled: Tensor = text_global_pool(x, tokens, pool, eos_token_id=end)
    projection = tower.text_projection
    if isinstance(projection, nn.Linear):
        return nn.functional.linear(pooled, projection.weight, projection.bias)
    return pooled if projection is None else pooled @ projection


@torch.no_grad()
def difference(module: Any, tokens: Tensor) -> float:
    """Return how far normalised features at own length are from those at full length, at most."""
    with torch.autocast(tokens.device.type, enabled=False):
        short = encode_own_length(module, trim(tokens))
        full = module.encode_text(tokens)
    unit = nn.functional.normalize
    gap = unit(short.float(), dim=-1) - unit(full.float(), dim=-1)
    return float(gap.abs().max())
