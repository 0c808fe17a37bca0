"""From what a user names to a model: a name, a tag, a file, a folder, a run."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

import torch

from ahnpl_cli.backbones import (
    EMBEDDED,
    TRAINED,
)
from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.locate import (
    absent_device,
    check_model,
    head_of,
    library_named,
    library_of,
    requested_folder,
)
from ahnpl_cli.errors import ModelError

logger = logging.getLogger(__name__)


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def pick_device(device: str) -> str:
    """Return the device to compute on; `auto` takes cuda, then mps, then cpu.

    Raises:
        ConfigError: the device named is not on this machine.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, usable in available.items() if usable)
    if not available.get(device.partition(":")[0], False):
        raise absent_device(device)
    return device


def load_backbone(
    *,
    model: str | None = None,
    pretrained: str | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    force_quick_gelu: bool | None = None,
    download: bool = True,
    matching: bool = False,
) -> Backbone:
    """Return the model that the options name; without any, the papers' ViT-B-32 of OpenAI.

    Args:
        model: a bundled model, open_clip's name, `LIBRARY:NAME`, `hf-hub:NAME`, or a folder.
        pretrained: open_clip's tag, a weight file, or a folder, whose own configuration then holds.
        checkpoint: a model's folder, or a run, which stands for its newest checkpoint.
        device: auto, cpu, cuda or mps.
        force_quick_gelu: the activation, over what the weights' source says; needed where that
            says nothing, a bare file for an architecture that exists with both.
        download: whether weights that are named and not on this machine may be fetched; for the
            default model they never are.
        matching: whether a dual encoder with a matching head will do, `itm:NAME`.

    Raises:
        ConfigError: the options contradict each other, or the device is not here.
        ModelError: there is no such model, or its weights are unavailable; never after a long wait.
    """
    check_model(model, pretrained, checkpoint, matching=matching)
    device = pick_device(device)
    folder = requested_folder(model, pretrained, checkpoint)
    library = library_of(folder) if folder is not None else None
    # The registry holds names of functions, so that no library is imported but the one needed.
    backbone: Backbone
    if folder is not None and library is not None:
        # A bundled model's name beside a folder asks for nothing that the folder has to hold.
        architecture = None if model in EMBEDDED else model
        load = _import(library.by_folder)
        backbone = load(folder, architecture, device=device, force_quick_gelu=force_quick_gelu)
    elif (head := head_of(model)) is not None:
        place = (model or "").partition(":")[2]
        backbone = _import(TRAINED[head])(place, device=device, download=download)
    elif model in EMBEDDED:
        load = _import(EMBEDDED[model])
        backbone = load(model, pretrained, device=device, force_quick_gelu=force_quick_gelu)
    else:
        named, name = library_named(model)
        load = _import(named.by_name)
        backbone = load(
            name,
            pretrained,
            device=device,
            force_quick_gelu=force_quick_gelu,
            download=download,
        )
    _check_finite(backbone)
    info = backbone.info
    logger.info("Model: %s, %s, on %s.", info.name, info.activation, device)
    return backbone


def _check_finite(backbone: Backbone) -> None:
    """Refuse weights that would make every comparison false, silently.

    Raises:
        ModelError: a tensor holds NaN or infinity.
    """
    broken = [
        name
        for name, tensor in backbone.module.state_dict().items()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    ]
    if broken:
        what = f"{len(broken)} tensors hold NaN or infinity, the first is {broken[0]}"
        raise ModelError(what, where=backbone.info.source, hint="Take an earlier checkpoint.")
