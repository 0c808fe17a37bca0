"""What refills a masked word, and which of them a run uses; the network is asked only if named.

A masked language model, or statistics of the captions themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from huggingface_hub import constants

from ahnpl_cli.data.network import is_offline, is_reachable
from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives.candidates import MaskedWord, Ranking

DEFAULT_MODEL = "roberta-base"  # the paper's
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
FILES = ("*.json", "*.txt", "model.safetensors", "*.model")


class Filler(Protocol):
    """Ranks words for masked words.

    Attributes:
        name: what stands in the records, such as `roberta-base@<revision>` or `corpus`.
        scores_phrases: whether it is asked how likely relations are, too.
    """

    name: str
    scores_phrases: bool

    def rank(self, masked_words: Sequence[MaskedWord]) -> Sequence[Ranking]:
        """Return words with scores for each masked word, best first."""
        ...

    def sure_of(self, masked: MaskedWord, word: str) -> bool:
        """Whether it is known without tagging that a word keeps the tag of what it replaces."""
        ...


@dataclass(frozen=True, slots=True)
class FillerChoice:
    """What refills words, and why.

    Attributes:
        kind: `roberta`, `corpus` or `llm`.
        model: folder or name of the masked language model, None for the others.
        revision: of the model, if known.
        why: one line for the user.
    """

    kind: Literal["roberta", "corpus", "llm"]
    model: str | None
    revision: str | None
    why: str


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A language model that writes words or captions.

    Attributes:
        model: its name at the server, or its folder.
        url: of the server; None for a model of transformers.
        answers: file that keeps what it said.
    """

    model: str
    url: str | None
    answers: Path


def choose_filler(filler: str, model: str | None) -> FillerChoice:
    """Return the filler for `auto`, `roberta`, `corpus` or `llm`.

    `auto` is the masked language model if its weights are on this disk, else the captions' own
    statistics.

    Args:
        filler: value of `--filler`.
        model: value of `--filler-model`, None for the default, which is never downloaded unasked.

    Raises:
        ModelError: `roberta` was asked for and its weights are not available.
    """
    if filler in ("corpus", "llm"):
        return FillerChoice(
            "llm" if filler == "llm" else "corpus", None, None, f"{filler}, as requested"
        )
    name = model or DEFAULT_MODEL
    revision = _on_disk(name)
    if revision is not None:
        return FillerChoice("roberta", name, revision or None, f"{name}, found on this disk")
    if filler == "auto" and model is None:
        why = f"corpus, since {name} is not on this disk; --filler roberta downloads it"
        return FillerChoice("corpus", None, None, why)
    revision, obstacle = _from_hub(name)
    if revision is not None:
        return FillerChoice("roberta", name, revision, f"{name}, from the hub")
    if filler == "roberta":
        hint = "Connect once, name a folder with --filler-model, or use --filler corpus."
        raise ModelError(f"the weights of '{name}' are not here and {obstacle}", hint=hint)
    why = f"corpus, since the weights of {name} are not here and {obstacle}"
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

    return Path(snapshot_download(model, allow_patterns=list(FILES))).name
