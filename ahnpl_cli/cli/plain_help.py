"""`--help` that fits 80 columns uncut: an option a paragraph, its default in words, in groups."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from typer.core import TyperCommand

INDENT = 6
NARROWEST, WIDEST = 40, 100


class PlainHelp(TyperCommand):
    """A command whose help is never cut: Typer's frame gives the text half of the width."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write usage, description, arguments, and the options by their panels."""
        width = min(max(formatter.width, NARROWEST), WIDEST)
        formatter.write_usage(ctx.command_path, " ".join(self.collect_usage_pieces(ctx)))
        for paragraph in (self.help or "").split("\n\n"):
            formatter.write("\n" + _wrapped(" ".join(paragraph.split()), width, 2))
        panels: dict[str, list[Any]] = {}
        for parameter in self.get_params(ctx):
            if getattr(parameter, "hidden", False):
                continue
            is_argument = parameter.param_type_name == "argument"
            panel = getattr(parameter, "rich_help_panel", None)
            panels.setdefault("Arguments" if is_argument else panel or "Options", []).append(
                parameter
            )
        for panel, parameters in panels.items():
            formatter.write(f"\n{panel}:\n")
            for parameter in parameters:
                formatter.write(f"  {_head(parameter)}\n")
                formatter.write(_wrapped(_text(parameter), width, INDENT))


def _wrapped(text: str, width: int, indent: int) -> str:
    blank = " " * indent
    # An address, a path or a choice is never broken.
    lines = textwrap.fill(
        text,
        width,
        initial_indent=blank,
        subsequent_indent=blank,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{lines}\n" if text else ""


def _head(parameter: Any) -> str:
    """Return the spellings of an option and what its value is called."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    flags = sorted([*parameter.opts], key=len)
    head = ", ".join([*flags, *parameter.secondary_opts])
    if parameter.is_flag:
        return head
    return f"{head} {parameter.metavar or _kind(parameter)}"


def _kind(parameter: Any) -> str:
    """Return what a value is: its choices, else `N` for a whole number, `X` or `TEXT`."""
    kind = str(parameter.bare_type())  # as Typer writes an annotation
    if kind.startswith("typing.Literal["):
        choices = ast.literal_eval(kind.removeprefix("typing.Literal"))
        return "|".join(map(str, choices))
    return {"int": "N", "float": "X"}.get(kind, "TEXT")


def _text(parameter: Any) -> str:
    """Return the help of an option with its bounds and its default, in words."""
    notes = []
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if low and high is None:
        notes.append(f"at least {low:g}")
    elif low is not None and high is not None and high <= 1000:
        notes.append(f"{low:g} to {high:g}")
    shown = getattr(parameter, "show_default", None)
    default = shown if isinstance(shown, str) else _default(parameter)
    if default and parameter.param_type_name == "option":
        notes.append(f"default: {default}")
    text = str(getattr(parameter, "help", None) or "")
    return f"{text} ({'; '.join(notes)})" if notes else text


def _default(parameter: Any) -> str:
    value = parameter.default
    if callable(value) or value is None or value is False:
        return ""
    return "on" if value is True else str(value)
