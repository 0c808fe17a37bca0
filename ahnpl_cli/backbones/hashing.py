"""Hashes of what decides features: a module's weights, its configuration, its tokenizer."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import nn


class WeightsHash:
    """SHA-256 over names, types, shapes and bytes of every weight, in order of name.

    Hashing all weights takes seconds, so the tensors' versions are kept beside what they gave: each
    change in place, such as an optimizer's step, counts a version up.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._known: tuple[int, str] | None = None

    def __call__(self) -> str:
        """Return the hash of the weights as they are now."""
        version = sum(tensor._version for tensor in self._module.state_dict().values())
        if self._known is None or self._known[0] != version:
            self._known = version, self._compute()
        return self._known[1]

    def _compute(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in sorted(self._module.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()


def encoder_sha256(configuration: dict[str, Any], tokenizer: Any) -> str:
    """Return a hash over a model's configuration and over what decides the ids of its tokenizer.

    Args:
        configuration: of the model, as its library writes it.
        tokenizer: open_clip's, or one of transformers, perhaps wrapped by open_clip's.
    """
    wrapped = getattr(tokenizer, "tokenizer", tokenizer)
    backend = getattr(wrapped, "backend_tokenizer", None)
    vocabulary = getattr(wrapped, "encoder", None)
    if backend is not None:
        vocabulary = json.loads(backend.to_str())
        # How the last call padded and cut, which is no part of the tokenizer.
        vocabulary.pop("padding", None)
        vocabulary.pop("truncation", None)
    elif hasattr(wrapped, "get_vocab"):
        vocabulary = wrapped.get_vocab()
    options = {
        "kind": type(tokenizer).__name__,
        "length": getattr(tokenizer, "context_length", None),
        "clean": getattr(getattr(tokenizer, "clean_fn", None), "__name__", None),
        "reduction": getattr(getattr(tokenizer, "reduction_fn", None), "__name__", None),
        "strip": getattr(tokenizer, "strip_sep_token", None),
        "mode": getattr(tokenizer, "tokenizer_mode", None),
        "vocabulary": vocabulary,
    }
    text = json.dumps([configuration, options], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
