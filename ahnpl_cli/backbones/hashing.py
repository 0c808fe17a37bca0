"""The hash of a module's weights, computed again only when they changed."""

from __future__ import annotations

import hashlib

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
