"""`open_clip_config.json`: what open_clip says of a model in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import read_object

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"


def read_config(folder: Path) -> dict[str, Any]:
    """Return `model_cfg`, with `quick_gelu` spelled out, and `preprocess_cfg` of a folder.

    Raises:
        ModelError: the file is missing or not open_clip's.
    """
    path = folder / CONFIG_FILE
    content = read_object(path, error=ModelError, hint="Is it a folder that open_clip wrote?")
    model = content.get("model_cfg")
    if not isinstance(model, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(model):
        raise ModelError("no model_cfg of open_clip", where=str(folder / CONFIG_FILE))
    model.setdefault("quick_gelu", False)  # What open_clip makes of its absence.
    content.setdefault("preprocess_cfg", {})
    return content
