"""The options of `ahnpl images`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.catalog import choose
from ahnpl_cli.config.negatives import check_llm, llm_key_option, llm_url_option
from ahnpl_cli.config.options import (
    ClusterConfig,
    Device,
    batch_size_option,
    cluster_group,
    device_option,
    dry_run_option,
    force_option,
    group,
    image_root_option,
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
from ahnpl_cli.records import KINDS


@dataclass(frozen=True, kw_only=True)
class PartsConfig:
    """What finds, paints and judges."""

    locator: str = opt(
        "auto", "What finds the thing that an edit names: auto, coco, grounded, scenes or none."
    )
    annotations: tuple[str, ...] = opt(
        (), "COCO's instances_*.json or panoptic_*.json, for masks; may repeat.", metavar="PATH"
    )
    locator_model: tuple[str, ...] = opt(
        (),
        "Weights of --locator grounded: SAM 3, CLIPSeg or a zero-shot detector; for the last a "
        "SAM 2 as well, so this may repeat.",
        metavar="PATH",
    )
    threshold: float = opt(
        0.3, "How sure --locator grounded must be (SAM 3's default).", min=0.0, max=1.0
    )
    painter: tuple[str, ...] = opt(
        ("auto",),
        "What paints, tried in this order: auto, redraw, mirror, recolor, swap, inpaint, edit, "
        "generate.",
        metavar="NAME,...",
    )
    painter_model: str | None = opt(
        None, "Weights of inpaint, edit or generate: a diffusers pipeline.", metavar="PATH"
    )
    judge: tuple[str, ...] = opt(
        ("auto",), "What must accept a picture: auto, pixels, clip, blip.", metavar="NAME,..."
    )
    judge_model: str | None = opt(
        None, "CLIP of the judge clip: a name, or the folder of a model.", metavar="PATH"
    )
    blip_model: str | None = opt(
        None, "BLIP with an image-text matching head, for the judge blip.", metavar="PATH"
    )


@dataclass(frozen=True, kw_only=True)
class PaintConfig:
    """How pictures are painted and judged."""

    steps: int | None = opt(
        None, "Denoising steps; default: the pipeline's own (GNM took 100).", min=1
    )
    guidance: float | None = opt(
        None, "Weight of the prompt; default: the pipeline's own (GNM: 7.5).", min=0.0
    )
    strength: float | None = opt(
        None, "Noise in the place of the original; default: the pipeline's own.", min=0.0, max=1.0
    )
    side: int = opt(512, "Pixels of the square that a model paints (GNM: 512).", min=8)
    margin: float = opt(0.0, "By how much a judge must prefer the new caption (ours).")
    min_change: float = opt(
        14.0, "Percent of the painted pixels that must differ (GNM's repository).", min=0, max=100
    )
    min_deviation: float = opt(
        10.0, "Standard deviation from which a pixel differs (GNM's repository).", min=0, max=255
    )
    repaint_original: bool = opt(
        False, "Also paint the true thing into the same place, so that both sides are painted."
    )


@dataclass(frozen=True, kw_only=True)
class ConceptsConfig:
    """What a language model adds (GNM 3.1.1 and 3.1.2)."""

    llm: str | None = opt(
        None,
        "Let a language model think up other things: with --llm-url its name there, else a causal "
        "model of transformers.",
        metavar="NAME",
    )
    llm_url: str | None = llm_url_option()
    llm_key: str = llm_key_option()
    objects: int = opt(3, "Things of a caption that are changed at most (GNM: about 3).", min=1)
    variations: int = opt(4, "Other things for each of them (GNM: 4).", min=1)
    recaption: str | None = opt(
        None,
        "Captioning model of transformers: adds a caption that may name more than people's do.",
        metavar="PATH",
    )


@dataclass(frozen=True, kw_only=True)
class ImagesConfig:
    """Pictures of hard negatives."""

    output: str | None = output_option("Folder to write; default: images.")
    image_root: str | None = image_root_option()
    parts: PartsConfig = group(PartsConfig, "Parts")
    paint: PaintConfig = group(PaintConfig, "Painting and judging")
    concepts: ConceptsConfig = group(ConceptsConfig, "Concepts of a language model")
    kinds: tuple[str, ...] = opt(
        (), f"Kinds to show; default: all, {', '.join(KINDS)}.", metavar="KIND,..."
    )
    per_image: int | None = opt(
        None, "Pictures of an image at most; captions of an image stand together.", min=1
    )
    seed: int = seed_option()
    device: Device = device_option()
    batch_size: int = batch_size_option(8, "Pictures")
    workers: int | None = workers_option("paint, where no model does")
    shard: str | None = shard_option()
    cluster: ClusterConfig = cluster_group()
    limit: int | None = limit_option("captions")
    on_error: OnError = on_error_option()
    resume: bool = resume_option()
    force: bool = force_option()
    dry_run: bool = dry_run_option()
    review: str | None = opt(
        None,
        "Of an images.jsonl: write a table of all pictures, to be filled in with keep or drop; or "
        "take back one that is filled in.",
        metavar="CSV",
    )
    as_benchmark: str | None = opt(
        None, "Of an images.jsonl: write GNM's and BiVLC's test files here.", metavar="FOLDER"
    )

    def __post_init__(self) -> None:
        for kind in self.kinds:
            choose(kind, KINDS, "kind of negative")
        parse_shard(self.shard)
        refuse_workers(self.cluster, self.workers)
        wanted = self.concepts
        check_llm(wanted.llm_url, wanted.llm_key)
        if wanted.recaption and not (wanted.llm or wanted.llm_url):
            what = "--recaption adds captions without negatives"
            raise ConfigError(what, hint="Name a language model that makes them with --llm.")
        if self.review and self.as_benchmark:
            raise ConfigError("--review and --as-benchmark are two steps", hint="Give one.")
