"""A causal language model of transformers, from a folder or the Hub: answers and likelihoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import (
    SAFE,
    config_and_class,
    read_module,
    read_part,
)
from ahnpl_cli.records import PartInfo

LONGEST_ANSWER = 512  # tokens


class LocalModel:
    """Answers greedily, so that equal prompts have equal answers.

    Args:
        name: folder, or name on the Hub.
        device: where to compute.
        batch_size: prompts answered at once.
        seed: names the answers in a file that keeps them; nothing is drawn.
        flag: option that names the model, for messages.
        longest_answer: tokens.

    Raises:
        ModelError: the model is unavailable, or completes no text.
    """

    def __init__(
        self,
        name: str,
        device: str = "cpu",
        batch_size: int = 8,
        *,
        seed: int = 0,
        flag: str = "--llm",
        longest_answer: int = LONGEST_ANSWER,
    ) -> None:
        folder = find_folder(name)
        hint = f"Name a causal language model with {flag}."
        config, kind = config_and_class(
            folder, AutoModelForCausalLM, "completes no text", where=name, hint=hint
        )
        self._tokenizer: Any = read_part(
            "its tokenizer", folder, lambda: AutoTokenizer.from_pretrained(folder, **SAFE)
        )
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._module = read_module(folder, kind, config).to(device)
        self._device, self._batch_size = device, batch_size
        # How many tokens it reads and writes, where it has places for a number of them.
        self._places: int | None = getattr(config, "max_position_embeddings", None)
        self._longest_answer = longest_answer
        if self._places is not None:
            self._longest_answer = min(longest_answer, self._places // 2)
        self.seed = seed
        self.info = PartInfo("llm", name)

    def complete(
        self, prompts: Sequence[str], schema: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Return one answer per prompt; none, an empty text, where a prompt is too long for it.

        Args:
            prompts: what is asked.
            schema: not used; prompts describe the form as well.
        """
        answers: list[str] = []
        for start in range(0, len(prompts), self._batch_size):
            answers += self._complete(prompts[start : start + self._batch_size])
        return answers

    @torch.inference_mode()
    def _complete(self, prompts: Sequence[str]) -> list[str]:
        texts = [self._as_chat(prompt) for prompt in prompts]
        rows: list[list[int]] = self._tokenizer(texts)["input_ids"]
        room = None if self._places is None else self._places - self._longest_answer
        short = [i for i, row in enumerate(rows) if room is None or 0 < len(row) <= room]
        answers = [""] * len(prompts)
        if not short:
            return answers
        # Answers follow the prompt, so what fills a batch up has to stand before it.
        self._tokenizer.padding_side = "left"
        batch = [rows[i] for i in short]
        inputs = self._tokenizer.pad({"input_ids": batch}, return_tensors="pt").to(self._device)
        tokens = self._module.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=self._longest_answer,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        answered = tokens[:, inputs["input_ids"].shape[1] :]
        decoded = self._tokenizer.batch_decode(answered, skip_special_tokens=True)
        for i, answer in zip(short, decoded, strict=True):
            answers[i] = answer
        return answers

    def _as_chat(self, prompt: str) -> str:
        """The prompt as the model was taught to be asked, if it was."""
        if not getattr(self._tokenizer, "chat_template", None):
            return prompt
        turn = [{"role": "user", "content": prompt}]
        text: str = self._tokenizer.apply_chat_template(
            turn, tokenize=False, add_generation_prompt=True
        )
        return text

    def mean_log_likelihoods(self, texts: Sequence[str]) -> list[float]:
        """Return, for each text, the mean log probability of its tokens, in nats.

        Of a text that is too long for the model its beginning counts.
        """
        rows = [self._with_start(text) for text in texts]
        # Texts of like length go together; which do, depends on the texts alone.
        order = sorted(range(len(rows)), key=lambda i: (len(rows[i]), i))
        means = [0.0] * len(rows)
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            values = self._mean_log_likelihoods([rows[i] for i in batch])
            for i, value in zip(batch, values, strict=True):
                means[i] = value
        return means

    def _with_start(self, text: str) -> list[int]:
        """The tokens of a text after one that starts a text, so that its first has a score."""
        tokenizer = self._tokenizer
        tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        start = tokenizer.bos_token_id
        if start is None:
            start = tokenizer.eos_token_id
        return ([] if start is None else [start]) + tokens[: (self._places or len(tokens) + 1) - 1]

    @torch.inference_mode()
    def _mean_log_likelihoods(self, rows: list[list[int]]) -> list[float]:
        if min(map(len, rows)) < 2:
            # A text of no token: nothing to predict.
            whole = [row for row in rows if len(row) > 1]
            known = iter(self._mean_log_likelihoods(whole) if whole else [])
            return [next(known) if len(row) > 1 else 0.0 for row in rows]
        self._tokenizer.padding_side = "right"
        inputs = self._tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(self._device)
        logits: Tensor = self._module(**inputs).logits[:, :-1]
        expected = inputs["input_ids"][:, 1:].unsqueeze(-1)
        scores = logits.log_softmax(-1).gather(-1, expected).squeeze(-1)
        is_text = inputs["attention_mask"][:, 1:]
        means: list[float] = ((scores * is_text).sum(1) / is_text.sum(1)).tolist()
        return means
