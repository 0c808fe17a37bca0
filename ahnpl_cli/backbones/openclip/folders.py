"""open_clip models in a folder, whose own configuration says what they are.

The same weights exist for QuickGELU and GELU, load into either, and score differently
(open_clip issue 771, sugar-crepe issue 7), so the activation is known and never guessed.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import open_clip

from ahnpl_cli.backbones.load import read_checkpoint_info
from ahnpl_cli.backbones.openclip.adapter import CONFIG_FILE, OpenClipBackbone
from ahnpl_cli.backbones.openclip.build import (
    check_model,
    check_value,
    make_backbone,
    same_towers,
    set_activation,
)
from ahnpl_cli.backbones.openclip.weights import read_weights
from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import read_object
from ahnpl_cli.runs import label

_REQUIRED = {"embed_dim", "vision_cfg", "text_cfg"}
_INTERPOLATIONS = ("bicubic", "bilinear", "random")
_RESIZE_MODES = ("shortest", "longest", "squash")

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


def read_config(folder: Path) -> dict[str, Any]:
    """Return `model_cfg`, with `quick_gelu` spelled out, and `preprocess_cfg` of a folder.

    Raises:
        ModelError: the file is missing, or nothing that open_clip wrote.
    """
    path = folder / CONFIG_FILE
    content = read_object(path, error=ModelError, hint="Is it a folder that open_clip wrote?")
    model = content.get("model_cfg")
    if not isinstance(model, dict) or not set(model) >= _REQUIRED:
        raise ModelError("no model_cfg of open_clip", where=str(path))
    model.setdefault("quick_gelu", False)  # What open_clip makes of its absence.
    preprocess = content.setdefault("preprocess_cfg", {})
    check_model(model, str(path))
    _check_preprocess(preprocess, str(path))
    return content


def _check_preprocess(preprocess: Any, where: str) -> None:
    """Check a `preprocess_cfg`; the image transform fails on others only at the first image.

    Raises:
        ModelError: a value is not what the transform takes.
    """
    where = f"{where}: preprocess_cfg"
    if not isinstance(preprocess, dict):
        raise ModelError("not a JSON object", where=where)
    if "size" in preprocess:
        check_value("size", preprocess["size"], f"{where}.size")
    for name, low in (("mean", -math.inf), ("std", 0.0)):
        values = preprocess.get(name, [1.0, 1.0, 1.0])
        if not isinstance(values, list) or len(values) != 3:
            raise ModelError("not three numbers", where=f"{where}.{name}")
        for value in values:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low < value < math.inf:
                raise ModelError("not three usable numbers", where=f"{where}.{name}")
    choices = {
        "mode": ("RGB",),
        "interpolation": _INTERPOLATIONS,
        "resize_mode": _RESIZE_MODES,
    }
    for name, known in choices.items():
        if name in preprocess and preprocess[name] not in known:
            raise ModelError(f"none of {', '.join(known)}", where=f"{where}.{name}")
