"""From options to a recipe, and to the TOML file that brings the same run back."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

from ahnpl_cli.config import LossConfig, TrainConfig, WeightConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.losses.recipes import Recipe, recipe
from ahnpl_cli.losses.registry import JOINT_WEIGHTS, TERMS

# What does not change the weights that a run ends with.
INCIDENTAL = frozenset(
    {
        *("output", "device", "workers", "resume", "force", "dry_run", "image_cache", "keep"),
        *("log_every", "tracker", "check_images", "save_every", "grad_checkpointing"),
        *("eval_every", "eval_suites", "eval_data", "best_metric"),
    }
)


def resolve_recipe(config: TrainConfig) -> Recipe:
    """Return the recipe of `--objective` with the weights and switches given by hand.

    Raises:
        ConfigError: the objective has no form of that fidelity, every weight is 0, or a switch has
            no effect.
    """
    row = recipe(config.objective, config.fidelity)
    switches = {name: value for name, value in vars(config.losses).items() if value is not None}
    _check_effect(config)
    resolved = replace(row, weights={**row.weights, **_given_weights(config)}, **switches)
    if not resolved.active:
        raise ConfigError(
            "all loss weights are 0", hint="Set at least one, such as --weight-contrastive 0.5."
        )
    return replace(resolved, weights=resolved.active)


def _given_weights(config: TrainConfig) -> dict[str, float]:
    """Return the weights given by hand, by term; a term's own weight wins over a joint one."""
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
        }
        for flag, given in refused.items():
            if given:
                what = f"{flag} has no effect with --fidelity released"
                raise ConfigError(what, hint="Leave one of them out.")


def written_back(config: TrainConfig) -> TrainConfig:
    """Return the options with every loss weight and switch spelled out."""
    row = resolve_recipe(config)
    weights = {f"weight_{name}": row.weights.get(name, 0.0) for name in TERMS}
    switches = {field.name: getattr(row, field.name) for field in dataclasses.fields(LossConfig)}
    return replace(config, weights=WeightConfig(**weights), losses=LossConfig(**switches))


def flat(config: Any) -> dict[str, Any]:
    """Return every option by its flag's name, nested groups included, None left out."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found.update(flat(value))
        elif value is not None:
            found[field.name] = list(value) if isinstance(value, tuple) else value
    return found


def to_toml(config: TrainConfig) -> str:
    """Return the options as a file for `--config`."""
    # JSON's strings, numbers, booleans and lists of strings are TOML's too.
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in flat(config).items()
    ]
    return "\n".join(lines) + "\n"


def fingerprint(config: TrainConfig) -> dict[str, Any]:
    """Return the options that decide which weights a run ends with."""
    return {k: v for k, v in flat(written_back(config)).items() if k not in INCIDENTAL}
