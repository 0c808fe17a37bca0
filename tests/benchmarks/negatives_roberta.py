"""Masked fills a second of our filler and of a `fill-mask` pipeline called on a list as it comes.

    python tests/benchmarks/negatives_roberta.py CAPTIONS [--limit N]

The model has the size of roberta-base and random weights; its tokenizer is byte-level BPE trained
on the captions, filled up with unused words to RoBERTa's 50,265. One word of every caption is
masked. The tokens are compared before the ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM, pipeline

from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.negatives.fillers.roberta import RobertaFiller

SIZE = 50_265
SPECIAL = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
TOP = 5


def train_tokenizer(captions: list[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer with RoBERTa's marks and as many tokens."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator((f" {caption}" for caption in captions), trainer)
    state = json.loads(made.to_str())
    vocabulary = state["model"]["vocab"]
    vocabulary |= {f"Ġunused{i}": i for i in range(len(vocabulary), SIZE)}
    full = Tokenizer.from_str(json.dumps(state))
    full.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(tokenizer_object=full, model_max_length=512, **SPECIAL)


def write_model(folder: Path, captions: list[str]) -> None:
    """Write a model of roberta-base's size with random weights."""
    train_tokenizer(captions).save_pretrained(folder)
    torch.manual_seed(0)
    config = RobertaConfig(vocab_size=SIZE, max_position_embeddings=514, pad_token_id=1)
    RobertaForMaskedLM(config).save_pretrained(folder)


def masked(caption: str, number: int) -> str:
    """One word of a caption masked, another one in each caption."""
    words = caption.split()
    words[number % len(words)] = "<mask>"
    return " ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--limit", type=int, default=512)
    asked = parser.parse_args()
    captions = [record.caption for record in read_captions(asked.captions)]
    texts = [masked(caption, i) for i, caption in enumerate(islice(captions, asked.limit))]
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), captions)
        fill = pipeline("fill-mask", model=folder, tokenizer=folder, device="cpu", top_k=TOP)
        filler = RobertaFiller(folder)
        fill(texts[:8])
        filler.top_tokens(texts[:8], TOP)

        begin = time.perf_counter()
        theirs = [[answer["token"] for answer in answers] for answers in fill(texts)]
        plain = time.perf_counter() - begin
        begin = time.perf_counter()
        ours = filler.top_tokens(texts, TOP)[0].tolist()
        fast = time.perf_counter() - begin
    differ = sum(a != b for a, b in zip(theirs, ours, strict=True))
    print(f"{len(texts)} masked captions, {torch.get_num_threads()} thread(s)")
    print(f"fill-mask pipeline {len(texts) / plain:8.1f} fills/s")
    print(f"RobertaFiller      {len(texts) / fast:8.1f} fills/s")
    print(f"ratio              {plain / fast:8.2f}x; top-{TOP} tokens differ in {differ}")


if __name__ == "__main__":
    main()
