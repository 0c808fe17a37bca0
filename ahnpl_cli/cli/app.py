"""The `ahnpl` program: one command per file, one place that turns errors into lines."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ahnpl_cli import __version__
from ahnpl_cli.errors import AhnplError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def _explain(error: OSError) -> str:
    """What the operating system refused, and what to do."""
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


class Commands(TyperGroup):
    """Prints our errors as one line on stderr, with their exit code; bugs keep their traceback."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the program's own help plainly: loading rich takes as long as all the rest."""
        super(TyperGroup, self).format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # The reader has gone, as in `ahnpl ... | head`; Typer ends quietly.
        except AhnplError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except OSError as error:
            typer.echo(f"Error: {_explain(error)}", err=True)
            raise typer.Exit(3) from error
        except KeyboardInterrupt as error:
            typer.echo("Interrupted. The same command goes on from here.", err=True)
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    name="ahnpl",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Hard negatives, fine-tuning and benchmarks for CLIP models that stop reading captions "
    "as bags of words.",
    epilog="Start with: ahnpl demo",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ahnpl {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _register() -> None:
    """Add the commands in the order of the work; each file imports only what its help needs."""
    from ahnpl_cli.cli import demo, embed, eval, inspect, negatives, scenes, train

    for module in (demo, negatives, embed, train, eval, inspect, scenes):
        module.register(app)


_register()


def _heed_interrupts() -> None:
    """Interrupt again where an interrupt fell into a destructor, whose errors Python ignores."""
    usual = sys.unraisablehook

    def hook(found: sys.UnraisableHookArgs) -> None:
        if issubclass(found.exc_type, KeyboardInterrupt):
            # A moment later, for within this hook it would be ignored once more.
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            usual(found)

    sys.unraisablehook = hook


def main() -> None:
    """Entry point of the `ahnpl` script."""
    _heed_interrupts()
    app()
