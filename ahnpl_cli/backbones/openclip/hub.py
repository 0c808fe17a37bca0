"""Weights of open_clip's tags and of its models on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import constants, hf_hub_download, snapshot_download
from open_clip.pretrained import download_pretrained

from ahnpl_cli.backbones.load import WEIGHT_FILES, downloaded_weights
from ahnpl_cli.backbones.network import (
    TOKENIZER_FILES,
    WAYS,
    cached_file,
    require_network,
    require_permission,
)
from ahnpl_cli.errors import ModelError

_SMALL = ["open_clip_config.json", *TOKENIZER_FILES]


def repo_file(repo: str, name: str, *, download: bool) -> Path:
    """Return a small file of a Hub repository.

    Raises:
        ModelError: it is not cached, and may not or cannot be downloaded.
    """
    cached = cached_file(repo, (name,))
    if cached is not None:
        return cached
    what = f"{name} of {repo} on the Hugging Face Hub"
    require_permission(what, constants.ENDPOINT, download=download)
    try:
        return Path(hf_hub_download(repo, name))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{what}: the download failed ({error})", hint=WAYS) from error


def tokenizer_folder(repo: str, *, download: bool) -> Path:
    """Return a folder with the tokenizer of a Hub repository.

    Raises:
        ModelError: see `repo_file`.
    """
    cached = cached_file(
        repo, ("tokenizer_config.json", "tokenizer.json", "vocab.txt", "vocab.json")
    )
    if cached is not None:
        return cached.parent
    what = f"the tokenizer {repo} of the Hugging Face Hub"
    require_permission(what, constants.ENDPOINT, download=download)
    try:
        return Path(snapshot_download(repo, allow_patterns=[*TOKENIZER_FILES, "config.json"]))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{what}: the download failed ({error})", hint=WAYS) from error


def _cached_tag(cfg: dict[str, Any]) -> Path | None:
    repo, _, name = cfg.get("hf_hub", "").rpartition("/")
    names = (Path(name).stem + ".safetensors", name) if name else WEIGHT_FILES
    return downloaded_weights(repo, cfg.get("url", ""), names)


def tag_weights(what: str, cfg: dict[str, Any], *, download: bool, unnamed: str) -> Path:
    """Return the weight file of an open_clip tag, downloading it if it is nowhere here.

    Args:
        what: the weights in words, for the error.
        cfg: open_clip's description of the tag.
        download: whether it may be downloaded.
        unnamed: what to do where it may not.

    Raises:
        ModelError: it may not, see `require_network`, or the download broke off.
    """
    cached = _cached_tag(cfg)
    if cached is not None:
        return cached
    if not download:
        raise ModelError(f"{what}: not on this machine", hint=unnamed)
    require_network(what, constants.ENDPOINT if cfg.get("hf_hub") else cfg["url"])
    try:
        return Path(download_pretrained(cfg))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{what}: the download failed ({error})", hint=WAYS) from error


def repo_folder(repo: str, *, download: bool) -> Path:
    """Return a local folder with an open_clip model of the Hugging Face Hub.

    Raises:
        ModelError: see `tag_weights`, or the repository is not an open_clip model.
    """
    config = cached_file(repo, ("open_clip_config.json",))
    if config is not None and cached_file(repo, WEIGHT_FILES) is not None:
        return config.parent
    what = f"hf-hub:{repo}"
    require_permission(what, constants.ENDPOINT, download=download)
    try:
        folder = Path(snapshot_download(repo, allow_patterns=[*_SMALL, WEIGHT_FILES[0]]))
        if not (folder / WEIGHT_FILES[0]).exists():
            folder = Path(snapshot_download(repo, allow_patterns=[*_SMALL, WEIGHT_FILES[1]]))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{what}: the download failed ({error})", hint=WAYS) from error
    return folder
