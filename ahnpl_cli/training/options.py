"""From options to a recipe, and to the TOML file that brings the same run back."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

from ahnpl_cli.config import LossConfig, TrainConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.losses.recipes import TERMS, Recipe, recipe

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
        ConfigError: the objective has no form of that fidelity, or every weight is 0.
    """
    row = recipe(config.objective, config.fidelity)
    given = {k: v for k, v in vars(config.losses).items() if v not in (None, "recipe")}
    both = given.pop("hard_negative", None)
    if both is not None:
        given = {"hard_negative_visual": both, "hard_negative_textual": both} | given
    weights = {name: given.pop(name) for name in TERMS if name in given}
    made = replace(row, weights=replace(row.weights, **weights), **given)
    if not any(getattr(made.weights, name) for name in TERMS):
        raise ConfigError("every weight is 0, so there is nothing to learn", hint="Give one.")
    return made


def written_back(config: TrainConfig) -> TrainConfig:
    """Return the options with every loss weight and switch spelled out."""
    row = resolve_recipe(config)
    weights = {name: getattr(row.weights, name) for name in TERMS}
    switches = {
        f.name: getattr(row, f.name) for f in dataclasses.fields(LossConfig) if hasattr(row, f.name)
    }
    return replace(config, losses=LossConfig(**{**switches, **weights}))


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
