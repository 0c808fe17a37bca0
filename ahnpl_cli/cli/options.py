"""Typer options made from the dataclasses of `config.py`, so that each option is written once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import tomllib
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ahnpl_cli.catalog import choose
from ahnpl_cli.cli import interrupts
from ahnpl_cli.cli.console import Screen
from ahnpl_cli.config import ConsoleConfig
from ahnpl_cli.errors import ConfigError

CONFIG_HELP = "TOML file with options by name; what is typed here wins over it."


class _Field(NamedTuple):
    field: dataclasses.Field[Any]
    type: Any
    panel: str | None


def _fields(config: type, panel: str | None = None) -> Iterator[_Field]:
    """Every leaf option of `config`, nested groups included."""
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from _fields(kind, field.metadata["panel"])
        else:
            yield _Field(field, kind, panel)


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def _names(field: dataclasses.Field[Any], kind: Any) -> list[str]:
    name = "--" + field.name.replace("_", "-")
    if kind is bool and field.default is False:
        return [name, *field.metadata["flags"]]
    if bool in (kind, *typing.get_args(kind)):
        return [f"{name}/--no-{name[2:]}", *field.metadata["flags"]]
    return [name, *field.metadata["flags"]]


def _parameter(item: _Field) -> inspect.Parameter:
    field, kind, panel = item
    default: Any = field.default
    shown: str | bool = True
    if _is_list(kind):
        # Typer cannot repeat a tuple; an untouched list option stays None and takes the default.
        shown = ",".join(default) or False
        kind, default = list[str] | None, None
    info = typer.Option(
        *_names(field, kind),
        help=field.metadata["help"],
        min=field.metadata["min"],
        max=field.metadata["max"],
        metavar=field.metadata["metavar"],
        show_default=shown,
        rich_help_panel=panel,
    )
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, info],
    )


def _read_toml(path: str, known: list[str]) -> dict[str, Any]:
    """Return the options in a TOML file, tables flattened, dashes as underscores."""
    try:
        tree = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        what = f"cannot read --config: {(error.strerror or str(error)).lower()}"
        raise ConfigError(what, where=path, hint="Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = "Write one option a line, such as lr = 1e-5."
        raise ConfigError(f"not TOML: {error}", where=path, hint=hint) from error
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    return {choose(key.replace("-", "_"), known, f"option in {path}"): v for key, v in flat.items()}


def _split(value: Any, field: dataclasses.Field[Any]) -> Any:
    """Turn what Typer or TOML gave for a list option into a tuple."""
    if value is None:
        return field.default
    items = [value] if isinstance(value, str) else list(value)
    if "," in (field.metadata["metavar"] or ""):
        items = [part.strip() for item in items for part in item.split(",") if part.strip()]
    return tuple(items)


def _build(config: type, values: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(config)
    made: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            made[field.name] = _build(kind, values)
        else:
            value = values[field.name]
            made[field.name] = _split(value, field) if _is_list(kind) else value
    return config(**made)


def _check_value(value: Any, item: _Field, where: str) -> Any:
    """A TOML value has to be what the flag would have been, within its bounds."""
    kind, bounds = item.type, item.field.metadata
    if _is_list(kind):
        good = isinstance(value, str) or (
            isinstance(value, list) and all(isinstance(v, str) for v in value)
        )
    else:
        parts = (kind, *typing.get_args(kind))
        allowed = [part for part in parts if isinstance(part, type)]
        choices = [c for part in parts for c in typing.get_args(part) if isinstance(c, str)]
        if float in allowed and type(value) is int:
            value = float(value)
        good = type(value) in allowed or value in choices
    if good and isinstance(value, int | float):
        low, high = bounds["min"], bounds["max"]
        good = (low is None or value >= low) and (high is None or value <= high)
    if not good:
        what = f"option {item.field.name} cannot be {value!r}"
        raise ConfigError(what, where=where, hint="Its values stand in --help.")
    return value


def _merge(ctx: typer.Context, values: dict[str, Any], fields: list[_Field]) -> dict[str, Any]:
    """Lay the values typed by the user over those of `--config`."""
    path = values.pop("config_file")
    if path is None:
        return values
    known = {item.field.name: item for item in fields}
    for name, value in _read_toml(path, list(known)).items():
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "DEFAULT":
            values[name] = _check_value(value, known[name], path)
    return values


def options_from(config: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option per field of `config`.

    The command takes the arguments it declares and, as keywords, `config` (an instance) and
    `screen` (see `console.Screen`); both are replaced by options in its help. A command that names
    `ctx` is given Typer's context.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [*_fields(config)]
        fields = [*own, *_fields(ConsoleConfig)]
        file = inspect.Parameter(
            "config_file",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None, typer.Option("--config", help=CONFIG_HELP, metavar="FILE")
            ],
        )
        context = inspect.Parameter(
            "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )

        @functools.wraps(command)
        def wrapped(ctx: typer.Context, **values: Any) -> None:
            arguments = {name: values.pop(name) for name in declared}
            if "ctx" in parameters:
                arguments["ctx"] = ctx
            values = _merge(ctx, values, fields)
            screen = Screen(_build(ConsoleConfig, values), values.get("format", "rich"))
            interrupts.during_work()
            with screen:
                command(**arguments, config=_build(config, values), screen=screen)

        hints = typing.get_type_hints(command, include_extras=True)
        parameters = inspect.signature(command).parameters
        declared = {
            name: parameter.replace(annotation=hints[name])
            for name, parameter in parameters.items()
            if name not in ("ctx", "config", "screen")
        }
        made = [context, *declared.values(), *map(_parameter, fields), file]
        wrapped.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in made}
        return wrapped

    return decorate
