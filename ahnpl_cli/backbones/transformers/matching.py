"""BLIP's and BLIP-2's image-text matching and contrastive heads, with the picture encoded once.

Li et al. 2022 (BLIP) and 2023 (BLIP-2), as transformers' `BlipForImageTextRetrieval` and
`Blip2ForImageTextRetrieval` compute them; their own `forward` encodes the picture for each text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from torch import Tensor, nn

from ahnpl_cli.backbones.base import WeightsHash
from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import (
    read_config,
    read_module,
    read_pretrained_config,
    read_processors,
)
from ahnpl_cli.errors import ModelError

# Longest text in tokens where the tokenizer names no limit: BERT's positions.
_POSITIONS = 512


def _ones(rows: Tensor) -> Tensor:
    return torch.ones(rows.shape[:-1], dtype=torch.long, device=rows.device)


class BlipHeads:
    """BLIP's text encoder looks at the picture's patches in every layer."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def itm(self, rows: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return logits (N, 2): no match, match."""
        seen = self.module.text_encoder(
            input_ids=tokens,
            attention_mask=mask,
            encoder_hidden_states=rows,
            encoder_attention_mask=_ones(rows),
        )
        logits: Tensor = self.module.itm_head(seen.last_hidden_state[:, 0])
        return logits

    def itc(self, rows: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return cosines (N,) of the two contrastive features."""
        return (self.image_features(rows) * self.text_features(tokens, mask)).sum(-1)

    def image_features(self, rows: Tensor) -> Tensor:
        """Return contrastive features (N, D) of patches (N, P, W)."""
        return nn.functional.normalize(self.module.vision_proj(rows[:, 0]), dim=-1)

    def text_features(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return contrastive features (N, D) of texts (N, L)."""
        read = self.module.text_encoder(input_ids=tokens, attention_mask=mask)
        return nn.functional.normalize(self.module.text_proj(read.last_hidden_state[:, 0]), dim=-1)


class _Blip2:
    """BLIP-2's queries look at the picture's patches, and for ITM at the text."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def itm(self, rows: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return logits (N, 2): no match, match; the mean over queries."""
        queries = self.module.query_tokens.expand(len(rows), -1, -1)
        embedded = self.module.embeddings(input_ids=tokens, query_embeds=queries)
        seen = self.module.qformer(
            query_embeds=embedded,
            query_length=queries.shape[1],
            attention_mask=torch.cat([_ones(queries), mask], dim=1),
            encoder_hidden_states=rows,
            encoder_attention_mask=_ones(rows),
        )
        logits: Tensor = self.module.itm_head(seen.last_hidden_state[:, : queries.shape[1]])
        return logits.mean(dim=1)

    def itc(self, rows: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the highest cosine (N,) of a query's feature with the text's."""
        queries = self.module.query_tokens.expand(len(rows), -1, -1)
        looked = self.module.qformer(
            query_embeds=queries,
            encoder_hidden_states=rows,
            encoder_attention_mask=_ones(rows),
        )
        read = self.module.qformer(
            query_embeds=self.module.embeddings(input_ids=tokens),
            query_length=0,
            attention_mask=mask,
        )
        project = self.module.vision_projection
        image = nn.functional.normalize(project(looked.last_hidden_state), dim=-1)
        project = self.module.text_projection
        text = nn.functional.normalize(project(read.last_hidden_state[:, 0]), dim=-1)
        return (image * text.unsqueeze(1)).sum(-1).amax(dim=1)


# By `model_type` of config.json: transformers' class, and how its heads are computed.
_KINDS: dict[str, tuple[str, Any]] = {
    "blip": ("BlipForImageTextRetrieval", BlipHeads),
    "blip-2": ("Blip2ForImageTextRetrieval", _Blip2),
}


class RetrievalMatcher:
    """A `Matcher` by the ITM or ITC head of BLIP or BLIP-2.

    Args:
        module: transformers' model.
        heads: computes both heads.
        head: itm or itc.
        tokenizer: its tokenizer.
        image_processor: its image processor.
        name: short name for tables.
        source: where it came from.
    """

    def __init__(
        self,
        module: Any,
        heads: Any,
        head: str,
        *,
        tokenizer: Any,
        image_processor: Any,
        name: str,
        source: str,
    ) -> None:
        self.module, self._heads, self._head = module, heads, head
        self._tokenizer, self._image_processor = tokenizer, image_processor
        self._info = {
            "name": name,
            "architecture": type(module).__name__,
            "source": source,
            "head": head,
            "weights_sha256": WeightsHash(module)(),
        }

    @property
    def info(self) -> dict[str, str]:
        """What a report must say."""
        return dict(self._info)

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.module.parameters()).device
        return device

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Return the last hidden states (N, P, W) of N RGB pictures' patches."""
        pixels = self._image_processor(images=list(images), return_tensors="pt")["pixel_values"]
        states: Tensor = self.module.vision_model(pixels.to(self._device)).last_hidden_state
        return states

    def score(self, rows: Tensor, texts: Sequence[str]) -> Tensor:
        """Return scores (N,) of rows (N, P, W) with N texts.

        The matching head's is the log-odds of a match, above 0 where a match is the likelier; it
        orders pairs as the probability does, without its ties near 1.
        """
        encoded = self._tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=min(self._tokenizer.model_max_length, _POSITIONS),
            return_tensors="pt",
        ).to(self._device)
        tokens, mask = encoded["input_ids"], encoded["attention_mask"]
        if self._head == "itc":
            cosines: Tensor = self._heads.itc(rows, tokens, mask)
            return cosines.float().cpu()
        logits: Tensor = self._heads.itm(rows, tokens, mask)
        return (logits[:, 1] - logits[:, 0]).float().cpu()


def _load(name: str, head: str, device: str) -> RetrievalMatcher:
    folder = find_folder(name)
    model_type = read_config(folder)["model_type"]
    if model_type not in _KINDS:
        hint = "BLIP's and BLIP-2's retrieval models have one."
        raise ModelError(f"a {model_type} has no {head} head", where=str(folder), hint=hint)
    class_name, heads = _KINDS[model_type]
    kind = getattr(transformers, class_name)
    module = read_module(folder, kind, read_pretrained_config(folder, kind)).to(device)
    tokenizer, processor = read_processors(folder)
    return RetrievalMatcher(
        module,
        heads(module),
        head,
        tokenizer=tokenizer,
        image_processor=processor,
        name=Path(name).name,
        source=name,
    )


def load_itm(name: str, *, device: str = "cpu") -> RetrievalMatcher:
    """Return BLIP or BLIP-2 scored by its matching head; see `matching.load_matcher`."""
    return _load(name, "itm", device)


def load_itc(name: str, *, device: str = "cpu") -> RetrievalMatcher:
    """Return BLIP or BLIP-2 scored by its contrastive head; see `matching.load_matcher`."""
    return _load(name, "itc", device)
