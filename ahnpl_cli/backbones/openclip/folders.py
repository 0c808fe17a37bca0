"""open_clip models in a folder, whose own configuration says what they are.

The same weights exist for QuickGELU and GELU, load into either, and score differently
(open_clip issue 771, sugar-crepe issue 7), so the activation is known and never guessed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import open_clip

from ahnpl_cli.backbones.locate import read_checkpoint_info
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.openclip.build import make_backbone, same_towers, set_activation
from ahnpl_cli.backbones.openclip.config import CONFIG_FILE, read_config
from ahnpl_cli.backbones.openclip.weights import read_weights
from ahnpl_cli.errors import ModelError
from ahnpl_cli.runs import label

logger = logging.getLogger(__name__)

_WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pth")


def _check_agreement(folder: Path, config: dict[str, Any], model: str | None) -> None:
    """A folder's configuration holds; a name given beside it must not be of other towers."""
    known = open_clip.get_model_config(model) if model in open_clip.list_models() else None
    if known is None:
        return
    if not same_towers(known, config):
        hint = "Leave --model out: the folder says what it is."
        raise ModelError(f"this folder does not hold {model}", where=str(folder), hint=hint)
    if known.get("quick_gelu", False) != config["quick_gelu"]:
        activation = "quick_gelu" if config["quick_gelu"] else "gelu"
        logger.info("%s says %s, which holds over the name %s.", folder, activation, model)


def _weight_file(folder: Path) -> Path:
    files = [file for pattern in _WEIGHT_FILES for file in sorted(folder.glob(pattern))]
    if not files:
        raise ModelError("a model without weights", where=str(folder), hint="Get it again.")
    return next((file for file in files if file.name.startswith("open_clip")), files[0])


def load_folder(
    folder: Path,
    model: str | None = None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
    name: str | None = None,
    source: str | None = None,
) -> OpenClipBackbone:
    """Return the model in an open_clip folder, whose own configuration says what it is.

    Nothing is fetched, and no code of the folder is run.

    Args:
        folder: with `open_clip_config.json` and weights.
        model: an architecture that the folder must hold, if one was named.
        device: where to put it.
        force_quick_gelu: the activation, over the folder's.
        name: short name for tables; default: see `runs.label`.
        source: where it came from; default: the folder.

    Raises:
        ModelError: it is no open_clip model, holds other towers than `model`, or is damaged.
    """
    content = read_config(folder)
    config = content["model_cfg"]
    _check_agreement(folder, config, model)
    set_activation(config, force_quick_gelu, str(folder))
    # open_clip, too, takes the tokenizer of a folder from there, whatever name it has.
    has_tokenizer = bool(config["text_cfg"].get("hf_tokenizer_name"))
    architecture = read_checkpoint_info(folder).get("architecture")
    file = _weight_file(folder)
    return make_backbone(
        config,
        content["preprocess_cfg"],
        read_weights(file),
        where=str(file),
        fits=f"{CONFIG_FILE} beside them",
        tokenizer_folder=folder if has_tokenizer else None,
        download=False,
        device=device,
        name=name or label(folder),
        source=source or str(folder),
        architecture=architecture if isinstance(architecture, str) else None,
    )
