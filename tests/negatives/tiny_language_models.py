"""Tiny causal language models, trained here in seconds and saved as published ones are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PLACES = 512


def _tokenizer(texts: Sequence[str]) -> Any:
    """Byte-level BPE, which gives every text back exactly."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<end>", eos_token="<end>", pad_token="<end>"
    )


def train(folder: Path, pairs: Sequence[tuple[str, str]], steps: int) -> float:
    """Train a model to follow each prompt with its answer, and save it; return its last loss.

    A prompt may be empty: then it learns to say the answer itself.
    """
    tokenizer = _tokenizer([prompt + answer for prompt, answer in pairs])
    rows, labels = [], []
    for prompt, answer in pairs:
        start = [tokenizer.bos_token_id] if not prompt else tokenizer(prompt)["input_ids"]
        end = [*tokenizer(answer)["input_ids"], tokenizer.eos_token_id]
        rows.append(torch.tensor(start + end))
        labels.append(torch.tensor([-100] * len(start) + end))
    pad = torch.nn.utils.rnn.pad_sequence
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=PLACES,
            n_embd=96,
            n_layer=2,
            n_head=4,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
        model = transformers.GPT2LMHeadModel(config)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        inputs = pad(rows, batch_first=True, padding_value=0)
        expected = pad(labels, batch_first=True, padding_value=-100)
        mask = pad([torch.ones_like(row) for row in rows], batch_first=True)
        loss = torch.tensor(0.0)
        for _ in range(steps):
            loss = model(input_ids=inputs, attention_mask=mask, labels=expected).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return loss.item()
