"""Weights that may have to be downloaded: from the caches first, and never a long wait."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, snapshot_download, try_to_load_from_cache
from open_clip.pretrained import download_pretrained

from ahnpl_cli.data.network import is_offline, is_reachable
from ahnpl_cli.errors import ModelError

_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SMALL = ["open_clip_config.json", "*token*", "vocab*", "merges.txt", "*.model"]
WAYS = (
    "Connect once and run this again, name a file or folder with --pretrained PATH, or use the "
    "embedded model with --model scenes-tiny."
)


def require_network(what: str, url: str) -> None:
    """Return if `what` can be downloaded from the host of `url`.

    Raises:
        ModelError: it cannot, within seconds; the message names the ways on.
    """
    host = urlsplit(url).netloc
    if is_offline():
        why = "not on this machine, and HF_HUB_OFFLINE forbids the network"
    elif not is_reachable(url):
        why = f"not on this machine, and {host} cannot be reached"
    else:
        return
    raise ModelError(f"{what}: {why}", hint=WAYS)


def _cached(repo: str, names: tuple[str, ...]) -> Path | None:
    for name in names:
        found = try_to_load_from_cache(repo, name)
        if isinstance(found, str):
            return Path(found)
    return None


def require_repo(repo: str, file: str = "config.json") -> None:
    """Return if a small file of a Hub repository is cached or can be downloaded.

    Raises:
        ModelError: see `require_network`.
    """
    if not Path(repo).is_dir() and _cached(repo, (file,)) is None:
        require_network(f"{repo} of the Hugging Face Hub", constants.ENDPOINT)


def _cached_tag(cfg: dict[str, Any]) -> Path | None:
    repo, _, name = cfg.get("hf_hub", "").rpartition("/")
    names = (Path(name).stem + ".safetensors", name) if name else _WEIGHTS
    found = _cached(repo, names) if repo else None
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
    config = _cached(repo, ("open_clip_config.json",))
    if config is not None and _cached(repo, _WEIGHTS) is not None:
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
