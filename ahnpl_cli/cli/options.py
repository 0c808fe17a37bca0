"""Typer options made from the dataclasses of `config`, so that each option is written once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import shlex
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ahnpl_cli.backbones.load import check_device
from ahnpl_cli.catalog import choose
from ahnpl_cli.cli import interrupts
from ahnpl_cli.cli.console import Screen
from ahnpl_cli.config import ConsoleConfig, TrainConfig, resolved, to_toml
from ahnpl_cli.config.options import bounds, check_number, check_text
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS, SETS
from ahnpl_cli.files import check_regular, read_toml
from ahnpl_cli.losses.recipes import OBJECTIVES
from ahnpl_cli.records import KINDS, PRESETS

CONFIG_HELP = "TOML file with options by name; what is typed here wins over it."
TOML_HINT = "Write one option a line, such as lr = 1e-5."
# What shells complete, by the option's name; choices of a Literal complete by themselves.
VALUES: dict[str, tuple[str, ...]] = {
    "objective": tuple(OBJECTIVES),
    "kinds": (*PRESETS, *KINDS),
    "eval_suites": tuple(BENCHMARKS),
    "suites": (*SETS, *BENCHMARKS),
    "model": ("scenes-tiny", "ViT-B-32-quickgelu", "hf-hub:", "transformers:"),
    "pretrained": ("openai",),
    "filler": ("auto", "roberta", "corpus"),
    "input_format": ("auto", "jsonl", "coco", "karpathy", "blip", "csv", "tsv"),
}
LONGEST_SHOWN = 60  # characters of a wrong value in a message


class _Option(NamedTuple):
    field: dataclasses.Field[Any]
    kind: Any
    panel: str | None

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def _options(config: type, panel: str | None = None) -> Iterator[_Option]:
    """Yield every leaf option of `config`, nested groups included."""
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if _is_group(kind):
            yield from _options(kind, field.metadata["panel"])
        else:
            yield _Option(field, kind, panel)


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple


def _spellings(option: _Option) -> list[str]:
    """Return the flags of an option; one that is on by default can be switched off."""
    flag = option.flag
    is_switch = bool in (option.kind, *typing.get_args(option.kind))
    if is_switch and option.field.default is not False:
        flag = f"{flag}/--no-{flag[2:]}"
    return [flag, *option.field.metadata["flags"]]


def completer(name: str) -> Callable[[str], list[str]] | None:
    """Return what a shell completes the values of an option or argument with, if that is known."""
    if name not in VALUES:
        return None

    def complete(incomplete: str) -> list[str]:
        # Of a list with commas the last word is completed.
        before, comma, last = incomplete.rpartition(",")
        return [before + comma + value for value in VALUES[name] if value.startswith(last)]

    return complete


def _parameter(option: _Option) -> inspect.Parameter:
    kind = option.kind
    default: Any = option.field.default
    shown: str | bool = True
    if _is_list(kind):
        # Typer cannot repeat a tuple; an untouched list option stays None and takes the default.
        shown = ",".join(default) or False
        kind = list[str] | None
        default = None
    info = typer.Option(
        *_spellings(option),
        help=option.field.metadata["help"],
        min=option.field.metadata["min"],
        max=option.field.metadata["max"],
        metavar=option.field.metadata["metavar"],
        show_default=shown,
        rich_help_panel=option.panel,
        autocompletion=completer(option.name),
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, info],
    )


# A TOML file


def _read_config(path: str, known: list[str]) -> dict[str, Any]:
    """Return the options in a TOML file, tables flattened, dashes as underscores."""
    check_regular(Path(path), error=ConfigError)
    tree = read_toml(Path(path), error=ConfigError, hint=TOML_HINT)
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    options = {}
    for key, value in flat.items():
        options[choose(key.replace("-", "_"), known, f"option in {path}")] = value
    return options


def _check_value(value: Any, option: _Option, where: str) -> Any:
    """Return a value of a TOML file if the flag could have given it.

    Raises:
        ConfigError: it is of another type, or out of bounds.
    """
    if _is_list(option.kind):
        texts = value if isinstance(value, list) else [value]
        good = all(isinstance(text, str) for text in texts)
    else:
        kinds = (option.kind, *typing.get_args(option.kind))
        choices = [c for kind in kinds for c in typing.get_args(kind) if isinstance(c, str)]
        if float in kinds and type(value) is int:
            value = float(value)
        # `auto|NUMBER` is text on the command line, and a number all the same.
        if type(value) in (int, float) and "NUMBER" in (option.field.metadata["metavar"] or ""):
            value = str(value)
        # `type`, since isinstance takes True for the number 1.
        good = type(value) in kinds or value in choices
    if good and type(value) in (int, float):
        low, high = bounds(option.field)
        good = low <= value <= high
    if not good:
        shown = repr(value)
        if len(shown) > LONGEST_SHOWN:
            shown = shown[:LONGEST_SHOWN] + "..."
        what = f"option {option.name} cannot be {shown}"
        raise ConfigError(what, where=where, hint="See --help for allowed values.")
    return value


# From values to a configuration


def _merge(ctx: typer.Context, values: dict[str, Any], options: list[_Option]) -> dict[str, Any]:
    """Lay the values typed by the user over those of `--config`, and check what is text."""
    path = values.pop("config_file")
    known = {option.name: option for option in options}
    if path is not None:
        for name, value in _read_config(path, list(known)).items():
            source = ctx.get_parameter_source(name)
            if source is not None and source.name == "DEFAULT":
                values[name] = _check_value(value, known[name], path)
    for name, option in known.items():
        given = values[name]
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, str):
                check_text(value, option.flag)
            elif value is not None and type(value) is not bool:
                check_number(value, option.flag, option.field)
    return values


def _split(value: Any, field: dataclasses.Field[Any]) -> tuple[str, ...]:
    """Turn what Typer or TOML gave for a list option into a tuple."""
    if value is None:
        return tuple(field.default)  # type: ignore[arg-type]
    texts = [value] if isinstance(value, str) else value
    if "," not in (field.metadata["metavar"] or ""):
        return tuple(texts)
    parts = [part.strip() for text in texts for part in text.split(",")]
    return tuple(part for part in parts if part)


def _build(config: type, values: dict[str, Any]) -> Any:
    """Return an instance of a configuration, its groups included."""
    hints = typing.get_type_hints(config)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if _is_group(kind):
            arguments[field.name] = _build(kind, values)
        elif _is_list(kind):
            arguments[field.name] = _split(values[field.name], field)
        else:
            arguments[field.name] = values[field.name]
    return config(**arguments)


def _keyword(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _spelled_out(settings: Any) -> Any:
    """Return options with what a recipe decides in them."""
    return resolved(settings) if isinstance(settings, TrainConfig) else settings


def options_from(config: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option per field of `config`.

    The command takes the arguments it declares and, as keywords, `config` (an instance) and
    `screen` (see `console.Screen`); both are replaced by options in its help. A command that names
    `ctx` is given Typer's context.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        options = [*_options(config), *_options(ConsoleConfig)]
        hints = typing.get_type_hints(command, include_extras=True)
        parameters = inspect.signature(command).parameters
        declared = {
            name: parameter.replace(annotation=hints[name])
            for name, parameter in parameters.items()
            if name not in ("ctx", "config", "screen")
        }

        @functools.wraps(command)
        def wrapped(ctx: typer.Context, **values: Any) -> None:
            arguments = {name: values.pop(name) for name in declared}
            if "ctx" in parameters:
                arguments["ctx"] = ctx
            values = _merge(ctx, values, options)
            screen = Screen(_build(ConsoleConfig, values), values.get("format", "rich"))
            settings = _build(config, values)
            if values["print_config"]:
                typer.echo(to_toml(_spelled_out(settings)), nl=False)
                return
            if values.get("engine", "local") == "local":
                check_device(values.get("device") or "auto")
            # From here on there is work that an interrupt should save.
            interrupts.during_work()
            with screen:
                command(**arguments, config=settings, screen=screen)

        context = inspect.Parameter(
            "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        file_option = typer.Option("--config", help=CONFIG_HELP, metavar="FILE")
        file = _keyword("config_file", None, Annotated[str | None, file_option])
        signature = [context, *declared.values(), *map(_parameter, options), file]
        # Typer reads the options off the signature.
        wrapped.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in signature}
        return wrapped

    return decorate


def training_line(negatives: Path, root: Path | None, shards: str | None = None) -> str:
    """Return the command that trains on what was made, ready to copy."""
    if shards is not None:
        return f"ahnpl train --data {shlex.quote(shards)}"
    own = "" if str(negatives) == "negatives.jsonl" else f" --data {shlex.quote(str(negatives))}"
    place = "" if root in (None, Path()) else f" --image-root {shlex.quote(str(root))}"
    return f"ahnpl train{own}{place}"
