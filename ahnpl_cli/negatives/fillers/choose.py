"""Decides which filler is used, within seconds and without hanging on a dead network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import constants

from ahnpl_cli.data.network import is_offline, is_reachable
from ahnpl_cli.errors import ModelError

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class FillerChoice:
    """What refills words, and why.

    Attributes:
        kind: `roberta` or `corpus`.
        model: folder or name of the masked language model, None for `corpus`.
        revision: of the model, if known.
        why: one line for the user.
    """

    kind: Literal["roberta", "corpus"]
    model: str | None
    revision: str | None
    why: str


def choose_filler(wanted: str, model: str) -> FillerChoice:
    """Return the filler for `auto`, `roberta` or `corpus`.

    `auto` is the masked language model if its weights are on this disk or the hub answers, else
    the captions' own statistics.

    Raises:
        ModelError: `roberta` was asked for and its weights cannot be had.
    """
    if wanted == "corpus":
        return FillerChoice("corpus", None, None, "filler: corpus, as asked for")
    found = _on_disk(model)
    if found is not None:
        return FillerChoice("roberta", model, found or None, f"filler: {model}, found on this disk")
    revision, without = _from_hub(model)
    if revision is not None:
        return FillerChoice("roberta", model, revision, f"filler: {model}, from the hub")
    if wanted == "roberta":
        hint = "Connect once, name a folder with --filler-model, or use --filler corpus."
        raise ModelError(f"the weights of '{model}' are not here and {without}", hint=hint)
    why = f"filler: corpus, since the weights of {model} are not here and {without}"
    return FillerChoice("corpus", None, None, why)


def _on_disk(model: str) -> str | None:
    """Return the revision of a model in a folder ("") or in the hub's cache; None if absent."""
    if Path(model).is_dir():
        return "" if any((Path(model) / name).is_file() for name in WEIGHTS) else None
    from huggingface_hub import try_to_load_from_cache

    for name in WEIGHTS:
        path = try_to_load_from_cache(model, name)
        if isinstance(path, str):
            return Path(path).parent.name
    return None


def _from_hub(model: str) -> tuple[str | None, str]:
    """Return the revision of a model downloaded from the hub, or None and why there is none."""
    if is_offline() or Path(model).exists() or not is_reachable(constants.ENDPOINT):
        return None, "the hub cannot be reached"
    try:
        return _fetch(model), ""
    except (OSError, ValueError) as error:  # all that the hub says, in its own words
        return None, f"the hub gives none ({str(error).strip().splitlines()[0]})"


def _fetch(model: str) -> str:
    """Download what transformers needs of a model; return the revision."""
    from huggingface_hub import snapshot_download

    wanted: Sequence[str] = ("*.json", "*.txt", "model.safetensors", "*.model")
    return Path(snapshot_download(model, allow_patterns=list(wanted))).name
