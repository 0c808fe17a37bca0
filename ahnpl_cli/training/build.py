"""Builds what a run trains: model, data, objective, optimizer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from numpy.typing import NDArray
from torch import nn

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.load import load_backbone, pick_device, seen_from
from ahnpl_cli.config import TrainConfig, resolve_recipe, resolve_training
from ahnpl_cli.data.archives import is_shards
from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.data.fingerprints import fingerprints, image_problems
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.data.loader import ImageLoader, RandomCrop
from ahnpl_cli.data.pixel_cache import PixelCache
from ahnpl_cli.data.sources import Place, parse_sources
from ahnpl_cli.data.tar_shards import PlacedRecord, read_shards, resolve_files, shard_places
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import Recipe
from ahnpl_cli.losses.registry import TERMS
from ahnpl_cli.losses.released import PLACEHOLDER
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import RunStart, described
from ahnpl_cli.training.checkpoints import WeightExport, hash_data
from ahnpl_cli.training.distributed import world_size
from ahnpl_cli.training.encoders import (
    Encoders,
    check_trainable,
    freeze,
    freeze_unused,
    parameter_groups,
    set_train_mode,
    try_text_length,
    warn_of_clamp,
)
from ahnpl_cli.training.evaluating import check_evaluation
from ahnpl_cli.training.lora import add_lora
from ahnpl_cli.training.neighbors import NeighborOrder, Neighbors, find_neighbors
from ahnpl_cli.training.preflight import check_tracker
from ahnpl_cli.training.schedule import (
    Milestones,
    Order,
    make_milestones,
    make_order,
)
from ahnpl_cli.training.teachers import Teacher, make_teachers
from ahnpl_cli.workers import worker_count

logger = logging.getLogger(__name__)
PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True, kw_only=True)
class TrainingParts:
    """What a run is made of.

    Attributes:
        accelerator: device, precision, processes, trackers.
        backbone: the model that is trained.
        encoders: the same as one module, wrapped for several processes if there are any.
        objective: the losses and their state.
        optimizer: over both.
        data: the pairs.
        loader: their images.
        order: which pairs a step sees.
        milestones: after which steps the run logs, saves and evaluates.
        start: what `start.json` says.
        export: builds the model that checkpoints hold.
        teachers: models whose features the losses compare with, by name.
        skipped: records left out because of their image.
        problems: what is wrong with which image.
        images: fingerprint of each distinct image; empty if images are not checked.
        neighbors: the nearest images of each, if batches hold some.
    """

    accelerator: Accelerator
    backbone: Backbone
    encoders: nn.Module
    objective: Objective
    optimizer: torch.optim.Optimizer
    data: TrainingSet
    loader: ImageLoader
    order: Order
    milestones: Milestones
    start: RunStart
    export: WeightExport
    teachers: dict[str, Teacher]
    skipped: int
    problems: tuple[str, ...]
    images: NDArray[np.int64]
    neighbors: Neighbors | None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self.accelerator.device
        return device


def _make_accelerator(config: TrainConfig, run: Path) -> Accelerator:
    """Return accelerate's engine for the device and precision asked for.

    Raises:
        ConfigError: the device is not here, or the tracker is not installed.
    """
    device = pick_device(config.device).partition(":")[0]
    precision = config.memory.precision
    if precision == "auto":
        precision = "bf16" if device == "cuda" else "fp32"
    if precision == "fp16" and device != "cuda":
        raise ConfigError(f"--precision fp16 needs --device cuda, not {device}", hint="Use bf16.")
    tracker = config.run.tracker
    check_tracker(tracker)
    # Accelerate keeps one state a process; a second run in it may differ in precision.
    AcceleratorState._reset_state(reset_partial_state=world_size() == 1)
    return Accelerator(
        cpu=device == "cpu",
        mixed_precision=PRECISION[precision],
        log_with=None if tracker == "none" else tracker,
        project_dir=str(run),
    )


def open_records(config: TrainConfig) -> Iterator[PlacedRecord]:
    """Yield the records of every `--data` with the place of their images and painted pictures."""
    for source in parse_sources(config.data, config.image_root):
        if is_shards(source.data):
            placed = read_shards([source.data], on_error=config.on_error)
        else:
            path = Path(source.data)
            records = read_records(path, on_error=config.on_error)
            placed = iter(resolve_files(records, source.root, path.parent))
        for record, picture, painted in placed:
            # Sources number their records alike; the name in front keeps them apart.
            own = f"{source.name}/{record.id}" if source.name else record.id
            yield replace(record, id=own), picture, painted


def _data_files(config: TrainConfig) -> Iterable[Place]:
    """Yield every file that `--data` names."""
    for source in parse_sources(config.data, config.image_root):
        yield from shard_places(source.data) if is_shards(source.data) else [Path(source.data)]


def _read_data(
    config: TrainConfig, recipe: Recipe, backbone: Backbone, track: Track = silent
) -> TrainingSet:
    """Read records and tokenise their texts.

    Raises:
        DataError: a record is broken, or the recipe needs negatives or pictures of negatives, and
            there are none.
    """
    data = TrainingSet(
        islice(open_records(config), config.limit),
        backbone.tokenize,
        pad_id=backbone.pad_id,
        negatives=recipe.uses_negatives,
        painted=recipe.painted,
        one_negative=recipe.one_negative,
        positives=recipe.uses_positives,
        units_drawn=recipe.units_drawn if recipe.uses_units else 0,
        joined=recipe.joined_images,
        placeholder=PLACEHOLDER if recipe.fidelity == "released" else None,
        track=track,
    )
    for source in parse_sources(config.data, config.image_root):
        if source.weight != 1:
            data.weigh(source.name, source.weight)
    if data.same_tokens:
        logger.warning(
            "Left out %d negatives that read like their caption within %d tokens.",
            data.same_tokens,
            backbone.info.context_length,
        )
    if recipe.painted != "none" and not data.painted:
        raise DataError(
            f"--objective {config.objective} needs pictures of negatives, and there are none",
            where=", ".join(config.data),
            hint="Paint them with: ahnpl images negatives.jsonl.",
        )
    if data.kinds:
        logger.info("Negatives of %s.", described(data.kinds))
    if recipe.uses_units and not data.further.units:
        raise DataError(
            f"--objective {config.objective} needs units of captions, and there are none",
            where=", ".join(config.data),
            hint="Make them with: ahnpl negatives captions.jsonl --units.",
        )
    made_of_captions = recipe.joined_images
    if recipe.uses_positives and not (made_of_captions or data.further.positives):
        raise DataError(
            f"--objective {config.objective} needs other true texts, and there are none",
            where=", ".join(config.data),
            hint="Make them with: ahnpl negatives captions.jsonl --positives all.",
        )
    for term in map(TERMS.__getitem__, recipe.active):
        if term.kind and term.kind not in data.kinds:
            raise DataError(
                f"{term.label} needs negatives of the kind {term.kind}, and there are none",
                where=", ".join(config.data),
                hint=f"Make them with: ahnpl negatives captions.jsonl --kinds default,{term.kind}.",
            )
    if recipe.uses_negatives and not data.negatives:
        raise DataError(
            f"--objective {config.objective} needs negatives, and there are none",
            where=", ".join(config.data),
            hint="Make them with: ahnpl negatives captions.jsonl.",
        )
    return data


def _check_images(data: TrainingSet, config: TrainConfig, track: Track = silent) -> tuple[str, ...]:
    """Leave out pairs whose image is missing or broken, or stop; return what is wrong.

    Raises:
        DataError: an image is missing or broken, and `--on-error` is stop.
    """
    problems = image_problems(data.pictures, track=track) if config.run.check_images else {}
    if not problems:
        return ()
    first, problem = next(iter(problems.items()))
    if config.on_error == "stop":
        more = f", and {len(problems) - 1} more like it" if len(problems) > 1 else ""
        hint = "Check --image-root, or leave them out with --on-error skip."
        raise DataError(f"{problem}{more}", where=data.name_of(first), hint=hint)
    before, names = len(data), {number: data.name_of(number) for number in problems}
    of_pairs = set(data.picture_of.tolist())
    own = [number for number in problems if number in of_pairs]
    shown = [number for number in problems if number not in own]
    data.leave_out(problems)
    if own:
        logger.warning(
            "Skipped %d records with unreadable images (first: %s).",
            before - len(data),
            names[own[0]],
        )
    if shown:
        logger.warning(
            "Left out %d pictures of negatives, whose texts stay (first: %s).",
            len(shown),
            names[shown[0]],
        )
    if not len(data):
        raise DataError("no image can be read", hint="Check --image-root.")
    return tuple(f"{names[number]}: {problem}" for number, problem in problems.items())


def _start_info(config: TrainConfig, run: Path, backbone: Backbone, data_sha256: str) -> RunStart:
    """Return what names the parent model, and the data."""
    return RunStart(
        model=seen_from(run, config.model),
        pretrained=seen_from(run, config.pretrained),
        checkpoint=seen_from(run, config.checkpoint),
        force_quick_gelu=config.force_quick_gelu,
        name=backbone.info.name,
        sha256=backbone.info.weights_sha256,
        data=config.data,
        data_sha256=data_sha256,
    )


def _pixel_cache(
    config: TrainConfig, backbone: Backbone, images: NDArray[np.int64]
) -> PixelCache | None:
    """Return where decoded images are kept on disk, if that is asked for.

    Raises:
        ConfigError: images are not checked, so that nobody would notice another one.
    """
    folder = config.memory.pixel_cache
    if folder is None:
        return None
    if not config.run.check_images:
        what = (
            "--pixel-cache knows images by their fingerprints, which --no-check-images leaves out"
        )
        raise ConfigError(what, hint="Leave one of them out.")
    info = backbone.info
    return PixelCache(Path(folder), images, info.preprocess, info.image_size)


def _make_optimizer(
    config: TrainConfig, model: nn.Module, objective: Objective
) -> torch.optim.Optimizer:
    """Return AdamW over the model and `a`."""
    training = resolve_training(config)
    groups = list(parameter_groups(model, objective.parameters(), training.weight_decay))
    betas = (config.optimizer.beta1, config.optimizer.beta2)
    eps = config.optimizer.eps
    return torch.optim.AdamW(groups, lr=training.lr, betas=betas, eps=eps, fused=True)


def _random_crop(config: TrainConfig, backbone: Backbone) -> RandomCrop | None:
    """Return what crops images for training; None for the transform of evaluation."""
    smallest = resolve_training(config).random_crop
    return RandomCrop(smallest, backbone.info.image_size, config.seed) if smallest < 1 else None


def _make_export(config: TrainConfig, backbone: Backbone) -> WeightExport:
    """Return what builds the model that checkpoints hold; before corrections are added."""
    part = resolve_training(config).wise_ft
    differs = config.memory.lora is not None or config.memory.ema is not None or part < 1
    return WeightExport(backbone, differs=differs, wise_ft=part if part < 1 else None)


def build(config: TrainConfig, run: Path, *, track: Track = silent) -> TrainingParts:
    """Load, read and build everything, the model in training mode; writes nothing.

    Raises:
        AhnplError: whatever the user has to fix first.
    """
    recipe = resolve_recipe(config)
    # Before the model is loaded, which may take a while.
    data_sha256 = hash_data(_data_files(config))
    # A suite that cannot be read should not be found out hours later.
    if config.run.eval_every:
        check_evaluation(config.run)
    accelerator = _make_accelerator(config, run)
    backbone = load_backbone(
        model=config.model,
        pretrained=config.pretrained,
        checkpoint=config.checkpoint,
        device=str(accelerator.device),
        force_quick_gelu=config.force_quick_gelu,
        matching=True,
    )
    check_trainable(config, backbone)
    try_text_length(backbone)
    start = _start_info(config, run, backbone, data_sha256)
    data = _read_data(config, recipe, backbone, track)
    records = len(data)
    problems = _check_images(data, config, track)
    seen = data.pictures if config.run.check_images else []
    images = fingerprints(seen, track=track)
    order = make_order(config, data)
    neighbors = None
    if recipe.image_neighbors:
        count = recipe.image_neighbors
        neighbors = find_neighbors(config, run, backbone, data, images, count, track=track)
        order = NeighborOrder(order, data, neighbors.nearest)
    # What is saved has the names of the model as it is now, without corrections.
    export = _make_export(config, backbone)
    teachers: dict[str, Teacher] = {}
    frozen = resolve_training(config).freeze
    if recipe.teachers:
        stay = frozen == "image"
        teachers = make_teachers(recipe, backbone, accelerator.autocast, images_stay=stay)
    freeze(backbone, frozen)
    if config.memory.lora:
        add_lora(backbone, config.memory.lora, seed=config.seed)
    freeze_unused(backbone, matching=recipe.uses_matching)
    warn_of_clamp(backbone)
    if config.memory.grad_checkpointing:
        backbone.set_gradient_checkpointing(True)
    objective = Objective(recipe, len(data.kinds), seed=config.seed).to(accelerator.device)
    optimizer = _make_optimizer(config, backbone.module, objective)
    loader = ImageLoader(
        data.pictures,
        backbone.preprocess,
        workers=worker_count(config.workers),
        cache_gigabytes=config.memory.image_cache,
        pin_memory=accelerator.device.type == "cuda",
        crop=_random_crop(config, backbone),
        disk=_pixel_cache(config, backbone, images),
    )
    encoders = accelerator.prepare_model(Encoders(backbone))
    set_train_mode(backbone.module)
    return TrainingParts(
        accelerator=accelerator,
        backbone=backbone,
        encoders=encoders,
        objective=objective,
        optimizer=optimizer,
        data=data,
        loader=loader,
        order=order,
        milestones=make_milestones(config, order),
        start=start,
        export=export,
        teachers=teachers,
        skipped=records - len(data),
        problems=problems,
        images=images,
        neighbors=neighbors,
    )
