"""The `ahnpl` program: one command per file, one place that turns errors into lines."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ahnpl_cli.cli import interrupts, streams
from ahnpl_cli.cli.plain_help import PlainHelp
from ahnpl_cli.errors import AhnplError
from ahnpl_cli.reporting.visible import visible_line
from ahnpl_cli.version import __version__

# Typer hides its copy of Click; a bad parameter is the one usage error that it shows.
UsageError: Any = typer.BadParameter.__mro__[1]

# One line a command, in the order of the work: `ahnpl_cli.cli.NAME` holds the function NAME,
# which is imported when it is called for. Help would otherwise wait for all of them.
COMMANDS = {
    "demo": "Run every stage on built-in scenes, end to end.",
    "negatives": "Make hard negative captions: one small change each.",
    "images": "Paint hard negative images: what negatives say, shown.",
    "embed": "Write features of images and texts to safetensors.",
    "train": "Fine-tune CLIP with hard negatives: AHNPL or a rival.",
    "eval": "Evaluate models on compositional benchmarks.",
    "compare": "Compare saved results, or make a paper's table of them.",
    "runs": "List every run with its recipe and its results.",
    "frontier": "Weigh gain against retention between start and run.",
    "export": "Write a checkpoint for transformers, ONNX and others.",
    "inspect": "Look at examples, runs and any file that ahnpl writes.",
    "scenes": "Draw the synthetic scenes: images, captions, benchmarks.",
    "clean": "See what the cache holds, and empty it.",
    "docs": "Read the manual.",
}


def _explain(error: OSError) -> str:
    """Return what the operating system refused, and what to do."""
    where = f"{error.filename}: " if error.filename else ""
    hints = {
        errno.ENOSPC: "Free some space and run the same command again: it resumes.",
        errno.EACCES: "Choose another place with --output, or change the permissions.",
        errno.ENOENT: "Check the path.",
        errno.EEXIST: "Choose another place with --output.",
        errno.ENOTDIR: "A file stands where a folder should be: choose another place.",
        errno.EROFS: "Choose another place with --output: this one cannot be written.",
    }
    hint = hints.get(error.errno or 0, "Check the path and try again.")
    return f"{where}{(error.strerror or str(error)).lower()}. {hint}"


def _usage(error: Any) -> str:
    """Return a usage error in one line, with the way to the command's help."""
    message = " ".join(error.format_message().split())
    if not message.endswith((".", "?")):
        message += "."
    if error.ctx is None:
        return message
    return f"{message} Try '{error.ctx.command_path} --help' for help."


def _say(error: str) -> None:
    """Print an error as one line, whatever characters a path or an id in it has."""
    typer.echo(f"Error: {visible_line(error)}", err=True)


class ErrorLines(TyperGroup):
    """Prints errors as one line on stderr, with their exit code; bugs keep their traceback."""

    def main(self, args: Any = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the program; usage errors, which Typer frames in a box, become one line."""
        streams.make_usable()
        try:
            code = super().main(args, *rest, **{**extra, "standalone_mode": False})
        except UsageError as error:
            _say(_usage(error))
            code = error.exit_code
        except typer.Abort:
            typer.echo("Aborted.", err=True)
            code = 1
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # The reader has gone, as in `ahnpl ... | head`; Typer ends quietly.
        except AhnplError as error:
            _say(str(error))
            raise typer.Exit(error.exit_code) from error
        except OSError as error:
            _say(_explain(error))
            raise typer.Exit(3) from error
        except KeyboardInterrupt as error:
            typer.echo(interrupts.LINE, err=True, nl=False)
            raise typer.Exit(interrupts.EXIT_CODE) from error


class Program(ErrorLines):
    """The commands of `COMMANDS`, each imported when it is called for."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        # Typer's suggestions for a misspelt command look here; `get_command` fills it in.
        self.commands = {**dict.fromkeys(COMMANDS), **self.commands}  # type: ignore[dict-item]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the work."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None for an unknown name."""
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = load_command(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands into the help without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the program's own help plainly: loading rich takes as long as all the rest."""
        super(TyperGroup, self).format_help(ctx, formatter)


def load_command(name: str) -> Any:
    """Import a command's file and make Typer's command of its function."""
    function = getattr(importlib.import_module(f"ahnpl_cli.cli.{name}"), name)
    # Typer makes a single command, not a group, of a program with one function.
    single = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    single.command(name, cls=PlainHelp)(function)
    return typer.main.get_command(single)


app = typer.Typer(
    name="ahnpl",
    cls=Program,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Hard negatives, fine-tuning and benchmarks for CLIP models that stop reading captions "
    "as bags of words.",
    epilog="Start with: ahnpl demo",
)


def _print_versions(verbose: bool) -> None:
    """Print the version; with `-v` all that a report of a bug should say."""
    typer.echo(f"ahnpl {__version__}")
    if verbose:
        from ahnpl_cli.cli.surroundings import surroundings

        for name, value in surroundings().items():
            typer.echo(f"{name}: {value}")


@app.callback()
def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version; with -v of all that matters.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", help="With --version: packages, device, cache and data too.")
    ] = False,
) -> None:
    if version:
        _print_versions(verbose)
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        raise typer.Exit(2)
