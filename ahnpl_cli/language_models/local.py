"""A causal language model of transformers, from a folder or the Hub, answering in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import SAFE, read_module, read_part
from ahnpl_cli.errors import ModelError
from ahnpl_cli.records import PartInfo

LONGEST_ANSWER = 512  # tokens


class LocalModel:
    """Answers greedily, so that equal prompts have equal answers.

    Args:
        name: folder, or name on the Hub.
        device: where to compute.
        batch_size: prompts answered at once.
        longest_answer: tokens.

    Raises:
        ModelError: the model cannot be had, or completes no text.
    """

    def __init__(
        self,
        name: str,
        device: str = "cpu",
        batch_size: int = 8,
        *,
        longest_answer: int = LONGEST_ANSWER,
    ) -> None:
        folder = find_folder(name)
        config = read_part(
            "config.json", folder, lambda: AutoConfig.from_pretrained(folder, **SAFE)
        )
        kinds: Any = AutoModelForCausalLM
        if type(config) not in kinds._model_mapping:
            what = f"a {config.model_type} completes no text"
            raise ModelError(what, where=name, hint="Name a causal language model with --llm.")
        self._tokenizer: Any = read_part(
            "its tokenizer", folder, lambda: AutoTokenizer.from_pretrained(folder, **SAFE)
        )
        # Answers follow the prompt, so what fills a batch up has to stand before it.
        self._tokenizer.padding_side = "left"
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._module = read_module(folder, kinds._model_mapping[type(config)], config).to(device)
        self._device, self._batch_size = device, batch_size
        self._longest_answer = longest_answer
        self.info = PartInfo("llm", name)

    def complete(self, prompts: Sequence[str]) -> list[str]:
        """Return one answer per prompt."""
        answers: list[str] = []
        for start in range(0, len(prompts), self._batch_size):
            answers += self._complete(prompts[start : start + self._batch_size])
        return answers

    @torch.inference_mode()
    def _complete(self, prompts: Sequence[str]) -> list[str]:
        texts = [self._as_chat(prompt) for prompt in prompts]
        inputs = self._tokenizer(texts, padding=True, return_tensors="pt").to(self._device)
        inputs.pop("token_type_ids", None)
        tokens = self._module.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=self._longest_answer,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        answered = tokens[:, inputs["input_ids"].shape[1] :]
        decoded: list[str] = self._tokenizer.batch_decode(answered, skip_special_tokens=True)
        return decoded

    def _as_chat(self, prompt: str) -> str:
        """The prompt as the model was taught to be asked, if it was."""
        if not getattr(self._tokenizer, "chat_template", None):
            return prompt
        turn = [{"role": "user", "content": prompt}]
        text: str = self._tokenizer.apply_chat_template(
            turn, tokenize=False, add_generation_prompt=True
        )
        return text
