"""What is known of weights: the folder they lie in, their revision and their license."""

from __future__ import annotations

import re
from pathlib import Path

from ahnpl_cli.backbones.network import require_network
from ahnpl_cli.errors import ModelError
from ahnpl_cli.records import PartInfo

HUB = "https://huggingface.co"
INDEX = "model_index.json"
_REVISION = re.compile(r"[0-9a-f]{40}")
_LICENSE = re.compile(r"^license(?:_name)?:\s*(\S+)\s*$", re.MULTILINE)


def pipeline_folder(name: str) -> Path:
    """Return the folder of a diffusers pipeline: one that is named, or a repository of the Hub.

    Raises:
        ModelError: it is unavailable, within seconds.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = _repository(name)
    if not (folder / INDEX).is_file():
        hint = "Name a folder that diffusers wrote, with --painter-model."
        raise ModelError(f"no pipeline of diffusers, for want of {INDEX}", where=name, hint=hint)
    return folder


def _repository(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.txt", "*.safetensors", "*.model", "README.md"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=True))
    except HFValidationError as error:
        raise ModelError("no such folder", where=name, hint="Check --painter-model.") from error
    except (LocalEntryNotFoundError, OSError):
        require_network(name, HUB)
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(f"the download failed ({error})", where=name) from error


def describe(part: str, name: str, folder: Path) -> PartInfo:
    """Return what reports say of a part's weights.

    Args:
        part: name of the locator, painter or judge.
        name: what the user named.
        folder: where the weights lie; one of the Hub's cache is called by its commit.
    """
    revision = folder.name if _REVISION.fullmatch(folder.name) else None
    return PartInfo(part, name, revision, license_of(folder))


def license_of(folder: Path) -> str | None:
    """Return the license that the model card in a folder states."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    stated = _LICENSE.search(card.read_text(encoding="utf-8", errors="replace")[: 1 << 16])
    return stated[1] if stated else None
