"""Decides which filler is used, within seconds and without hanging on a dead network."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ahnpl_cli.errors import ModelError

log = logging.getLogger(__name__)
PATIENCE = 4.0  # seconds for asking the hub
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
    if hub_answers(model):
        return FillerChoice("roberta", model, _fetch(model), f"filler: {model}, from the hub")
    if wanted == "roberta":
        hint = "Connect once, name a folder with --filler-model, or use --filler corpus."
        raise ModelError(f"the weights of '{model}' cannot be had", hint=hint)
    why = f"filler: corpus, since the weights of {model} are not here and the hub cannot be reached"
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


def hub_answers(model: str) -> bool:
    """Whether the Hugging Face hub has a model and says so within `PATIENCE` seconds."""
    if os.environ.get("HF_HUB_OFFLINE") or "/" in model and Path(model).exists():
        return False
    # A name that does not resolve can block longer than any socket timeout: ask in a thread.
    pool = ThreadPoolExecutor(1, thread_name_prefix="hub")
    asked = pool.submit(_ask, model)
    try:
        return asked.result(PATIENCE)
    except TimeoutError:
        return False
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ask(model: str) -> bool:
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(model, timeout=PATIENCE)
    except Exception as error:  # Whatever the network does, the answer is no.
        log.debug("The hub did not answer: %s", error)
        return False
    return True


def _fetch(model: str) -> str:
    """Download what transformers needs of a model; return the revision."""
    from huggingface_hub import snapshot_download

    wanted: Sequence[str] = ("*.json", "*.txt", "model.safetensors", "*.model")
    return Path(snapshot_download(model, allow_patterns=list(wanted))).name
