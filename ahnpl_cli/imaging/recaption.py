"""Captions that name what people's captions do not, by a captioning model (GNM 3.1.1).

GNM takes Tag2Text's tags and its caption; any captioning model of transformers does here. An object
that no caption names can then be edited, in a caption that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import (
    SAFE,
    config_and_class,
    read_module,
    read_part,
)
from ahnpl_cli.imaging.weights import describe

LONGEST_CAPTION = 40  # tokens
QUESTION = "Describe the image in one sentence."


class Recaptioner:
    """Writes a caption of a picture.

    Args:
        name: folder, or name on the Hub.
        device: where to compute.
        batch_size: pictures at once.

    Raises:
        ModelError: the model is unavailable, or writes no captions.
    """

    def __init__(self, name: str, device: str = "cpu", batch_size: int = 8) -> None:
        folder = find_folder(name)
        hint = "Name a captioning model with --recaption."
        config, kind = config_and_class(
            folder, AutoModelForImageTextToText, "writes no captions", where=name, hint=hint
        )
        self._module = read_module(folder, kind, config).to(device)
        processors: Any = AutoProcessor
        self._processor: Any = read_part(
            "its processor", folder, lambda: processors.from_pretrained(folder, **SAFE)
        )
        self._device, self._batch_size = device, batch_size
        self.info = describe("recaption", name, folder)

    def captions(self, images: Sequence[Image]) -> list[str]:
        """Return one caption per picture; empty where the model says nothing."""
        captions: list[str] = []
        for start in range(0, len(images), self._batch_size):
            captions += self._captions(images[start : start + self._batch_size])
        return captions

    @torch.inference_mode()
    def _captions(self, images: Sequence[Image]) -> list[str]:
        inputs = self._inputs(images).to(self._device)
        tokens = self._module.generate(**inputs, do_sample=False, max_new_tokens=LONGEST_CAPTION)
        # A model that continues a text repeats it; one that decodes does not.
        if "input_ids" in inputs and not self._module.config.is_encoder_decoder:
            length = inputs["input_ids"].shape[1]
            if (tokens[:, :length] == inputs["input_ids"]).all():
                tokens = tokens[:, length:]
        texts = self._processor.batch_decode(tokens, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def _inputs(self, images: Sequence[Image]) -> Any:
        processor = self._processor
        if not getattr(processor, "chat_template", None):
            return processor(images=list(images), return_tensors="pt")
        content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
        turn = [{"role": "user", "content": content}]
        prompt = processor.apply_chat_template(turn, add_generation_prompt=True)
        texts, nested = [prompt] * len(images), [[image] for image in images]
        return processor(text=texts, images=nested, padding=True, return_tensors="pt")
