"""The low-rank factors of a run as an adapter that PEFT puts on transformers' CLIPModel.

A factor of the packed projection of queries, keys and values is cut by rows of B, which is exact:
W + B A has the rows W_q + B_q A, W_k + B_k A and W_v + B_v A.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.transformers.adapter import TransformersBackbone
from ahnpl_cli.backbones.transformers.clip_names import is_packed, split_packed, transformers_name
from ahnpl_cli.backbones.transformers.convert import as_transformers
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.exporting.parity import compare
from ahnpl_cli.files import disk_errors, write_json
from ahnpl_cli.outputs import share

CONFIG, WEIGHTS, STATE = "adapter_config.json", "adapter_model.safetensors", "training_state.pt"
_MARK, _FIRST = ".parametrizations.", ".0."
_PREFIX = "base_model.model."
_HINT = "The newest checkpoint, last, of a run with --lora has them: name that."


def read_trained(folder: Path) -> dict[str, Tensor]:
    """Return a run's weights with their low-rank factors.

    Raises:
        ConfigError: the checkpoint holds none.
    """
    path = folder / STATE
    what = "holds no low-rank factors"
    if not path.is_file():
        raise ConfigError(what, where=str(folder), hint=_HINT)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, UnpicklingError) as error:
        raise ConfigError(what, where=str(path), hint=_HINT) from error
    weights: dict[str, Tensor] = state.get("weights", {})
    if not any(name.endswith(f"{_FIRST}up") for name in weights):
        raise ConfigError(what, where=str(folder), hint=_HINT)
    return weights


def originals(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights that the factors correct, under the names of the model without them."""
    plain = {name: weight for name, weight in weights.items() if _MARK not in name}
    for name, weight in weights.items():
        owner, mark, rest = name.partition(_MARK)
        if mark and rest.endswith(".original"):
            plain[f"{owner}.{rest.removesuffix('.original')}"] = weight
    return plain


def factors(weights: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return A (rank, columns) and B (rows, rank) by the name of the weight that they correct."""
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for name, up in weights.items():
        if name.endswith(f"{_FIRST}up"):
            stem = name.removesuffix("up")
            owner, _, attribute = stem.removesuffix(_FIRST).partition(_MARK)
            found[f"{owner}.{attribute}"] = weights[f"{stem}down"], up
    return found


def adapter_weights(weights: dict[str, Tensor], *, renamed: bool) -> dict[str, Tensor]:
    """Return the adapter's tensors under PEFT's names.

    Args:
        weights: see `read_trained`.
        renamed: whether the names are OpenAI's, and not transformers' already.
    """
    tensors: dict[str, Tensor] = {}
    for name, (down, up) in factors(weights).items():
        parts = {name: up}
        if renamed and is_packed(name):
            parts = split_packed(name, up)
        elif renamed:
            parts = {transformers_name(name.removeprefix("text.")) or name: up}
        for part, rows in parts.items():
            module = _PREFIX + part.removesuffix(".weight")
            # Each its own memory, which safetensors asks for.
            tensors[f"{module}.lora_A.weight"] = down.clone().contiguous()
            tensors[f"{module}.lora_B.weight"] = rows.clone().contiguous()
    return tensors


def export(backbone: Backbone, folder: Path, checkpoint: Path, base: str) -> dict[str, float]:
    """Write an adapter, and return how far CLIPModel with it is from the checkpoint.

    Args:
        backbone: the checkpoint, its factors merged.
        folder: where to write.
        checkpoint: the folder that it was loaded from.
        base: what the run started from, for `base_model_name_or_path`.

    Returns:
        The differences; empty where PEFT is not installed.

    Raises:
        ConfigError: the checkpoint holds no factors.
        ModelError: it is no CLIP.
    """
    weights = read_trained(checkpoint)
    renamed = not isinstance(backbone, TransformersBackbone)
    started = _base_model(backbone, originals(weights), renamed=renamed)
    if started.config.model_type != "clip":
        what = "an adapter is written for transformers' CLIPModel alone"
        raise ModelError(what, where=backbone.info.name)
    tensors = adapter_weights(weights, renamed=renamed)
    rank = next(iter(tensors.values())).shape[0]
    names = (name.removeprefix(_PREFIX) for name in tensors if name.endswith("lora_A.weight"))
    targets = sorted(name.removesuffix(".lora_A.weight") for name in names)
    content = {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": base,
        "r": rank,
        # PEFT multiplies by alpha / r, and our corrections are not scaled.
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": targets,
        "inference_mode": True,
    }
    write_json(folder / CONFIG, content, indent=2)
    with disk_errors(folder / WEIGHTS):
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    share(folder / WEIGHTS)
    return _parity(backbone, started, folder)


def _base_model(
    backbone: Backbone, weights: dict[str, Tensor], *, renamed: bool
) -> TransformersBackbone:
    """Return what the run started from, as transformers has it."""
    if renamed:
        plain = {name.removeprefix("text."): weight for name, weight in weights.items()}
        return as_transformers(backbone, plain)
    assert isinstance(backbone, TransformersBackbone)
    started = backbone.clone()
    started.module.load_state_dict(weights)
    return started


def _parity(backbone: Backbone, started: TransformersBackbone, folder: Path) -> dict[str, float]:
    if importlib.util.find_spec("peft") is None:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from peft import PeftModel

        adapted: Any = PeftModel.from_pretrained(started.module, str(folder))
        # PEFT changes the base in place, so the backbone around it now has the adapter.
        adapted.eval()
        return compare(
            backbone, started.encode_image, lambda t: started.encode_text(started.tokenize(t))
        )
