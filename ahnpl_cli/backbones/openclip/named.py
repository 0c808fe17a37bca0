"""open_clip models by name, with an activation that is known and never guessed.

The same weights exist for QuickGELU and GELU, load into either, and score differently
(open_clip issue 771, sugar-crepe issue 7): OpenAI's, and all that was fine-tuned from them, need
QuickGELU.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import open_clip
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
from open_clip.transform import merge_preprocess_dict

from ahnpl_cli.backbones.openclip import hub
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.openclip.folders import (
    architecture_of,
    build,
    image_transform,
    load_folder,
    quiet_root,
    set_activation,
)
from ahnpl_cli.backbones.openclip.weights import is_torchscript, put_weights, read_weights
from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import ConfigError, ModelError

logger = logging.getLogger(__name__)

PAPERS_MODEL, PAPERS_TAG = "ViT-B-32-quickgelu", "openai"
QUICK = "-quickgelu"
HUB = "hf-hub:"


def _has_twin(name: str) -> bool:
    """Whether open_clip knows an architecture with either activation."""
    base = name.removesuffix(QUICK)
    return {base, base + QUICK} <= set(open_clip.list_models())


def _file_activation(name: str, config: dict[str, Any], path: Path, forced: bool | None) -> bool:
    """Return whether a bare weight file needs QuickGELU.

    Raises:
        ModelError: nothing says so.
    """
    if forced is not None:
        return forced
    if is_torchscript(path) or config.get("quick_gelu") or not _has_twin(name):
        return is_torchscript(path) or bool(config.get("quick_gelu"))
    raise ModelError(
        f"the file does not say whether {name} has quick_gelu or gelu",
        where=str(path),
        hint=f"Name --model {name}{QUICK} if it was trained from OpenAI's weights; else pass "
        "--no-force-quick-gelu.",
    )


def _file_preprocess(name: str) -> dict[str, Any]:
    """Return the image transform of an architecture's published weights, if all have the same."""
    tags = list_pretrained_tags_by_model(name)
    known = [merge_preprocess_dict({}, get_pretrained_cfg(name, tag)) for tag in tags]
    if known and any(other != known[0] for other in known):
        logger.warning("Weights of %s differ in their image transform; taking CLIP's.", name)
        return {}
    return known[0] if known else {}


def _tag_config(name: str, tag: str) -> dict[str, Any]:
    cfg: dict[str, Any] = get_pretrained_cfg(name, tag)
    if not cfg and name.endswith(QUICK):
        cfg = get_pretrained_cfg(name.removesuffix(QUICK), tag)
    if not cfg:
        known = ", ".join(list_pretrained_tags_by_model(name)) or "none"
        what = f"--pretrained {tag} is neither a file, a folder nor a tag of {name}"
        raise ModelError(what, hint=f"Tags: {known}.")
    return cfg


def _resolve_weights(
    name: str, pretrained: str, config: dict[str, Any], forced: bool | None
) -> tuple[Path, dict[str, Any]]:
    """Return the weight file and image transform; sets the activation in `config`."""
    path = Path(pretrained)
    if path.is_file():
        config["quick_gelu"] = _file_activation(name, config, path, forced)
        return path, _file_preprocess(name)
    if path.suffix in (".pt", ".pth", ".bin", ".safetensors") or "/" in pretrained:
        raise ModelError("no such file", where=pretrained, hint="Check --pretrained.")
    cfg = _tag_config(name, pretrained)
    known = cfg.get("quick_gelu", False) if _has_twin(name) else config.get("quick_gelu", False)
    config["quick_gelu"] = bool(known)
    set_activation(config, forced, f"{name} {pretrained}")
    return hub.tag_weights(f"weights '{pretrained}' of {name}", cfg), cfg


def load_named(
    model: str | None,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
) -> OpenClipBackbone:
    """Return an open_clip model by name, from a tag or a weight file.

    Args:
        model: open_clip's name or `hf-hub:NAME`; default: the papers' ViT-B-32-quickgelu.
        pretrained: a tag or a file; default: `openai` for the papers' model.
        device: where to put it.
        force_quick_gelu: the activation, over what the name and the weights say.

    Raises:
        ConfigError: unknown name, or no weights named.
        ModelError: the weights cannot be had, or do not say their activation.
    """
    if model is not None and model.startswith(HUB):
        folder = hub.repo_folder(model.removeprefix(HUB))
        named = {"name": model.removeprefix(HUB).rpartition("/")[2], "source": model}
        return load_folder(folder, device=device, force_quick_gelu=force_quick_gelu, **named)
    name, weights = _defaults(model, pretrained)
    config: dict[str, Any] = open_clip.get_model_config(name)
    file, preprocess = _resolve_weights(name, weights, config, force_quick_gelu)
    with quiet_root():
        module = build(config, device)
        tokenizer = open_clip.get_tokenizer(name)
    put_weights(module, read_weights(file), file, name)
    return OpenClipBackbone(
        module,
        config={"model_cfg": config, "preprocess_cfg": image_transform(module, preprocess)},
        tokenizer=tokenizer,
        name=f"{name}/{Path(weights).stem}",
        architecture=architecture_of(config),
        source=weights,
    )


def _defaults(model: str | None, pretrained: str | None) -> tuple[str, str]:
    """Return architecture and weights; only the papers' model has default weights."""
    if model is None and pretrained not in (None, PAPERS_TAG):
        hint = f"The papers' is --model {PAPERS_MODEL}."
        raise ConfigError(f"--pretrained {pretrained} needs an architecture", hint=hint)
    name = choose((model or PAPERS_MODEL).replace("/", "-"), open_clip.list_models(), "model")
    if pretrained is None and name != PAPERS_MODEL:
        known = ", ".join(list_pretrained_tags_by_model(name)) or "none"
        raise ConfigError(f"--model {name} needs --pretrained", hint=f"Its tags: {known}.")
    return name, pretrained or PAPERS_TAG
