"""Options as mappings by name, as a file for `--config`, and as they are typed."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from ahnpl_cli.catalog import choose

C = TypeVar("C")


def flat(config: Any) -> dict[str, Any]:
    """Return every option by its flag's name, nested groups included, None left out."""
    options: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            options.update(flat(value))
        elif value is not None:
            options[field.name] = list(value) if isinstance(value, tuple) else value
    return options


def from_options(config: type[C], options: Mapping[str, Any]) -> C:
    """Return a configuration of options by name, whatever group they are in, as `flat` has them.

    Args:
        config: a dataclass of options.
        options: values by name; for a list of texts one text will do.

    Raises:
        ConfigError: there is no such option.
    """
    fields: Any = config
    known = list(_names(config))
    for name in options:
        choose(name, known, "option")
    values: dict[str, Any] = {}
    for field in dataclasses.fields(fields):
        if "panel" in field.metadata:
            inner: Any = field.default_factory
            own = {name: options[name] for name in _names(inner) if name in options}
            values[field.name] = from_options(inner, own)
        elif field.name in options:
            value = options[field.name]
            is_list = isinstance(field.default, tuple)
            values[field.name] = (value,) if is_list and isinstance(value, str) else value
    return config(**values)


def _names(config: Any) -> Iterator[str]:
    """Yield the names of all options, those of groups included."""
    for field in dataclasses.fields(config):
        if "panel" in field.metadata:
            yield from _names(field.default_factory)
        else:
            yield field.name


def to_toml(config: Any) -> str:
    """Return options as a file for `--config`."""
    lines = []
    for name, value in flat(config).items():
        # JSON's strings, numbers, booleans and lists of strings are TOML's too.
        lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def as_flags(config: Any, *, leave_out: tuple[str, ...] = ()) -> str:
    """Return the options that are not their defaults, as they are typed on a command line."""
    words: list[str] = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            words += [flags for flags in [as_flags(value, leave_out=leave_out)] if flags]
        elif field.name not in leave_out and value != field.default:
            words += _typed(field, value)
    return " ".join(words)


def _typed(field: dataclasses.Field[Any], value: Any) -> list[str]:
    """Return the words that give an option a value."""
    flag = "--" + field.name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if not isinstance(value, tuple):
        return [flag, shlex.quote(str(value))]
    if "," in (field.metadata["metavar"] or ""):
        return [flag, shlex.quote(",".join(value))]
    words = []
    for entry in value:
        words += [flag, shlex.quote(entry)]
    return words
