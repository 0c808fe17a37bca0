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

from ahnpl_cli.backbones.load import (
    DOWNLOAD_PAPERS_MODEL,
    PAPERS_MODEL,
)
from ahnpl_cli.backbones.network import UNNAMED
from ahnpl_cli.backbones.openclip import hub
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.openclip.build import make_backbone, set_activation
from ahnpl_cli.backbones.openclip.folders import load_folder
from ahnpl_cli.backbones.openclip.known import HUB, QUICK, choose_named
from ahnpl_cli.backbones.openclip.weights import is_torchscript, read_weights
from ahnpl_cli.errors import ModelError

logger = logging.getLogger(__name__)


def load_named(
    model: str | None,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
    download: bool = True,
) -> OpenClipBackbone:
    """Return an open_clip model by name, from a tag or a weight file.

    Args:
        model: open_clip's name or `hf-hub:NAME`; default: the papers' ViT-B-32-quickgelu.
        pretrained: a tag or a file; default: `openai` for the papers' model.
        device: where to put it.
        force_quick_gelu: the activation, over what the name and the weights say.
        download: whether what is not on this machine may be fetched.

    Raises:
        ConfigError: unknown name, or no weights named.
        ModelError: the weights are unavailable, or do not say their activation.
    """
    if model is not None and model.startswith(HUB):
        repo = model.removeprefix(HUB)
        return load_folder(
            hub.repo_folder(repo, download=download),
            device=device,
            force_quick_gelu=force_quick_gelu,
            name=repo.rpartition("/")[2],
            source=model,
        )
    name, weights = choose_named(
        model, pretrained, open_clip.list_models(), list_pretrained_tags_by_model
    )
    config: dict[str, Any] = open_clip.get_model_config(name)
    path = Path(weights)
    if path.is_file():
        config["quick_gelu"] = _file_activation(name, config, path, force_quick_gelu)
        preprocess = _file_preprocess(name)
    else:
        preprocess = _tag_config(name, weights)
        known = preprocess if _has_twin(name) else config
        config["quick_gelu"] = bool(known.get("quick_gelu", False))
        set_activation(config, force_quick_gelu, f"{name} {weights}")
        is_default = (model, pretrained) == (None, None)
        path = hub.tag_weights(
            f"weights '{weights}' of {name}",
            preprocess,
            download=download and not is_default,
            unnamed=DOWNLOAD_PAPERS_MODEL if name == PAPERS_MODEL else UNNAMED,
        )
    return make_backbone(
        config,
        preprocess,
        read_weights(path),
        where=str(path),
        fits=name,
        tokenizer_folder=_tokenizer_folder(config, download),
        download=download,
        device=device,
        name=f"{name}/{Path(weights).stem}",
        source=weights,
    )


def _has_twin(name: str) -> bool:
    """Whether open_clip knows an architecture with either activation."""
    base = name.removesuffix(QUICK)
    return {base, base + QUICK} <= set(open_clip.list_models())


def _file_activation(name: str, config: dict[str, Any], path: Path, forced: bool | None) -> bool:
    """Return whether a bare weight file needs QuickGELU.

    Raises:
        ModelError: nothing tells.
    """
    if forced is not None:
        return forced
    # OpenAI's archives are TorchScript, and all need it.
    if is_torchscript(path) or config.get("quick_gelu"):
        return True
    if not _has_twin(name):
        return False
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
    """Return open_clip's description of a tag, which either twin of an architecture may have."""
    cfg: dict[str, Any] = get_pretrained_cfg(name, tag)
    return cfg or get_pretrained_cfg(name.removesuffix(QUICK), tag)


def _tokenizer_folder(config: dict[str, Any], download: bool) -> Path | None:
    repo = config["text_cfg"].get("hf_tokenizer_name")
    return hub.tokenizer_folder(repo, download=download) if repo else None
