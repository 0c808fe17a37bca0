"""The options of `ahnpl negatives`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ahnpl_cli.catalog import choose
from ahnpl_cli.config.captions import CaptionsConfig, captions_group
from ahnpl_cli.config.options import (
    ClusterConfig,
    Device,
    cluster_group,
    device_option,
    dry_run_option,
    force_option,
    group,
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
from ahnpl_cli.records import (
    DEFAULT_KINDS,
    KINDS,
    POSITIVE_KINDS,
    PRESETS,
    expand_presets,
)


def llm_url_option() -> Any:
    """`--llm-url`."""
    help = "An OpenAI-compatible endpoint, such as http://localhost:8000/v1."
    return opt(None, help, metavar="URL")


def llm_key_option() -> Any:
    """`--llm-key`."""
    help = "Environment variable that holds the endpoint's key."
    return opt("OPENAI_API_KEY", help, metavar="VARIABLE")


def check_llm(url: str | None, key_variable: str) -> None:
    """Check that neither `--llm-key` nor `--llm-url` holds a key, which would stand in reports.

    Raises:
        ConfigError: one does, or the URL is no address of a server.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key_variable):
        hint = "Put the key into a variable and name it, such as OPENAI_API_KEY."
        raise ConfigError("--llm-key is not the name of an environment variable", hint=hint)
    if "@" in (url or ""):
        hint = "Put a key into the variable that --llm-key names."
        raise ConfigError("--llm-url has a name or password in it", hint=hint)


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """What a language model writes and judges."""

    llm: str | None = opt(
        None,
        "Language model: with --llm-url its name there, else a causal model of transformers, by "
        "folder or cached name.",
        metavar="NAME",
    )
    llm_url: str | None = llm_url_option()
    llm_key: str = llm_key_option()
    rewrite: tuple[str, ...] = opt(
        (), "Kinds whose negatives the language model writes as whole captions.", metavar="KIND,..."
    )
    answers: str | None = opt(
        None,
        "File of the language model's answers; shards may share it. Default: beside the output.",
        metavar="FILE",
    )
    judge_model: str | None = opt(
        None,
        "Causal model of transformers, by folder or cached name: rejects negatives that read much "
        "worse than their captions.",
        metavar="PATH",
    )
    judge_threshold: float = opt(
        1.0, "How much worse: nats a token, of the mean log-likelihood (ours).", min=0.0
    )

    @property
    def names_model(self) -> bool:
        """Whether there is a language model to ask."""
        return bool(self.llm or self.llm_url)


# More than these hardly come: of a COCO caption's places each gives a few (ours; see the manual).
PER_KIND = 8


@dataclass(frozen=True, kw_only=True)
class NegativesConfig:
    """Hard negative captions (AHNPL 3.1)."""

    output: str | None = output_option("Where to write; default: negatives.jsonl.")
    captions: CaptionsConfig = captions_group()
    kinds: tuple[str, ...] = opt(
        DEFAULT_KINDS,
        f"Kinds to make, of {', '.join(KINDS)}; or a preset: {', '.join(PRESETS)}.",
        metavar="KIND,...",
    )
    per_kind: int | None = opt(
        None,
        f"Negatives of each kind and caption at most, of which training draws one anew in every "
        f"epoch; default: {PER_KIND}, or 1 with a language model and with --kinds paper.",
        min=1,
    )
    filler: str = opt(
        "auto",
        "What refills a word: roberta, corpus, llm, or auto: roberta if it is on this disk.",
    )
    filler_model: str | None = opt(
        None, "Masked language model of transformers, or a folder; default: roberta-base."
    )
    top_k: int = opt(10, "Candidate words per masked word, most fitting first (ours).", min=1)
    select: Literal["random", "concreteness", "plausible", "top-k"] = opt(
        "random",
        "Which change is made: any; concrete words more often; the more plausible; or one negative "
        "a caption, of one of its three most concrete words over all kinds (Slipform).",
    )
    select_temperature: float = opt(
        1.0, "With --select concreteness: below 1 sharper, above 1 flatter (ours).", min=0.01
    )
    balance: float = opt(
        0.15,
        "How far words that tell a negative without its image are avoided; 0 makes more (ours).",
        min=0,
    )
    positives: tuple[str, ...] = opt(
        (),
        f"Also further true texts, of {', '.join(POSITIVE_KINDS)}; all is every one that needs no "
        "language model.",
        metavar="KIND,...",
    )
    units: bool = opt(
        False, "Also the caption's entities and relations, each with a false twin (CS-CLIP)."
    )
    language: LanguageConfig = group(LanguageConfig, "Language model")
    statistics: str | None = opt(
        None,
        "Statistics that another run has saved, instead of those of these captions.",
        metavar="FILE",
    )
    save_statistics: str | None = opt(
        None, "Also write the statistics of these captions, for --statistics.", metavar="FILE"
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
        if self.select == "top-k" and (self.per_kind or 1) > 1:
            what = "--select top-k makes one negative a caption, not several of a kind"
            raise ConfigError(what, hint="Leave out --per-kind.")
        if self.per_kind is None:
            # A language model's answers are dear, and top-k makes one of a caption anyway. AHNPL's
            # T_hs (Eq. 6) has one negative of each type.
            is_paper = set(self.kinds) == set(PRESETS["paper"])
            is_single = is_paper or self.language.names_model or self.select == "top-k"
            object.__setattr__(self, "per_kind", 1 if is_single else PER_KIND)
        choose(self.filler, ("auto", "roberta", "corpus", "llm"), "filler")
        object.__setattr__(self, "positives", expand_positives(self.positives))
        self._check_language()
        if self.statistics and self.save_statistics:
            what = "--statistics takes statistics, so --save-statistics has none to write"
            raise ConfigError(what, hint="Give one.")
        parse_shard(self.shard)
        refuse_workers(self.cluster, self.workers)

    def _check_language(self) -> None:
        """Refuse a task without a language model, and a language model without a task.

        Raises:
            ConfigError: there is one.
        """
        language = self.language
        check_llm(language.llm_url, language.llm_key)
        for kind in language.rewrite:
            choose(kind, self.kinds, "kind of --kinds to rewrite")
        tasks = {
            "--filler llm": self.filler == "llm",
            "--rewrite": bool(language.rewrite),
            "--positives rewrite": "rewrite" in self.positives,
        }
        given = [task for task, is_given in tasks.items() if is_given]
        if given and not language.names_model:
            hint = "Name it with --llm, or its server with --llm-url."
            raise ConfigError(f"{given[0]} needs a language model", hint=hint)
        if language.names_model and not given:
            hint = f"Ask it for something: {', '.join(tasks)}."
            raise ConfigError("the language model has nothing to do", hint=hint)


def expand_positives(names: Sequence[str]) -> tuple[str, ...]:
    """Return kinds of positives in their order, `all` resolved.

    Raises:
        ConfigError: one is unknown.
    """
    chosen = set(names)
    if "all" in chosen:
        chosen = chosen - {"all"} | set(POSITIVE_KINDS) - {"rewrite"}
    for kind in sorted(chosen):
        choose(kind, POSITIVE_KINDS, "kind of positive")
    return tuple(kind for kind in POSITIVE_KINDS if kind in chosen)
