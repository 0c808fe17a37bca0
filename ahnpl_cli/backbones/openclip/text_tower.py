"""The text tower at a text's own length instead of the longest possible.

Under a causal mask no token sees the padding behind it, and the feature is taken at the end-of-text
token, so leaving the padding out changes nothing but the time (openai/CLIP issue 183). open_clip
adds all 77 positions; this is its `encode_text` with positions and mask cut to the tokens, and with
the last block computed for the end-of-text token alone.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn

from ahnpl_cli.data.tokens import trim


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
