"""Weights that may have to be downloaded: from the cache first, and never a long wait."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import try_to_load_from_cache

from ahnpl_cli.data.network import is_offline, is_reachable
from ahnpl_cli.errors import ModelError

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


def cached_file(repo: str, names: tuple[str, ...]) -> Path | None:
    """Return the first of some files of a Hub repository that is in the cache, or None."""
    for name in names:
        place = try_to_load_from_cache(repo, name)
        if isinstance(place, str):
            return Path(place)
    return None
