"""Dual encoders in a folder that transformers, or the Hub, wrote."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import transformers

from ahnpl_cli.backbones.load import read_checkpoint_info
from ahnpl_cli.backbones.transformers.adapter import TransformersBackbone
from ahnpl_cli.backbones.transformers.pretrained import (
    read_config,
    read_module,
    read_pretrained_config,
    read_processors,
)
from ahnpl_cli.errors import ModelError
from ahnpl_cli.runs import label

logger = logging.getLogger(__name__)

# By `model_type` of config.json. SigLIP 2 of fixed resolution says siglip, NaFlex siglip2.
KINDS = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}


def _kind(folder: Path) -> str:
    """Return the class of the model in a folder.

    Raises:
        ModelError: it is none of the dual encoders.
    """
    model_type = read_config(folder)["model_type"]
    if model_type not in KINDS:
        hint = f"Known are {', '.join(KINDS)}."
        what = f"a {model_type} is no dual encoder that we know"
        if model_type.startswith("blip"):
            hint = "An image-text matching model scores pairs: name it to ahnpl eval as --model."
        raise ModelError(what, where=str(folder), hint=hint)
    return KINDS[model_type]


def _set_activation(config: Any, forced: bool | None, folder: Path) -> None:
    """Put the activation that the user asked for into both towers, and say so if it differs."""
    if forced is None:
        return
    wanted = "quick_gelu" if forced else "gelu"
    for tower in (config.text_config, config.vision_config):
        says = tower.hidden_act
        if says == "quick_gelu" or forced:
            tower.hidden_act = wanted
        if tower.hidden_act != says:
            logger.warning("Activation %s as asked, although %s says %s.", wanted, folder, says)


def _check_end(config: Any, tokenizer: Any, folder: Path) -> None:
    """Check that CLIP's text tower looks for the token that its tokenizer ends texts with.

    Raises:
        ModelError: it looks for another, which would give all texts one feature.
    """
    end = config.text_config.eos_token_id
    # 2 stands in old configurations for "the highest id", as transformers reads it too.
    if config.model_type == "clip" and end not in (2, tokenizer.eos_token_id):
        raise ModelError(
            f"config.json ends texts with token {end}, and the tokenizer with "
            f"{tokenizer.eos_token_id}",
            where=str(folder),
            hint="Mend text_config.eos_token_id of config.json.",
        )


def load_folder(
    folder: Path,
    model: str | None = None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
    name: str | None = None,
    source: str | None = None,
) -> TransformersBackbone:
    """Return the dual encoder in a folder, which says by itself what it is.

    Args:
        folder: with `config.json`, safetensors, a tokenizer and an image processor.
        model: ignored: a name of open_clip's says nothing of a folder of transformers'.
        device: where to put it.
        force_quick_gelu: the activation, over the folder's.
        name: short name for tables; default: see `runs.label`.
        source: where it came from; default: the folder.

    Raises:
        ModelError: it holds another model, or is damaged.
    """
    kind = getattr(transformers, _kind(folder))
    config = read_pretrained_config(folder, kind)
    _set_activation(config, force_quick_gelu, folder)
    module = read_module(folder, kind, config)
    tokenizer, processor = read_processors(folder)
    _check_end(config, tokenizer, folder)
    architecture = read_checkpoint_info(folder).get("architecture")
    return TransformersBackbone(
        module.to(device),
        tokenizer=tokenizer,
        image_processor=processor,
        name=name or label(folder),
        architecture=architecture if isinstance(architecture, str) else kind.__name__,
        source=source or str(folder),
    )
