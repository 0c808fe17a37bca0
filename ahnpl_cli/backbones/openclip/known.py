"""open_clip's names of architectures and tags, read off its files: importing it takes seconds."""

from __future__ import annotations

import ast
import functools
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ahnpl_cli.backbones.load import PAPERS_MODEL, PAPERS_TAG, WEIGHT_ENDINGS
from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import ConfigError, ModelError

QUICK = "-quickgelu"
HUB = "hf-hub:"


def choose_named(
    model: str | None,
    pretrained: str | None,
    names: Sequence[str],
    tags_of: Callable[[str], list[str]],
) -> tuple[str, str]:
    """Return architecture and weights; only the papers' model has default weights.

    Args:
        model: as the user typed it.
        pretrained: a tag, a file, or None.
        names: of all architectures.
        tags_of: the tags of one of them.

    Raises:
        ConfigError: unknown name, or no weights named.
        ModelError: no such file, or no such tag.
    """
    if model is None and pretrained not in (None, PAPERS_TAG):
        hint = f"The papers' is --model {PAPERS_MODEL}."
        raise ConfigError(f"--pretrained {pretrained} needs an architecture", hint=hint)
    name = choose((model or PAPERS_MODEL).replace("/", "-"), names, "model")
    if pretrained is None and name != PAPERS_MODEL:
        known = ", ".join(tags_of(name)) or "none"
        raise ConfigError(f"--model {name} needs --pretrained", hint=f"Its tags: {known}.")
    weights = pretrained or PAPERS_TAG
    if Path(weights).is_file():
        return name, weights
    if weights.endswith(WEIGHT_ENDINGS) or "/" in weights:
        raise ModelError("no such file", where=weights, hint="Check --pretrained.")
    # open_clip takes the tags of an architecture for its twin too.
    tags = [*tags_of(name), *tags_of(name.removesuffix(QUICK))]
    if weights.lower().replace("-", "_") not in tags:
        known = ", ".join(tags_of(name)) or "none"
        what = f"--pretrained {weights} is neither a file, a folder nor a tag of {name}"
        raise ModelError(what, hint=f"Tags: {known}.")
    return name, weights


def check_named(model: str | None, pretrained: str | None) -> None:
    """Refuse a name or a tag that open_clip does not know, without importing it.

    Raises:
        ConfigError: see `choose_named`.
        ModelError: see `choose_named`.
    """
    names = architectures()
    tags = tag_table()
    name = (model or PAPERS_MODEL).replace("/", "-")
    loaded = sys.modules.get("open_clip")
    if loaded is not None and name not in names and name in loaded.list_models():
        return  # a program of the user's told open_clip of a model of its own
    # Another version of open_clip may keep them elsewhere; then it is asked when it is loaded.
    if names and tags and not (model or "").startswith(HUB):
        choose_named(model, pretrained, names, lambda name: tags.get(name, []))


def _folder() -> Path | None:
    spec = importlib.util.find_spec("open_clip")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(places[0]) if places else None


@functools.cache
def architectures() -> list[str]:
    """Return the names of all architectures, in open_clip's order; none if that is not known."""
    folder = _folder()
    names = []
    for path in folder.glob("model_configs/*.json") if folder else ():
        config = json.loads(path.read_text(encoding="utf-8"))
        if {"embed_dim", "vision_cfg", "text_cfg"} <= config.keys():
            names.append(path.stem)
    return sorted(names, key=_natural)


def _natural(name: str) -> list[tuple[bool, int | str]]:
    parts = re.split(r"(\d+)", name.lower())
    return [(not part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


@functools.cache
def tag_table() -> dict[str, list[str]]:
    """Return the tags of each architecture that has any; none if they cannot be read."""
    folder = _folder()
    file = folder / "pretrained.py" if folder else None
    if file is None or not file.is_file():
        return {}
    tables: dict[str, dict[str, ast.expr]] = {}
    table: dict[str, list[str]] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        entries = _entries(node.value)
        if node.targets[0].id != "_PRETRAINED":
            tables[node.targets[0].id] = entries
            continue
        for name, value in entries.items():
            tags = tables.get(value.id, {}) if isinstance(value, ast.Name) else _entries(value)
            table[name] = list(tags)
            # Weights that say so are there under the name with QuickGELU too.
            quick = [tag for tag, call in tags.items() if _needs_quick_gelu(call)]
            if quick:
                table[name + QUICK] = quick
    return table


def _entries(node: ast.expr) -> dict[str, ast.expr]:
    """Return the items of `dict(name=...)` or `{"name": ...}`; none of anything else."""
    if isinstance(node, ast.Call):
        return {word.arg: word.value for word in node.keywords if word.arg is not None}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}
    return {}


def _needs_quick_gelu(call: ast.expr) -> bool:
    value = _entries(call).get("quick_gelu")
    return isinstance(value, ast.Constant) and value.value is True
