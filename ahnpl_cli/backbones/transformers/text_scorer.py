"""Models that score a text alone: how likely a language model finds it, or what a classifier says.

A folder of transformers says what it is by the architecture in its `config.json`. SugarCrepe's
controls are such models: a grammar classifier (CoLA) and a plausibility model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from ahnpl_cli.backbones.transformers.language_model import LocalModel
from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import (
    CONFIG_FILE,
    SAFE,
    config_and_class,
    read_module,
    read_part,
)
from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import read_object

CLASSIFIER, CAUSAL = "ForSequenceClassification", ("ForCausalLM", "LMHeadModel")


class TextScorer(Protocol):
    """Scores texts; higher is better."""

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return one number a text."""
        ...


class LikelihoodScorer:
    """The mean log probability of a text's tokens by a causal language model."""

    def __init__(self, name: str, device: str, batch_size: int) -> None:
        self._model = LocalModel(name, device, batch_size)

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return nats per token."""
        return self._model.mean_log_likelihoods(texts)


class ClassifierScorer:
    """What a text classifier gives its last label, as log probability; of one label, its logit.

    CoLA's classifiers call the last of two labels acceptable.

    Raises:
        ModelError: the folder cannot be read.
    """

    def __init__(self, name: str, device: str, batch_size: int) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        folder = find_folder(name)
        config, kind = config_and_class(
            folder, AutoModelForSequenceClassification, "classifies no texts", where=name
        )
        self._tokenizer: Any = read_part(
            "its tokenizer", folder, lambda: AutoTokenizer.from_pretrained(folder, **SAFE)
        )
        self._module = read_module(folder, kind, config).to(device)
        self._places = getattr(config, "max_position_embeddings", None)
        self._device, self._batch_size = device, batch_size

    @torch.inference_mode()
    def score(self, texts: Sequence[str]) -> list[float]:
        """Return one number a text."""
        # Texts of like length go together, so that little is padding.
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
        scores = [0.0] * len(texts)
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            inputs = self._tokenizer(
                [texts[i] for i in batch],
                padding=True,
                truncation=True,
                max_length=self._places,
                return_tensors="pt",
            ).to(self._device)
            logits = self._module(**inputs).logits.float()
            values = logits[:, 0] if logits.shape[1] == 1 else logits.log_softmax(-1)[:, -1]
            for i, value in zip(batch, values.tolist(), strict=True):
                scores[i] = value
        return scores


def load_text_scorer(name: str, *, device: str = "cpu", batch_size: int = 32) -> TextScorer:
    """Return the model in a folder of transformers, or of a name on the Hub.

    Raises:
        ModelError: it is neither a causal language model nor a text classifier.
    """
    folder = Path(find_folder(name))
    config = read_object(folder / CONFIG_FILE, error=ModelError)
    architectures = [str(entry) for entry in config.get("architectures") or ()]
    if any(entry.endswith(CLASSIFIER) for entry in architectures):
        return ClassifierScorer(name, device, batch_size)
    if any(entry.endswith(CAUSAL) for entry in architectures):
        return LikelihoodScorer(name, device, batch_size)
    what = f"scores no text: {', '.join(architectures) or 'no architecture is named'}"
    hint = "Name a causal language model, or a text classifier."
    raise ModelError(what, where=name, hint=hint)
