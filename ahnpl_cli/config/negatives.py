"""The options of `ahnpl negatives`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.catalog import choose
from ahnpl_cli.config.options import (
    ClusterConfig,
    Device,
    cluster_group,
    device_option,
    dry_run_option,
    force_option,
    limit_option,
    on_error_option,
    opt,
    output_option,
    parse_shard,
    refuse_workers,
    resume_option,
    seed_option,
    shard_option,
    workers_option,
)
from ahnpl_cli.errors import ConfigError, OnError
from ahnpl_cli.records import DEFAULT_KINDS, KINDS, PRESETS, expand_presets


@dataclass(frozen=True, kw_only=True)
class NegativesConfig:
    """Hard negative captions (AHNPL 3.1)."""

    output: str | None = output_option("Where to write; default: negatives.jsonl.")
    input_format: Literal["auto", "jsonl", "coco", "karpathy", "blip", "csv", "tsv"] = opt(
        "auto", "Format of the captions; auto looks into the file."
    )
    id_column: str = opt(
        "id", "CSV/TSV column or JSONL field of the id; rows are numbered without it."
    )
    image_column: str = opt("image", "CSV/TSV column or JSONL field of the image path.")
    caption_column: str = opt("caption", "CSV/TSV column or JSONL field of the caption.")
    split: str | None = opt(None, "Karpathy split to read; default: train and restval.")
    kinds: tuple[str, ...] = opt(
        DEFAULT_KINDS,
        f"Kinds to make, of {', '.join(KINDS)}; or a preset: {', '.join(PRESETS)}.",
        metavar="KIND,...",
    )
    per_kind: int = opt(1, "Candidates per kind and caption; training draws one a step.", min=1)
    filler: str = opt(
        "auto", "What refills a word: roberta, corpus, or auto: roberta if it is on this disk."
    )
    filler_model: str | None = opt(
        None, "Masked language model of transformers, or a folder; default: roberta-base."
    )
    top_k: int = opt(10, "Candidate words per masked word, most fitting first (ours).", min=1)
    select: Literal["random", "concreteness", "plausible"] = opt(
        "random",
        "Which change is made: any; concrete words more often (Slipform); the more plausible.",
    )
    select_temperature: float = opt(
        1.0, "With --select concreteness: below 1 sharper, above 1 flatter (ours).", min=0.01
    )
    spacy_model: str | None = opt(
        None, "spaCy pipeline; default: en_core_web_sm as installed, or the one we depend on."
    )
    context: int = opt(
        77, "Tokens that the model to be trained reads; no word beyond them is changed.", min=16
    )
    tokenizer: str = opt(
        "clip", "What counts them: clip, or a tokenizer of transformers, by folder or cached name."
    )
    seed: int = seed_option()
    device: Device = device_option()
    batch_size: int = opt(
        256, "Captions a process takes at once, in blocks of 256; never changes the output.", min=1
    )
    workers: int | None = workers_option("tag captions and make negatives")
    shard: str | None = shard_option()
    cluster: ClusterConfig = cluster_group()
    limit: int | None = limit_option("captions")
    on_error: OnError = on_error_option()
    resume: bool = resume_option()
    force: bool = force_option()
    dry_run: bool = dry_run_option()

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ConfigError("--kinds names no kind", hint=f"Known: {', '.join(KINDS)}.")
        object.__setattr__(self, "kinds", expand_presets(self.kinds))
        for kind in self.kinds:
            choose(kind, KINDS, "kind of negative")
        choose(self.filler, ("auto", "roberta", "corpus"), "filler")
        parse_shard(self.shard)
        refuse_workers(self.cluster, self.workers)
