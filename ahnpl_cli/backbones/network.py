"""Weights that may have to be downloaded: from the cache first, with a short timeout."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import try_to_load_from_cache

from ahnpl_cli.data.network import is_offline, is_reachable
from ahnpl_cli.errors import ModelError

# By their exact names: a pattern such as *token* would fetch a token.py too.
TOKENIZER_FILES = [
    "tokenizer_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
]
WAYS = (
    "Connect once and run this again, name a file or folder with --pretrained PATH, or use the "
    "bundled model with --model scenes-tiny."
)


UNNAMED = "Nothing is downloaded unless its name is given."


def require_network(what: str, url: str) -> None:
    """Return if `what` can be downloaded from the host of `url`.

    Raises:
        ModelError: it cannot, within seconds; the message names what else can be done.
    """
    host = urlsplit(url).netloc
    if is_offline():
        reason = "not on this machine, and HF_HUB_OFFLINE forbids the network"
    elif not is_reachable(url):
        reason = f"not on this machine, and {host} cannot be reached"
    else:
        return
    raise ModelError(f"{what}: {reason}", hint=WAYS)


def require_permission(what: str, url: str, *, download: bool) -> None:
    """Return if `what` may be downloaded, and can be.

    Raises:
        ModelError: it may not, or see `require_network`.
    """
    if not download:
        raise ModelError(f"{what}: not on this machine", hint=f"{UNNAMED} {WAYS}")
    require_network(what, url)


def cached_file(repo: str, names: tuple[str, ...]) -> Path | None:
    """Return the first of some files of a Hub repository that is in the cache, or None."""
    for name in names:
        place = try_to_load_from_cache(repo, name)
        if isinstance(place, str):
            return Path(place)
    return None
