"""How likely a generative model finds a text as a picture's caption: log P(caption | image).

The score of Lin et al. 2024 (VisualGPTScore), as a sum over the caption's tokens and its end, so a
longer text scores lower. Any model of transformers' `AutoModelForImageTextToText` will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor

from ahnpl_cli.backbones.base import WeightsHash
from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import (
    SAFE,
    config_and_class,
    read_config,
    read_module,
    read_part,
)

# What a model that follows instructions is asked; others continue from the picture alone.
QUESTION = "Describe the image in one sentence."


class Captioner:
    """A `Matcher` by the likelihood of the text.

    Args:
        module: transformers' model.
        processor: its processor of pictures and texts.
        name: short name for tables.
        source: where it came from.
    """

    def __init__(self, module: Any, processor: Any, *, name: str, source: str) -> None:
        self.module, self._processor = module, processor
        self._images: list[Image.Image] = []
        self._info = {
            "name": name,
            "architecture": type(module).__name__,
            "source": source,
            "head": "caption",
            "weights_sha256": WeightsHash(module)(),
        }

    @property
    def info(self) -> dict[str, str]:
        """What a report must say."""
        return dict(self._info)

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Keep N RGB pictures, and return their places (N, 1): each model joins them its own way.

        Places hold until pictures are given again.
        """
        self._images = list(images)
        return torch.arange(len(self._images)).unsqueeze(1)

    def _prompt(self) -> str:
        """Return what stands before the caption."""
        processor = self._processor
        if getattr(processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
            turn = [{"role": "user", "content": content}]
            prompt: str = processor.apply_chat_template(turn, add_generation_prompt=True)
            return prompt
        return str(getattr(processor, "image_token", None) or "")

    def _prefix(self, image: Image.Image) -> dict[str, Tensor]:
        """Return the model's inputs for a picture before any word of a caption."""
        inputs = dict(self._processor(images=image, text=self._prompt(), return_tensors="pt"))
        if self.module.config.model_type == "blip":
            # BLIP's decoder starts from a token of its own, where its tokenizer puts BERT's.
            start = self.module.config.text_config.bos_token_id
            inputs["input_ids"] = torch.tensor([[start]])
        return inputs

    def _caption_ids(self, text: str) -> list[int]:
        tokenizer = self._processor.tokenizer
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        end = tokenizer.sep_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
        return ids if end is None else [*ids, end]

    def score(self, rows: Tensor, texts: Sequence[str]) -> Tensor:
        """Return log P(text | picture) (N,) of rows (N, 1) with N texts."""
        scores = []
        for row, text in zip(rows.flatten().tolist(), texts, strict=True):
            scores.append(self._log_likelihood(self._prefix(self._images[row]), text))
        return torch.tensor(scores)

    def _log_likelihood(self, prefix: dict[str, Tensor], text: str) -> float:
        device = next(self.module.parameters()).device
        caption = torch.tensor([self._caption_ids(text)], dtype=torch.long)
        start = prefix["input_ids"]
        tokens = torch.cat([start, caption], dim=1)
        inputs = {**prefix, "input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
        if "token_type_ids" in inputs:
            inputs["token_type_ids"] = torch.zeros_like(tokens)
        output = self.module(**{name: value.to(device) for name, value in inputs.items()})
        # Logits stand for the next token, so the last one foretells nothing.
        guesses = output.logits[0, start.shape[1] - 1 : -1].float().log_softmax(-1).cpu()
        return float(guesses.gather(1, caption[0].unsqueeze(1)).sum())


def load_captioner(name: str, *, device: str = "cpu") -> Captioner:
    """Return a generative model as a matcher; see `matching.load_matcher`.

    Raises:
        ModelError: it is not there, or does not write texts about pictures.
    """
    folder = find_folder(name)
    read_config(folder)  # says it more plainly where this is no model's folder
    lacks = "does not write texts about pictures"
    config, kind = config_and_class(folder, AutoModelForImageTextToText, lacks, where=str(folder))
    module = read_module(folder, kind, config).to(device)
    processors: Any = AutoProcessor
    processor = read_part(
        "its processor", folder, lambda: processors.from_pretrained(folder, **SAFE)
    )
    return Captioner(module, processor, name=Path(name).name, source=name)
