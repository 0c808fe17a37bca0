"""From what a user names to a model: a name, a tag, a file, a folder, a run."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.checkpoint import recover
from ahnpl_cli.backbones.folders import load_folder
from ahnpl_cli.catalog import resolve
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.runs import LAST, is_model, is_run

logger = logging.getLogger(__name__)

# A loader takes (model, pretrained, device=, force_quick_gelu=) and returns a Backbone. A name
# that stands here is one for --model; every other name is open_clip's.
BACKBONES = {
    "open_clip": "ahnpl_cli.backbones.named:load_named",
    "scenes-tiny": "ahnpl_cli.backbones.named:load_scenes_tiny",
}


def pick_device(device: str) -> str:
    """Return the device to compute on; `auto` takes cuda, then mps, then cpu.

    Raises:
        ConfigError: the device named is not on this machine.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, found in there.items() if found)
    if not there.get(device.partition(":")[0], False):
        raise ConfigError(f"--device {device} is not on this machine", hint="Use --device auto.")
    return device


def model_folder(path: Path) -> Path:
    """Return the open_clip folder that a path names: itself, or `last` of a run.

    Raises:
        ModelError: it names neither.
    """
    recover(path / LAST if is_run(path) else path)
    for folder in (path, path / LAST):
        if is_model(folder):
            return folder
    if path.is_file():
        hint = "Give a weight file as --pretrained, with its architecture as --model."
        raise ModelError("a checkpoint is a folder, and this is a file", where=str(path), hint=hint)
    what = "neither an open_clip model nor a run" if path.exists() else "no such folder"
    hint = "Name a folder such as runs/ahnpl/last."
    raise ModelError(what, where=str(path), hint=hint)


def _named_folder(
    model: str | None, pretrained: str | None, checkpoint: str | Path | None
) -> Path | None:
    """Return the folder among what was named, if there is one."""
    if checkpoint is not None:
        if pretrained is not None:
            raise ConfigError("--checkpoint and --pretrained both name weights", hint="Give one.")
        return model_folder(Path(checkpoint))
    if pretrained is not None and Path(pretrained).is_dir():
        return model_folder(Path(pretrained))
    if model is not None and pretrained is None:
        path = Path(model.removeprefix("local-dir:"))
        if model.startswith("local-dir:") or path.is_dir():
            return model_folder(path)
    return None


def load_backbone(
    *,
    model: str | None = None,
    pretrained: str | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    force_quick_gelu: bool | None = None,
) -> Backbone:
    """Return the model that the options name; without any, the papers' ViT-B-32 of OpenAI.

    Args:
        model: open_clip's name, `hf-hub:NAME`, a folder, or a name of `BACKBONES`.
        pretrained: open_clip's tag, a weight file, or a folder, whose own configuration then holds.
        checkpoint: an open_clip folder, or a run, which stands for its newest checkpoint.
        device: auto, cpu, cuda or mps.
        force_quick_gelu: the activation, over what the weights' source says; needed where that
            says nothing, a bare file for an architecture that exists with both.

    Raises:
        ConfigError: the options contradict each other, or the device is not here.
        ModelError: there is no such model, or its weights cannot be had; never after a long wait.
    """
    device = pick_device(device)
    folder = _named_folder(model, pretrained, checkpoint)
    adapter = model if model in BACKBONES else "open_clip"
    if folder is not None:
        wanted = model if adapter == "open_clip" else None
        backbone: Backbone = load_folder(
            folder, wanted, device=device, force_quick_gelu=force_quick_gelu
        )
    else:
        load = resolve(adapter, BACKBONES, "backbone")
        backbone = load(model, pretrained, device=device, force_quick_gelu=force_quick_gelu)
    info = backbone.info
    logger.info("Model: %s, %s, on %s.", info.name, info.activation, device)
    return backbone
