"""`open_clip_config.json`: read, and checked before anything is built from it.

A folder may come from anywhere, so its configuration can neither name code to run, nor reach the
network, nor ask for more memory than its weights fill.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import read_object

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"

_REQUIRED = {"embed_dim", "vision_cfg", "text_cfg"}
# Far above every published model, and far below what a machine cannot hold.
_MOST = {
    "layers": 256,
    "image_size": 4096,
    "size": 4096,
    "patch_size": 1024,
    "width": 1 << 16,
    "head_width": 1 << 16,
    "heads": 1 << 12,
    "embed_dim": 1 << 16,
    "context_length": 1 << 14,
    "vocab_size": 1 << 22,
}
# What open_clip's tokenizers take; `trust_remote_code` or a path would pass through them too.
TOKENIZER_OPTIONS = ("clean", "strip_sep_token", "reduction_mask")
_INTERPOLATIONS = ("bicubic", "bilinear", "random")
_RESIZE_MODES = ("shortest", "longest", "squash")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


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


def check_model(model: dict[str, Any], where: str) -> None:
    """Check a `model_cfg` before it is built.

    Args:
        model: the configuration.
        where: its file, for messages.

    Raises:
        ModelError: a value has the wrong type, is out of bounds, or names what is not built in.
    """
    for name in ("vision_cfg", "text_cfg", "multimodal_cfg"):
        part = model.get(name, {})
        if not isinstance(part, dict):
            raise ModelError("not a JSON object", where=f"{where}: {name}")
        for key, value in part.items():
            _check_value(key, value, f"{where}: {name}.{key}")
    _check_value("embed_dim", model["embed_dim"], f"{where}: embed_dim")

    text, vision = model["text_cfg"], model["vision_cfg"]
    timm = vision.get("timm_model_name")
    # timm would download `hf-hub:NAME`.
    if timm and not (isinstance(timm, str) and re.fullmatch(r"[\w.]+", timm)):
        raise ModelError(f"{timm!r} is not a model of timm", where=f"{where}: timm_model_name")
    for name in ("hf_model_name", "hf_tokenizer_name"):
        value = text.get(name)
        if value and not (isinstance(value, str) and _HUB_NAME.fullmatch(value)):
            raise ModelError(f"{value!r} is not a name of the Hub", where=f"{where}: {name}")
    options = text.get("tokenizer_kwargs", {})
    if not isinstance(options, dict):
        raise ModelError("not a JSON object", where=f"{where}: tokenizer_kwargs")
    unknown = [name for name in options if name not in TOKENIZER_OPTIONS]
    if unknown:
        what = f"{unknown[0]} is not taken from a folder"
        hint = f"Known: {', '.join(TOKENIZER_OPTIONS)}."
        raise ModelError(what, where=f"{where}: tokenizer_kwargs", hint=hint)


def _check_value(key: str, value: Any, where: str) -> None:
    if key not in _MOST:
        return
    numbers = value if isinstance(value, list) else [value]
    if value is None and key == "patch_size":
        return  # As the ResNets have it.
    for number in numbers:
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not whole or not 1 <= number <= _MOST[key]:
            what = f"{str(number)[:40]} is not a whole number from 1 to {_MOST[key]:,}"
            raise ModelError(what, where=where)


def _check_preprocess(preprocess: Any, where: str) -> None:
    """Check a `preprocess_cfg`; the image transform fails on others only at the first image.

    Raises:
        ModelError: a value is not what the transform takes.
    """
    where = f"{where}: preprocess_cfg"
    if not isinstance(preprocess, dict):
        raise ModelError("not a JSON object", where=where)
    if "size" in preprocess:
        _check_value("size", preprocess["size"], f"{where}.size")
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
