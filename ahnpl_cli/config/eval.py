"""The options of `ahnpl eval`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.config.options import (
    Device,
    TableFormat,
    allow_missing_option,
    batch_size_option,
    cache_option,
    check_page,
    checkpoint_option,
    data_option,
    device_option,
    dry_run_option,
    force_option,
    format_option,
    html_option,
    html_path_option,
    limit_option,
    opt,
    output_option,
    seed_option,
    workers_option,
)


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Benchmarks."""

    data: str | None = data_option()
    output: str | None = output_option(
        "Report to write; default: beside the run, or in results/, named after the suites."
    )
    image_root: str | None = opt(
        None, "Additional image folder, zip or tar, for any suite.", metavar="FOLDER"
    )
    checkpoint: tuple[str, ...] = checkpoint_option()
    model: tuple[str, ...] = opt(
        (),
        "open_clip architecture, hf-hub:NAME, transformers:NAME, scenes-tiny, or a matching model, "
        "itm:NAME, itc:NAME or caption:NAME; may repeat.",
        metavar="NAME",
    )
    pretrained: tuple[str, ...] = opt(
        (), "Weights of --model: an open_clip tag, a file or a folder; one for all, or one each."
    )
    list: bool = opt(
        False, "List the suites: what each measures, where it comes from, what is here."
    )
    allow_missing: bool = allow_missing_option()
    captions: str | None = opt(
        None, "half-truths: build them of this file of captions, in any format.", metavar="FILE"
    )
    leave_out_seen: bool = opt(
        False, "Score without the images that a model was trained on, as its run lists them."
    )
    half: Literal["tuning", "reported"] | None = opt(
        None,
        "Score one half of the items, by a hash of their images: choose on tuning (train "
        "--eval-half, frontier), report on the other.",
    )
    tie: Literal["strict", "official"] = opt(
        "strict", "A tie is wrong, or counts as each benchmark's own script has it."
    )
    published: bool = opt(False, "Print the papers' numbers beside ours.")
    full: bool = opt(False, "Print every subset, average and comparison before the summary.")
    blind: bool = opt(False, "Also score by caption alone, to show what a suite gives away.")
    blind_model: tuple[str, ...] = opt(
        (),
        "--blind also by a language model's likelihood or a text classifier: a folder of "
        "transformers, or a name on the Hub; may repeat.",
        metavar="NAME",
    )
    representation: bool = opt(
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
    scores_format: Literal["jsonl", "parquet"] = opt(
        "jsonl", "Format of the file of every score; parquet needs pyarrow."
    )
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    bootstrap: int = opt(
        1000, "Bootstrap replicates of intervals and differences.", min=100, max=1_000_000
    )
    precision: Literal["fp32", "bf16", "fp16"] = opt(
        "fp32", "Number format of the towers; autocast is faster on a GPU and decides less exactly."
    )
    cache: str | None = cache_option()
    cache_features: bool = opt(True, "Keep features on disk: a second run needs no forward pass.")
    seed: int = seed_option()
    device: Device = device_option()
    batch_size: int = batch_size_option(256, "Images or texts")
    workers: int | None = workers_option("decode images")
    limit: int | None = limit_option("items per subset")
    dry_run: bool = dry_run_option()
    force: bool = force_option()
    html: bool = html_option()
    html_path: str | None = html_path_option()
    format: TableFormat = format_option()

    def __post_init__(self) -> None:
        check_page(self.html_path)
