"""The options of `ahnpl train`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from ahnpl_cli.catalog import choose
from ahnpl_cli.config.losses import LossConfig, WeightConfig
from ahnpl_cli.config.options import (
    BATCH_MOST,
    Device,
    device_option,
    dry_run_option,
    flat,
    force_option,
    group,
    limit_option,
    model_option,
    on_error_option,
    opt,
    output_option,
    pretrained_option,
    resume_option,
    seed_option,
    workers_option,
)
from ahnpl_cli.errors import ConfigError, OnError
from ahnpl_cli.losses.hyperparameters import (
    PAPER_TRAINING,
    RELEASED_TRAINING,
    Hyperparameters,
    hyperparameters,
)
from ahnpl_cli.losses.recipes import DISTILLATION, OBJECTIVES, Recipe, recipe
from ahnpl_cli.losses.registry import JOINT_WEIGHTS, TERMS


def _training_help(what: str, name: str) -> str:
    """Return what an option is, and what each recipe gives it."""
    by_value: dict[float | str, list[str]] = {}
    for objective, training in PAPER_TRAINING.items():
        by_value.setdefault(getattr(training, name), []).append(objective)
    sources = [f"{', '.join(names)} {_shown(value)}" for value, names in by_value.items()]
    for objective, training in RELEASED_TRAINING.items():
        value = getattr(training, name)
        if value != getattr(PAPER_TRAINING[objective], name):
            sources.append(f"released {objective} {_shown(value)}")
    return f"{what} ({'; '.join(sources)})."


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW, warmup and cosine."""

    epochs: int | None = opt(None, _training_help("Passes over the data", "epochs"), min=1)
    steps: int | None = opt(None, "Take this many steps instead of --epochs.", min=1)
    batch_size: int | None = opt(
        None,
        _training_help("Image-caption pairs a step, over all processes", "batch_size"),
        min=1,
        max=BATCH_MOST,
    )
    lr: float | None = opt(None, _training_help("Peak learning rate", "lr"), min=0)
    weight_decay: float | None = opt(
        None,
        _training_help("Weight decay, none on norms, biases, logit_scale and a", "weight_decay"),
        min=0,
    )
    random_crop: float | None = opt(
        None,
        _training_help(
            "Train on random crops of this part of an image's area or more; 1: none", "random_crop"
        ),
        min=0.01,
        max=1,
    )
    warmup: int = opt(50, "Steps of linear warmup (released code).", min=0)
    beta1: float = opt(0.9, "AdamW's first beta (released code).", min=0, max=0.999999)
    beta2: float = opt(0.98, "AdamW's second beta (released code).", min=0, max=0.999999)
    eps: float = opt(1e-6, "AdamW's epsilon (released code).", min=0)
    grad_clip: float | None = opt(None, "Largest gradient norm (papers: none).", min=0)


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What fits, and what is trained."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = opt(
        "auto", "Number format of the towers; auto takes bf16 on cuda, else fp32 (released: fp16)."
    )
    accumulate: int = opt(
        1, "Encode the batch in this many parts; loss and gradient stay those of the whole.", min=1
    )
    grad_checkpointing: bool = opt(
        False, "Compute activations again instead of keeping them: slower, in less memory."
    )
    freeze: Literal["none", "image", "text"] | None = opt(
        None, _training_help("Tower that is not trained", "freeze")
    )
    lora: int | None = opt(None, "Train only a correction of this rank to each weight.", min=1)
    wise_ft: float | None = opt(
        None,
        _training_help("Write this part of the trained weights, the rest the start's", "wise_ft"),
        min=0,
        max=1,
    )
    ema: float | None = opt(
        None, "Write a running mean of the weights with this decay.", min=0, max=1
    )
    image_cache: float = opt(1.0, "Gigabytes of decoded images kept in memory.", min=0)
    pixel_cache: str | None = opt(
        None,
        "Keep decoded images on disk, a byte a value, for later epochs and runs.",
        metavar="FOLDER",
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What is measured, said and kept on the way."""

    log_every: int = opt(10, "Steps between lines of metrics.jsonl.", min=1)
    save_every: int | None = opt(
        None, "Steps between checkpoints; default: an epoch, but at least 100.", min=1
    )
    keep: int = opt(2, "Newest checkpoints kept beside last and best.", min=0)
    eval_every: int | None = opt(None, "Steps between evaluations; default: none.", min=1)
    eval_suites: tuple[str, ...] = opt(
        (), "Suites to evaluate, as for `eval`.", metavar="SUITE,..."
    )
    eval_data: str | None = opt(None, "Folder with the benchmarks' files, as for `eval --data`.")
    eval_half: Literal["tuning", "reported"] | None = opt(
        None,
        "Evaluate on one half of the items: best is chosen on tuning, `eval --half reported` "
        "reports on the other; default: on all.",
    )
    best_metric: str | None = opt(
        None,
        "Average that chooses best, such as sugarcrepe, a mean of several, and floors: "
        "'aro+sugarcrepe, retrieval >= 45'; also compositional and retention; default: the first "
        "suite's.",
    )
    tracker: Literal["none", "tensorboard", "wandb"] = opt("none", "Also log to this tracker.")
    check_images: bool = opt(True, "Open every image's header before training starts.")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Fine-tuning; the source of each default stands in its help."""

    output: str | None = output_option("Folder of the run; default: runs/OBJECTIVE.")
    data: tuple[str, ...] = opt(
        ("negatives.jsonl",),
        "negatives.jsonl, or tar shards such as 'shards/*.tar'; may repeat, as NAME=FILE or "
        "NAME=FILE:WEIGHT.",
        metavar="PATH",
    )
    image_root: str | None = opt(
        None,
        "Folder, zip or tar that image paths are relative to, or NAME=FOLDER,... for several "
        "--data; default: the data file's folder.",
        metavar="FOLDER",
    )
    model: str | None = model_option()
    pretrained: str | None = pretrained_option()
    checkpoint: str | None = opt(None, "Folder of a model to start from, such as runs/clip/last.")
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    objective: str = opt("ahnpl", f"Recipe: {', '.join(OBJECTIVES)}.")
    fidelity: Literal["paper", "released"] = opt(
        "paper", "The printed equations, or what the released code computes."
    )
    weights: WeightConfig = group(WeightConfig, "Loss weights")
    losses: LossConfig = group(LossConfig, "Losses")
    optimizer: OptimizerConfig = group(OptimizerConfig, "Optimisation")
    memory: MemoryConfig = group(MemoryConfig, "Memory and what is trained")
    run: RunConfig = group(RunConfig, "The run")
    device: Device = device_option()
    workers: int | None = workers_option("decode images")
    seed: int = seed_option()
    limit: int | None = limit_option("records")
    on_error: OnError = on_error_option()
    resume: bool = resume_option()
    force: bool = force_option()
    dry_run: bool = dry_run_option()

    def __post_init__(self) -> None:
        choose(self.objective, OBJECTIVES, "objective")
        self._check_evaluation()
        batch_size = resolve_training(self).batch_size
        if self.memory.accumulate > batch_size:
            raise ConfigError(
                f"--accumulate {self.memory.accumulate} is more than --batch-size {batch_size}",
                hint="Each part needs at least one pair.",
            )

    def _check_evaluation(self) -> None:
        every, suites = self.run.eval_every, self.run.eval_suites
        if every and not suites:
            raise ConfigError("--eval-every needs suites", hint="Add --eval-suites sugarcrepe.")
        given = {
            "--eval-suites": suites,
            "--eval-data": self.run.eval_data,
            "--eval-half": self.run.eval_half,
            "--best-metric": self.run.best_metric,
        }
        for flag, value in given.items():
            if value and not every:
                raise ConfigError(f"{flag} needs --eval-every", hint="Add --eval-every 500.")


# What does not change the weights that a run ends with.
_INCIDENTAL = {
    "output",
    "device",
    "workers",
    "resume",
    "force",
    "dry_run",
    "image_cache",
    "pixel_cache",
    "grad_checkpointing",
    "keep",
    "log_every",
    "save_every",
    "check_images",
    "tracker",
    "eval_every",
    "eval_suites",
    "eval_data",
    "eval_half",
    "best_metric",
}


def resolve_recipe(config: TrainConfig) -> Recipe:
    """Return the recipe of `--objective` with the weights and switches given by hand.

    Raises:
        ConfigError: the objective has no form of that fidelity, every weight is 0, or a switch has
            no effect.
    """
    row = recipe(config.objective, config.fidelity)
    switches = {name: value for name, value in vars(config.losses).items() if value is not None}
    for name, words in _NUMBER_OR.items():
        if name in switches:
            switches[name] = _number_or(words, name, switches[name])
    _check_effect(config)
    weights = {**row.weights, **_given_weights(config)}
    if switches.get("teacher", "none") != "none":
        weights = {**_distillation(weights), **weights}
    resolved = replace(row, weights=weights, **switches)
    _check_teacher(resolved)
    if resolved.painted_share and replace(resolved, painted_share=0.0).painted != "none":
        raise ConfigError(
            "--painted-share makes pairs of pictures that the losses take as negatives",
            hint="Add --painted-share 0.",
        )
    if not resolved.active:
        raise ConfigError(
            "all loss weights are 0", hint="Set at least one, such as --weight-contrastive 0.5."
        )
    return replace(resolved, weights=resolved.active)


def _distillation(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weight that `--teacher` alone gives: none where a term of a teacher has one."""
    given = any(TERMS[name].uses_teacher for name in weights)
    return {} if given else {"teacher_features": DISTILLATION}


def _check_teacher(row: Recipe) -> None:
    """Refuse a teacher that no term looks at, and terms without a teacher.

    Raises:
        ConfigError: it is so, or the start is to give a shift that no term uses.
    """
    if row.uses_teacher and row.teacher == "none":
        terms = [name for name in row.active if TERMS[name].uses_teacher]
        flag = f"--weight-{terms[0]}".replace("_", "-")
        raise ConfigError(f"{flag} needs a teacher", hint="Add --teacher start, or ema.")
    if row.teacher != "none" and not row.uses_teacher:
        what = f"--teacher {row.teacher} has no effect: no term compares with it"
        hint = f"Add --weight-teacher-features {DISTILLATION}."
        raise ConfigError(what, hint=hint)
    if row.shift_model == "start" and not row.shifts_by_start:
        what = "--shift-model start has no effect: no term shifts images"
        raise ConfigError(what, hint="It is of Eq. 5 with --image-negatives perturbed or both.")


# Switches that are a number, or a word for where to take it from.
_NUMBER_OR = {"a_init": ("auto", "normal"), "margin_cap": ("auto",), "cement_cap": ("auto",)}


def _number_or(words: tuple[str, ...], name: str, text: str) -> float | str:
    """Return what such a switch says.

    Raises:
        ConfigError: neither a word nor a number from 0 on.
    """
    if text in words:
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        hint = f"Give {', '.join(words)}, or a number from 0 on."
        flag = name.replace("_", "-")
        raise ConfigError(f"--{flag} cannot be {text!r}", hint=hint)
    return number


def _given_weights(config: TrainConfig) -> dict[str, float]:
    """Return the weights given by hand, by term; a term's own weight wins over a joint one."""
    # The fields are made from the table of terms, hence by name.
    given = {name.removeprefix("weight_"): weight for name, weight in vars(config.weights).items()}
    weights: dict[str, float] = {}
    for joint, members in JOINT_WEIGHTS.items():
        if given[joint] is not None:
            weights.update(dict.fromkeys(members, given[joint]))
    for name in TERMS:
        if given[name] is not None:
            weights[name] = given[name]
    return weights


def _check_effect(config: TrainConfig) -> None:
    """Refuse switches that the released forms do not have."""
    losses = config.losses
    if config.fidelity == "released":
        refused = {
            "--softmax-negatives own": losses.softmax_negatives == "own",
            "--mask-same-image": losses.mask_same_image is True,
            "--margin-floor": losses.margin_floor not in (None, 0.0),
            "--shift-model start": losses.shift_model == "start",
            "--image-negatives": losses.image_negatives not in (None, "perturbed"),
        }
        for flag, given in refused.items():
            if given:
                what = f"{flag} has no effect with --fidelity released"
                raise ConfigError(what, hint="Leave one of them out.")


def resolved(config: TrainConfig) -> TrainConfig:
    """Return the options with every loss weight and switch spelled out."""
    row = resolve_recipe(config)
    weights = {f"weight_{name}": row.weights.get(name, 0.0) for name in TERMS}
    switches = {field.name: getattr(row, field.name) for field in fields(LossConfig)}
    for name in _NUMBER_OR:
        switches[name] = str(switches[name])
    training = asdict(resolve_training(config))
    memory = replace(config.memory, freeze=training.pop("freeze"), wise_ft=training.pop("wise_ft"))
    return replace(
        config,
        weights=WeightConfig(**weights),
        losses=LossConfig(**switches),
        optimizer=replace(config.optimizer, **training),
        memory=memory,
    )


def resolve_training(config: TrainConfig) -> Hyperparameters:
    """Return how the recipe of `--objective` was fine-tuned, with what was given by hand."""
    row = hyperparameters(config.objective, config.fidelity)
    options = {**vars(config.optimizer), **vars(config.memory)}
    names = [field.name for field in fields(Hyperparameters)]
    return replace(row, **{name: options[name] for name in names if options[name] is not None})


def deciding(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a run's options, by name, that decide which weights it ends with."""
    return {name: value for name, value in options.items() if name not in _INCIDENTAL}


def deciding_options(config: TrainConfig) -> dict[str, Any]:
    """Return the options that decide which weights a run ends with, spelled out."""
    return deciding(flat(resolved(config)))
