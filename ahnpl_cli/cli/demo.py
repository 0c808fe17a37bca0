"""`ahnpl demo`: every stage on the embedded world, end to end."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.cli.page import PageCommand, page_path
from ahnpl_cli.config import DemoConfig

if TYPE_CHECKING:
    from ahnpl_cli.demo import Done, Stage

EPILOG = "Example: ahnpl demo --quick --out /tmp/ahnpl-demo"
DEFAULT_OUT = "ahnpl-demo"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("demo", cls=PageCommand, epilog=EPILOG)(demo)


@options_from(DemoConfig)
def demo(*, config: DemoConfig, screen: Screen) -> None:
    """Run every stage on the embedded world, end to end.

    Draws scenes, makes hard negatives, fine-tunes the embedded model with three methods, measures
    all four on held-out scenes and prints the cosine distances of examples. Needs no download.
    """
    from ahnpl_cli.demo import inspect_argv, label, run, stages, summarise

    out = Path(config.output or DEFAULT_OUT)
    page = page_path(config.html, out / "page.html")
    total, done = len(stages(out, config)), list["Done"]()

    def begin(stage: Stage) -> None:
        screen.note(f"[{len(done) + 1}/{total}] {stage.about}")
        screen.note(f"      ahnpl {' '.join(stage.argv)}")

    for finished in run(out, config, lambda argv: _call(argv, screen, hide=True), begin):
        done.append(finished)
        how = "done before" if finished.resumed else "done"
        screen.note(f"[{len(done)}/{total}] {finished.stage.name}: {how}, {finished.seconds:.1f} s")
    report = summarise(out, done)
    if page is not None:
        _call(("inspect", str(out / "runs" / "ahnpl"), "--html", str(page)), screen, hide=True)
    if screen.json:
        screen.show(report, [])
        return
    _call(inspect_argv(out), screen, hide=False)
    from ahnpl_cli.reporting.demo import results_table

    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    names = {model["name"]: label(model["name"]) for model in results["models"]}
    averages = [report.models[name].average for name in names.values()]
    screen.show(report, [results_table(results, names, averages)])
    _close(report.files, report.next, report.seconds, screen)


def _call(argv: Sequence[str], screen: Screen, *, hide: bool) -> None:
    """Run `ahnpl` with these arguments in this process; its stdout may be hidden, never stderr."""
    from ahnpl_cli.cli.app import app

    loudness = ["--quiet"] if screen.quiet else ["--verbose"] if screen.verbose else []
    stdout = contextlib.redirect_stdout(io.StringIO()) if hide else contextlib.nullcontext()
    with stdout:
        code = app([*argv, *loudness], standalone_mode=False)
    if code:
        raise typer.Exit(code)


def _close(files: dict[str, str], commands: list[str], seconds: float, screen: Screen) -> None:
    lines = [f"Ran {seconds:.0f} s. Written:"]
    lines += [f"  {path}  ({what})" for what, path in files.items()]
    lines += ["Try next:", *(f"  {command}" for command in commands)]
    screen.note("\n".join(lines))
