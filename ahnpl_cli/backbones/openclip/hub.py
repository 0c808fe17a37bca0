"""Weights of open_clip's tags and of its models on the Hugging Face Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from huggingface_hub import constants, snapshot_download
from open_clip.pretrained import download_pretrained

from ahnpl_cli.backbones.network import WAYS, cached_file, require_network
from ahnpl_cli.errors import ModelError

_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SMALL = ["open_clip_config.json", "*token*", "vocab*", "merges.txt", "*.model"]


def require_repo(repo: str, file: str = "config.json") -> None:
    """Return if a small file of a Hub repository is cached or can be downloaded.

    Raises:
        ModelError: see `require_network`.
    """
    if not Path(repo).is_dir() and cached_file(repo, (file,)) is None:
        require_network(f"{repo} of the Hugging Face Hub", constants.ENDPOINT)


def _cached_tag(cfg: dict[str, Any]) -> Path | None:
    repo, _, name = cfg.get("hf_hub", "").rpartition("/")
    names = (Path(name).stem + ".safetensors", name) if name else _WEIGHTS
    found = cached_file(repo, names) if repo else None
    # Where OpenAI's own package and older versions of open_clip keep their downloads.
    path = Path.home() / ".cache" / "clip" / os.path.basename(cfg.get("url", ""))
    return found or (path if path.is_file() else None)


def tag_weights(what: str, cfg: dict[str, Any]) -> Path:
    """Return the weight file of an open_clip tag, downloading it if it is nowhere here.

    Args:
        what: the weights in words, for the error.
        cfg: open_clip's description of the tag.

    Raises:
        ModelError: see `require_network`, or the download broke off.
    """
    cached = _cached_tag(cfg)
    if cached is not None:
        return cached
    require_network(what, constants.ENDPOINT if cfg.get("hf_hub") else cfg["url"])
    try:
        return Path(download_pretrained(cfg))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{what}: the download failed ({error})", hint=WAYS) from error


def repo_folder(repo: str) -> Path:
    """Return a local folder with an open_clip model of the Hugging Face Hub.

    Raises:
        ModelError: see `tag_weights`, or the repository is not an open_clip model.
    """
    config = cached_file(repo, ("open_clip_config.json",))
    if config is not None and cached_file(repo, _WEIGHTS) is not None:
        return config.parent
    what = f"hf-hub:{repo}"
    require_network(what, constants.ENDPOINT)
    try:
        folder = Path(snapshot_download(repo, allow_patterns=[*_SMALL, _WEIGHTS[0]]))
        if not (folder / _WEIGHTS[0]).exists():
            folder = Path(snapshot_download(repo, allow_patterns=[*_SMALL, _WEIGHTS[1]]))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{what}: the download failed ({error})", hint=WAYS) from error
    return folder
