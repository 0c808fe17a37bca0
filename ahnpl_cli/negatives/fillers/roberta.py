"""Refills from a masked language model of transformers (the paper's RoBERTa, or any other)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives.candidates import MaskedWord, Ranking

# Masked captions at once; fixed, since the last bits of scores depend on it. On a CPU more would
# not fit its caches: with roberta-base, 128 are a quarter slower than 32.
BATCH, BATCH_CPU = 512, 32
BEST = 64  # words ranked for a masked word
_STARTS = ("Ġ", "▁")  # marks of a word's first piece in byte-level BPE and SentencePiece


class RobertaFiller:
    """Ranks words by their probability at the mask.

    The vocabulary head is computed at the mask alone: it costs as much as several layers, and every
    other position's output would be thrown away. Captions of like length go together.

    Args:
        model: name on the Hugging Face hub, or a folder.
        device: where to compute.
        name: what stands in the records; default: the model's name and revision.

    Raises:
        ModelError: no such model here, or it has no mask token.
    """

    def __init__(self, model: str, device: str = "cpu", *, name: str | None = None) -> None:
        from transformers import AutoModelForMaskedLM, AutoTokenizer
        from transformers.utils import logging

        # Loading takes seconds; the bar that users see is that of their captions.
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            # Nothing of a model's folder is run, and nothing is fetched.
            options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self.tokenizer: Any = AutoTokenizer.from_pretrained(model, **options)
            network: Any = AutoModelForMaskedLM.from_pretrained(model, **options)
        except (OSError, ValueError) as error:
            hint = "Name a folder with --filler-model, or use --filler corpus."
            raise ModelError(f"no masked language model '{model}' here", hint=hint) from error
        if self.tokenizer.mask_token_id is None:
            raise ModelError(f"the tokenizer of '{model}' has no mask token")
        self.network = network.eval().to(device)
        self.device = device
        revision = getattr(network.config, "_commit_hash", None)
        self.name = name or (f"{model}@{revision[:12]}" if revision else model)
        self.network.base_model.register_forward_hook(self._keep_mask)
        self._mask_at: Tensor | None = None
        positions = getattr(network.config, "max_position_embeddings", None)
        # RoBERTa leaves the first two positions unused.
        most = positions - 2 if positions else self.tokenizer.model_max_length
        self._longest = min(most, self.tokenizer.model_max_length)
        self._words = self._whole_words()

    def _keep_mask(self, module: Any, inputs: Any, output: Any) -> Any:
        """Drop every position but the mask's before the head sees them."""
        rows = torch.arange(len(output[0]), device=output[0].device)
        kept = output[0][rows, self._mask_at].unsqueeze(1)
        if isinstance(output, tuple):
            return (kept, *output[1:])
        output.last_hidden_state = kept
        return output

    def _whole_words(self) -> dict[int, str]:
        """Token -> word, of the tokens that can stand alone after a space."""
        vocabulary = self.tokenizer.get_vocab()
        marked = any(token.startswith(_STARTS) for token in vocabulary)
        words = {}
        for token, number in vocabulary.items():
            begins = token.startswith(_STARTS) if marked else not token.startswith("##")
            word = token.lstrip("".join(_STARTS)) if marked else token
            if begins and word.isascii() and word.isalpha():
                words[number] = word
        return words

    def top_tokens(self, texts: Sequence[str], k: int) -> tuple[Tensor, Tensor]:
        """Return the k likeliest tokens at the mask of each text, and their log probabilities.

        Of a text that is too long for the model, what is around the mask counts.

        Returns:
            Token numbers and log probabilities, both (N, k), on the CPU.
        """
        encoded = [self._around_mask(tokens) for tokens in self._encode(texts)]
        order = sorted(range(len(encoded)), key=lambda i: (len(encoded[i]), i))
        tokens = torch.empty(len(encoded), k, dtype=torch.long)
        scores = torch.empty(len(encoded), k)
        size = BATCH_CPU if self.device == "cpu" else BATCH
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            tokens[rows], scores[rows] = self._batch([encoded[i] for i in rows], k)
        return tokens, scores

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        tokens: list[list[int]] = self.tokenizer(list(texts), verbose=False)["input_ids"]
        return tokens

    def _around_mask(self, tokens: list[int]) -> list[int]:
        """The tokens, or as many around the mask as the model takes, with first and last."""
        if len(tokens) <= self._longest:
            return tokens
        room = self._longest - 2
        mask = tokens.index(self.tokenizer.mask_token_id)
        start = min(max(mask - room // 2, 1), len(tokens) - 1 - room)
        return [tokens[0], *tokens[start : start + room], tokens[-1]]

    @torch.inference_mode()
    def _batch(self, encoded: list[list[int]], k: int) -> tuple[Tensor, Tensor]:
        batch = self.tokenizer.pad({"input_ids": encoded}, return_tensors="pt").to(self.device)
        is_mask = batch["input_ids"] == self.tokenizer.mask_token_id
        self._mask_at = is_mask.int().argmax(dim=1)
        logits = self.network(**batch).logits[:, 0]
        best = logits.log_softmax(-1).topk(k)
        return best.indices.cpu(), best.values.cpu()

    def rank(self, masked_words: Sequence[MaskedWord]) -> list[Ranking]:
        """Return the best whole words for each masked word, with log probabilities."""
        if not masked_words:
            return []
        k = min(BEST, len(self.tokenizer))
        tokens, scores = self.top_tokens([self._masked_text(word) for word in masked_words], k)
        rows = zip(tokens.tolist(), scores.tolist(), strict=True)
        return [self._whole_words_of(*row) for row in rows]

    def _masked_text(self, masked: MaskedWord) -> str:
        text, word = masked.caption.record.caption, masked.word
        return text[: word.start] + str(self.tokenizer.mask_token) + text[word.end :]

    def _whole_words_of(self, tokens: list[int], scores: list[float]) -> Ranking:
        pairs = zip(tokens, scores, strict=True)
        return [(self._words[token], score) for token, score in pairs if token in self._words]

    def sure_of(self, masked: MaskedWord, word: str) -> bool:
        """Never: a language model's words come with no tags."""
        return False
