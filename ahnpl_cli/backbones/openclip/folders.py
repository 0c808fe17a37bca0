"""open_clip models in a folder, whose own configuration says what they are.

The same weights exist for QuickGELU and GELU, load into either, and score differently
(open_clip issue 771, sugar-crepe issue 7), so the activation is known and never guessed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import open_clip
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from ahnpl_cli.backbones.checkpoint import read_checkpoint_info
from ahnpl_cli.backbones.openclip import hub
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.openclip.config import read_config
from ahnpl_cli.backbones.openclip.weights import put_weights, read_weights
from ahnpl_cli.errors import ModelError
from ahnpl_cli.runs import label

logger = logging.getLogger(__name__)

_WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pth")


@contextlib.contextmanager
def quiet_root() -> Iterator[None]:
    """Keep open_clip's notes from installing a handler on the root logger, and from printing."""
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)


def set_activation(config: dict[str, Any], forced: bool | None, source: str) -> None:
    """Put the activation that the user asked for into a `model_cfg`, and say so if it differs."""
    known = bool(config["quick_gelu"])
    if forced is not None and forced != known:
        asked, says = ("quick_gelu", "gelu") if forced else ("gelu", "quick_gelu")
        logger.warning("Activation %s as asked, although %s says %s.", asked, source, says)
        config["quick_gelu"] = forced


def build(config: dict[str, Any], device: str) -> Any:
    """Make an open_clip model of a configuration, its weights random.

    Raises:
        ModelError: open_clip cannot, or a text tower's configuration is not here.
    """
    text = config["text_cfg"]
    if text.get("hf_model_name"):
        hub.require_repo(text["hf_model_name"])
    settings = deepcopy(config)
    custom = settings.pop("custom_text", False) or bool(text.get("hf_model_name"))
    if settings["vision_cfg"].get("timm_model_name"):
        settings["vision_cfg"]["timm_model_pretrained"] = False
    if text.get("hf_model_name"):
        settings["text_cfg"]["hf_model_pretrained"] = False
    kind: Any = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    if "multimodal_cfg" in settings:
        kind = open_clip.CoCa
    try:
        return kind(**settings).to(device).eval()
    except (TypeError, KeyError, ValueError, OSError, AssertionError) as error:
        raise ModelError(f"open_clip cannot build this architecture ({error})") from error


def image_transform(module: Any, overlay: dict[str, Any]) -> dict[str, Any]:
    """Return a whole `preprocess_cfg`: open_clip's defaults, `overlay`, and the model's size."""
    merged: dict[str, Any] = merge_preprocess_dict(asdict(PreprocessCfg()), overlay)
    size = module.visual.image_size
    merged["size"] = size[0] if isinstance(size, tuple) and size[0] == size[1] else size
    return {key: list(v) if isinstance(v, tuple) else v for key, v in merged.items()}


def _same_towers(left: dict[str, Any], right: dict[str, Any]) -> bool:
    def bare(config: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in config.items() if key != "quick_gelu"}

    return bare(left) == bare(right)


def architecture_of(config: dict[str, Any]) -> str:
    """Return open_clip's name of a `model_cfg`, or `custom`."""
    for name in open_clip.list_models():
        known = open_clip.get_model_config(name)
        same_activation = known.get("quick_gelu", False) == config.get("quick_gelu", False)
        if same_activation and _same_towers(known, config):
            return str(name)
    return "custom"


def _check_agreement(folder: Path, config: dict[str, Any], model: str | None) -> None:
    """A folder's configuration holds; a name given beside it must not be of other towers."""
    known = open_clip.get_model_config(model) if model in open_clip.list_models() else None
    if known is None:
        return
    if not _same_towers(known, config):
        hint = "Leave --model out: the folder says what it is."
        raise ModelError(f"this folder does not hold {model}", where=str(folder), hint=hint)
    if known.get("quick_gelu", False) != config["quick_gelu"]:
        says = "quick_gelu" if config["quick_gelu"] else "gelu"
        logger.info("%s says %s, which holds over the name %s.", folder, says, model)


def _folder_weights(folder: Path) -> Path:
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
    with quiet_root():
        module = build(config, device)
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    file = _folder_weights(folder)
    put_weights(module, read_weights(file), file, "open_clip_config.json beside them")
    said = read_checkpoint_info(folder).get("architecture")
    return OpenClipBackbone(
        module,
        config={
            "model_cfg": config,
            "preprocess_cfg": image_transform(module, content["preprocess_cfg"]),
        },
        tokenizer=tokenizer,
        name=name or label(folder),
        architecture=said if isinstance(said, str) else architecture_of(config),
        source=source or str(folder),
    )
