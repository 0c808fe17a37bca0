"""Every option once: name, type, default, bounds and help; the flags are made from these fields.

A field's help ends with the source of its default where papers and code differ. Checks across
fields stand in `__post_init__` and name the flag. Components take flat parameters, never these
objects; only workflows and the command line see them.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any, Literal

from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.records import DEFAULT_KINDS, KINDS

Device = Literal["auto", "cpu", "cuda", "mps"]
OnError = Literal["stop", "skip"]
TableFormat = Literal["rich", "markdown", "latex", "csv", "json"]


def opt(
    default: Any,
    help: str,
    *,
    min: float | None = None,
    max: float | None = None,
    flags: tuple[str, ...] = (),
    metavar: str | None = None,
) -> Any:
    """A dataclass field that is also a command-line option.

    Args:
        default: value when the flag is not given; None means "as the help says".
        help: one sentence for `--help`.
        min: smallest value allowed.
        max: largest value allowed.
        flags: further spellings, such as `-o`; the long flag comes from the field's name.
        metavar: what stands for the value in `--help`.
    """
    metadata = {"help": help, "min": min, "max": max, "flags": flags, "metavar": metavar}
    return dataclasses.field(default=default, metadata=metadata)


def group(config: type, title: str) -> Any:
    """A nested configuration, shown as a panel of its own in `--help`."""
    return dataclasses.field(default_factory=config, metadata={"panel": title})


def _seed() -> Any:
    return opt(0, "Seed of everything random; the same seed gives the same bytes.", min=0)


def _device() -> Any:
    return opt("auto", "Where to compute; auto takes cuda, then mps, then cpu.")


def _batch_size(default: int, unit: str) -> Any:
    return opt(default, f"{unit} computed at once.", min=1)


def _workers(what: str) -> Any:
    return opt(None, f"Processes that {what}; default: one per core, at most 8.", min=0)


def _limit(unit: str) -> Any:
    return opt(None, f"Stop after this many {unit}.", min=1)


def _image_root() -> Any:
    return opt(None, "Folder that image paths are relative to; default: the data file's folder.")


def _on_error() -> Any:
    return opt("stop", "At a broken record or image: stop, or skip it, count it and list it.")


def _resume() -> Any:
    return opt(True, "Continue an interrupted run of the same command.")


def _force() -> Any:
    return opt(False, "Overwrite output that was made with other options.")


def _shard() -> Any:
    return opt(None, "Do only part I of N, such as 0/4; part 0 is the first.", metavar="I/N")


def _dry_run() -> Any:
    return opt(False, "Say what would be done, and write nothing.")


def _output(help: str) -> Any:
    return opt(None, help, flags=("-o",), metavar="PATH")


def _model() -> Any:
    return opt(
        None,
        "open_clip architecture, hf-hub:NAME, or scenes-tiny; default: ViT-B-32-quickgelu, the "
        "papers' model, or what a checkpoint folder says.",
    )


def _pretrained() -> Any:
    return opt(
        None,
        "Weights: an open_clip tag, a file or a folder; default: openai for the papers' model.",
    )


def _checkpoint() -> Any:
    return opt((), "Folder of a model, such as runs/ahnpl/last; may repeat.", metavar="PATH")


def _html() -> Any:
    return opt(
        None,
        "Also write one self-contained page; without PAGE, beside what is shown.",
        metavar="[PAGE]",
    )


def _format() -> Any:
    return opt("rich", "How tables are printed on stdout.", flags=("-f",))


def worker_count(asked: int | None) -> int:
    """Return what `--workers` means: as asked, or one per core this process may use, at most 8."""
    if asked is not None:
        return asked
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return min(len(usable) if usable else os.cpu_count() or 1, 8)


def parse_shard(text: str | None) -> tuple[int, int]:
    """Return (index, count) of `I/N`; None is the whole, (0, 1).

    Raises:
        ConfigError: not of that form, or I not below N.
    """
    if text is None:
        return 0, 1
    index, slash, count = text.partition("/")
    if slash and index.isdigit() and count.isdigit() and int(index) < int(count):
        return int(index), int(count)
    raise ConfigError(f"--shard {text} is not I/N with I below N", hint="Write 0/4 for the first.")


@dataclass(frozen=True, kw_only=True)
class ConsoleConfig:
    """What every command says, and how loud."""

    json: bool = opt(False, "Print one JSON object on stdout instead of tables.")
    quiet: bool = opt(False, "No progress and no notes on stderr.", flags=("-q",))
    verbose: bool = opt(False, "Notes for debugging on stderr.", flags=("-v",))


@dataclass(frozen=True, kw_only=True)
class NegativesConfig:
    """Hard negative captions (AHNPL 3.1)."""

    output: str | None = _output("Where to write; default: negatives.jsonl.")
    input_format: Literal["auto", "jsonl", "coco", "karpathy", "blip", "csv", "tsv"] = opt(
        "auto", "Format of the captions; auto looks into the file."
    )
    id_column: str = opt("id", "CSV/TSV column of the record's id; rows are numbered without it.")
    image_column: str = opt("image", "CSV/TSV column of the image path.")
    caption_column: str = opt("caption", "CSV/TSV column of the caption.")
    split: str | None = opt(None, "Karpathy split to read; default: train and restval.")
    kinds: tuple[str, ...] = opt(
        DEFAULT_KINDS, f"Kinds to make, of {', '.join(KINDS)}.", metavar="KIND,..."
    )
    per_kind: int = opt(1, "Candidates per kind and caption; training draws one a step.", min=1)
    filler: str = opt("auto", "What refills a word: auto, roberta or corpus.")
    filler_model: str = opt("roberta-base", "Masked language model of transformers, or a folder.")
    top_k: int = opt(10, "Candidate words per masked word, most fitting first (ours).", min=1)
    select: Literal["random", "concreteness"] = opt(
        "random", "Which word is changed: any, or the concrete ones more often (Slipform)."
    )
    temperature: float = opt(
        1.0, "With --select concreteness: below 1 sharper, above 1 flatter (ours).", min=0.01
    )
    spacy_model: str | None = opt(
        None, "spaCy pipeline; default: en_core_web_sm as installed, or the one we depend on."
    )
    seed: int = _seed()
    device: Device = _device()
    batch_size: int = opt(
        256, "Captions a process takes at once, in blocks of 256; never changes the output.", min=1
    )
    workers: int | None = _workers("tag captions and make negatives")
    shard: str | None = _shard()
    limit: int | None = _limit("captions")
    on_error: OnError = _on_error()
    resume: bool = _resume()
    force: bool = _force()
    dry_run: bool = _dry_run()

    def __post_init__(self) -> None:
        for kind in self.kinds:
            choose(kind, KINDS, "kind of negative")
        choose(self.filler, ("auto", "roberta", "corpus"), "filler")
        parse_shard(self.shard)


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """Features of images, captions and negatives."""

    output: str | None = _output("Folder to write; default: embeddings.")
    image_root: str | None = _image_root()
    model: str | None = _model()
    pretrained: str | None = _pretrained()
    checkpoint: str | None = opt(None, "Folder of a model, such as runs/ahnpl/last.")
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    dtype: Literal["float32", "float16"] = opt("float32", "Number format of what is stored.")
    perturb: bool = opt(False, "Also write the image negatives of Eqs. 1-2.")
    rows_per_shard: int = opt(50_000, "Rows of one safetensors file.", min=1)
    device: Device = _device()
    batch_size: int = _batch_size(256, "Images or texts")
    workers: int | None = _workers("decode images")
    shard: str | None = _shard()
    limit: int | None = _limit("records")
    on_error: OnError = _on_error()
    resume: bool = _resume()
    force: bool = _force()
    dry_run: bool = _dry_run()

    def __post_init__(self) -> None:
        parse_shard(self.shard)


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Benchmarks."""

    data: str | None = opt(
        None, "Folder with the benchmarks' files; default: data, then $AHNPL_DATA.", metavar="PATH"
    )
    output: str | None = _output("Report to write; default: results.json.")
    image_root: str | None = opt(None, "One more folder to look for images in.")
    checkpoint: tuple[str, ...] = _checkpoint()
    model: tuple[str, ...] = opt(
        (), "open_clip architecture, hf-hub:NAME, or scenes-tiny; may repeat.", metavar="NAME"
    )
    pretrained: tuple[str, ...] = opt(
        (), "Weights of --model: an open_clip tag, a file or a folder; one for all, or one each."
    )
    list: bool = opt(
        False, "List the suites: what each measures, where it comes from, what is here."
    )
    allow_missing: bool = opt(False, "Score what is there and print the coverage.")
    tie: Literal["strict", "official"] = opt(
        "strict", "A tie is wrong, or counts as each benchmark's own script has it."
    )
    published: bool = opt(False, "Print the papers' numbers beside ours.")
    blind: bool = opt(False, "Also score by caption alone, to show what a suite gives away.")
    represent: bool = opt(
        False, "Also measure similarity within and across modalities (CE-CLIP, Fig. 8)."
    )
    classnames: str | None = opt(
        None,
        "zeroshot: class names, one a line in the order of the sorted folders.",
        metavar="FILE",
    )
    templates: str | None = opt(
        None, "zeroshot: prompts, one a line with {} for the class name.", metavar="FILE"
    )
    difficult: Literal["positive", "negative", "ignore"] = opt(
        "positive", "zeroshot, probe: how VOC's difficult objects count (CLIP_benchmark)."
    )
    custom: str | None = opt(None, "custom: JSONL of captions with negatives.", metavar="FILE")
    items: Literal["jsonl", "parquet"] = opt(
        "jsonl", "Format of the file of every score; parquet needs pyarrow."
    )
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    bootstrap: int = opt(1000, "Bootstrap replicates of intervals and differences.", min=100)
    cache: str | None = opt(
        None, "Folder for features and unpacked files; default: ~/.cache/ahnpl.", metavar="PATH"
    )
    cache_features: bool = opt(True, "Keep features on disk: a second run needs no forward pass.")
    seed: int = _seed()
    device: Device = _device()
    batch_size: int = _batch_size(256, "Images or texts")
    workers: int | None = _workers("decode images")
    limit: int | None = _limit("items per subset")
    force: bool = _force()
    html: str | None = _html()
    format: TableFormat = _format()


@dataclass(frozen=True, kw_only=True)
class InspectConfig:
    """Tables of examples and soundness of files."""

    checkpoint: tuple[str, ...] = _checkpoint()
    model: str | None = _model()
    pretrained: str | None = _pretrained()
    image_root: str | None = _image_root()
    examples: int | None = opt(
        None,
        "How many examples to show; default: 2, as in the paper's Table 5, or 20 of a file.",
        min=1,
    )
    neighbours: str | None = opt(
        None, "With embeddings: show what lies nearest to this id or text.", metavar="ID"
    )
    seed: int = _seed()
    device: Device = _device()
    html: str | None = _html()
    format: TableFormat = _format()


@dataclass(frozen=True, kw_only=True)
class ScenesConfig:
    """The embedded world."""

    output: str | None = opt(
        None, "Folder to write, as OUT; default: scenes.", flags=("-o", "--out"), metavar="PATH"
    )
    train: int = opt(4000, "Training images.", min=0)
    test: int = opt(500, "Items of each test file.", min=0)
    seed: int = _seed()
    workers: int | None = _workers("draw")
    force: bool = _force()


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Every stage on the embedded world."""

    output: str | None = opt(
        None, "Folder to write; default: ahnpl-demo.", flags=("-o", "--out"), metavar="PATH"
    )
    seed: int = _seed()
    device: Device = _device()
    quick: bool = opt(False, "Fewer scenes and steps: under two minutes on two cores.")
    html: str | None = _html()
    resume: bool = _resume()
    force: bool = _force()
