"""Every option once: name, type, default, bounds and help; the flags are made from these fields.

A field's help ends with the source of its default where papers and code differ. Checks across
fields stand in `__post_init__` and name the flag. Components take flat parameters, never these
objects; only workflows and the command line see them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.records import DEFAULT_KINDS, KINDS

Device = Literal["auto", "cpu", "cuda", "mps"]
OnError = Literal["stop", "skip"]
TableFormat = Literal["rich", "markdown", "latex", "csv", "json"]
OBJECTIVES = ("clip", "negclip", "ce-clip", "slipform", "ahnpl")


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
    batch_size: int = _batch_size(256, "Captions")
    workers: int | None = _workers("tag captions")
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
class LossConfig:
    """Weights and switches; None takes those of the recipe named by --objective."""

    contrastive: float | None = opt(None, "Weight of Eq. 4, a sum of two directions.", min=0)
    hard_negative: float | None = opt(None, "Weight of Eq. 7: of Eqs. 5 and 6 alike.", min=0)
    hard_negative_visual: float | None = opt(None, "Weight of Eq. 5 alone.", min=0)
    hard_negative_textual: float | None = opt(None, "Weight of Eq. 6 alone.", min=0)
    positive_margin: float | None = opt(None, "Weight of Eq. 8.", min=0)
    negative_margin: float | None = opt(None, "Weight of Eq. 9.", min=0)
    intra_modal: float | None = opt(None, "Weight of CE-CLIP Eq. 3.", min=0)
    cross_modal_rank: float | None = opt(None, "Weight of CE-CLIP Eqs. 4-7.", min=0)
    cement: float | None = opt(None, "Weight of the concreteness margin (Slipform, ours).", min=0)
    hard_negatives: Literal["none", "own", "batch"] | None = opt(
        None, "Negatives in Eq. 4's image-to-text softmax: none, the pair's own, or the batch's."
    )
    mask_same_image: bool | None = opt(
        None, "Captions of one image are no negatives of each other (ours: on)."
    )
    shift_gradient: bool | None = opt(
        None, "Eq. 5's gradient flows through Eq. 1's shift (ours: on; released: off)."
    )
    a_init: float | None = opt(
        None, "Start of Eq. 8's a (ours, measured: 0.9; the paper draws from N(0,1)).", min=0
    )
    margin_cap: float | None = opt(
        None,
        "Upper bound of Eq. 10's M, in cosine (ours, measured: 0.1; the paper has none; released: "
        "10, in logits).",
        min=0,
    )
    rank_cap: float | None = opt(None, "u of CE-CLIP Eq. 7, in logits (CE-CLIP: 10).", min=0)
    cement_cap: float | None = opt(
        None, "Cement's margin at concreteness 5, in cosine (ours: 0.2).", min=0
    )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW, warmup and cosine."""

    epochs: int = opt(10, "Passes over the data (AHNPL).", min=1)
    steps: int | None = opt(None, "Stop after this many steps instead of --epochs.", min=1)
    batch_size: int = opt(128, "Image-caption pairs a step, over all processes (AHNPL).", min=1)
    lr: float = opt(2e-5, "Peak learning rate (AHNPL).", min=0)
    weight_decay: float = opt(0.1, "None on norms, biases, logit_scale and a (AHNPL).", min=0)
    warmup: int = opt(50, "Steps of linear warmup (released code).", min=0)
    beta1: float = opt(0.9, "AdamW's first beta (released code).", min=0, max=1)
    beta2: float = opt(0.98, "AdamW's second beta (released code).", min=0, max=1)
    eps: float = opt(1e-6, "AdamW's epsilon (released code).", min=0)
    grad_clip: float | None = opt(None, "Largest gradient norm (papers: none).", min=0)


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What fits, and what is trained."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = opt(
        "auto", "Number format of the towers; auto takes bf16 on cuda, else fp32."
    )
    accumulate: int = opt(
        1, "Encode the batch in this many parts; loss and gradient stay those of the whole.", min=1
    )
    grad_checkpointing: bool = opt(False, "Compute activations again instead of keeping them.")
    freeze: Literal["none", "image", "text"] = opt("none", "Tower that is not trained.")
    lora: int | None = opt(None, "Train only a correction of this rank to each weight.", min=1)
    wise_ft: float | None = opt(
        None, "Write ALPHA of the trained weights plus the rest of the start.", min=0, max=1
    )
    ema: float | None = opt(None, "Write a running mean of the weights with this decay.", max=1)
    image_cache: float = opt(1.0, "Gigabytes of decoded images kept in memory.", min=0)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What is measured, said and kept on the way."""

    log_every: int = opt(10, "Steps between lines of metrics.jsonl.", min=1)
    save_every: int | None = opt(None, "Steps between checkpoints; default: an epoch.", min=1)
    keep: int = opt(2, "Newest checkpoints kept beside last and best.", min=0)
    eval_every: int | None = opt(None, "Steps between evaluations; default: none.", min=1)
    eval_suites: tuple[str, ...] = opt(
        (), "Suites to evaluate, as for `eval`.", metavar="SUITE,..."
    )
    eval_data: str | None = opt(None, "Folder with the benchmarks' files, as for `eval --data`.")
    best_metric: str | None = opt(
        None,
        "Average that chooses best, such as sugarcrepe; default: the first suite's.",
    )
    tracker: Literal["none", "tensorboard", "wandb"] = opt("none", "Also log there.")
    check_images: bool = opt(True, "Open every image's header before training starts.")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Fine-tuning; the source of each default stands in its help."""

    output: str | None = _output("Folder of the run; default: runs/OBJECTIVE.")
    data: tuple[str, ...] = opt(
        ("negatives.jsonl",),
        "negatives.jsonl, or webdataset shards such as 'shards/{000..099}.tar'; may repeat.",
        metavar="PATH",
    )
    image_root: str | None = _image_root()
    model: str | None = _model()
    pretrained: str | None = _pretrained()
    checkpoint: str | None = opt(None, "Folder of a model to start from, such as runs/clip/last.")
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    objective: str = opt("ahnpl", "Recipe: ahnpl, ce-clip, negclip, clip or slipform.")
    fidelity: Literal["paper", "released"] = opt(
        "paper", "The printed equations, or what the released code computes."
    )
    losses: LossConfig = group(LossConfig, "Losses")
    optimizer: OptimizerConfig = group(OptimizerConfig, "Optimisation")
    memory: MemoryConfig = group(MemoryConfig, "Memory and what is trained")
    run: RunConfig = group(RunConfig, "The run")
    device: Device = _device()
    workers: int | None = _workers("decode images")
    seed: int = _seed()
    limit: int | None = _limit("records")
    on_error: OnError = _on_error()
    resume: bool = _resume()
    force: bool = _force()
    dry_run: bool = _dry_run()

    def __post_init__(self) -> None:
        choose(self.objective, OBJECTIVES, "objective")
        if self.run.eval_every and not self.run.eval_suites:
            raise ConfigError("--eval-every needs suites", hint="Add --eval-suites sugarcrepe.")
        if self.memory.accumulate > self.optimizer.batch_size:
            raise ConfigError(
                f"--accumulate {self.memory.accumulate} is more than --batch-size "
                f"{self.optimizer.batch_size}",
                hint="Each part needs at least one pair.",
            )


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Benchmarks."""

    data: str | None = opt(
        None, "Folder with the benchmarks' files; default: data, then $AHNPL_DATA.", metavar="PATH"
    )
    output: str | None = _output("Report to write; default: results.json.")
    checkpoint: tuple[str, ...] = _checkpoint()
    model: str | None = _model()
    pretrained: str | None = _pretrained()
    list: bool = opt(
        False, "List the suites: what each measures, where it comes from, what is here."
    )
    allow_missing: bool = opt(False, "Score what is there and print the coverage.")
    tie: Literal["strict", "official"] = opt(
        "strict", "A tie is wrong, or counts as each benchmark's own script has it."
    )
    published: bool = opt(False, "Print the papers' numbers beside ours.")
    blind: bool = opt(False, "Also score by caption alone, to show what a suite gives away.")
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    seed: int = _seed()
    device: Device = _device()
    batch_size: int = _batch_size(256, "Images or texts")
    workers: int | None = _workers("decode images")
    limit: int | None = _limit("items per subset")
    force: bool = _force()
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
    resume: bool = _resume()
    force: bool = _force()
