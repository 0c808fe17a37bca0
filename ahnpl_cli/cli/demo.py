"""`ahnpl demo`: every stage on synthetic scenes, end to end."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ahnpl_cli.cli.console import Screen, page_path
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import DemoConfig

if TYPE_CHECKING:
    from ahnpl_cli.demo import FinishedStage, Stage

DEFAULT_OUT = "ahnpl-demo"


@options_from(DemoConfig)
def demo(ctx: typer.Context, *, config: DemoConfig, screen: Screen) -> None:
    """Run every stage on synthetic scenes, end to end.

    Draws scenes, makes hard negatives, fine-tunes the bundled model with four methods, measures all
    five on held-out scenes and prints the cosine distances of examples. Needs no download.

    Example: ahnpl demo --quick --out /tmp/ahnpl-demo
    """
    from ahnpl_cli.demo import inspect_argv, label, run, stages, summarize
    from ahnpl_cli.evaluation.output import load_report
    from ahnpl_cli.evaluation.result_tables import results_table
    from ahnpl_cli.evaluation.trade_off import trade_off_table

    def call(argv: Sequence[str]) -> None:
        """Run `ahnpl` with these arguments in this process."""
        program = ctx.find_root().command
        code = program.main([*argv, *_loudness(screen)], "ahnpl", standalone_mode=False)
        if code:
            raise typer.Exit(code)

    def call_silently(argv: Sequence[str]) -> None:
        """Run a stage whose stdout nobody needs; what it says on stderr is shown."""
        with contextlib.redirect_stdout(io.StringIO()):
            call(argv)

    out = Path(config.output or DEFAULT_OUT)
    total = len(stages(out, config))
    done: list[FinishedStage] = []

    def begin(stage: Stage) -> None:
        screen.note(f"[{len(done) + 1}/{total}] {stage.about}")
        screen.note(f"      {stage.command}")

    for finished in run(out, config, call_silently, begin):
        done.append(finished)
        how = "done before" if finished.resumed else "done"
        screen.note(f"[{len(done)}/{total}] {finished.stage.name}: {how}, {finished.seconds:.1f} s")
    results = load_report(out / "results.json")
    report = summarize(out, done, results)
    page = page_path(config, out / "page.html")
    if page is not None:
        from ahnpl_cli.cli.demo_page import demo_page

        html = demo_page(out, config, done, results, screen.track)
        screen.write_page(page, html, force=config.force)
    if screen.json:
        screen.show(report, [])
        return
    call(inspect_argv(out))
    names = {model.name: label(model.name) for model in results.models}
    table = results_table(
        results,
        title="Accuracy in percent on held-out scenes",
        names=names,
    )
    screen.show(report, [table, trade_off_table(results, names)])
    _close(report.files, report.next, report.seconds, screen)


def _loudness(screen: Screen) -> list[str]:
    if screen.quiet:
        return ["--quiet"]
    return ["--verbose"] if screen.verbose else []


def _close(files: dict[str, str], commands: list[str], seconds: float, screen: Screen) -> None:
    """Say where everything lies and what to try next."""
    lines = [f"Ran {seconds:.0f} s. Written:"]
    lines += [f"  {path}  ({what})" for what, path in files.items()]
    lines += ["Try next:", *(f"  {command}" for command in commands)]
    screen.note("\n".join(lines))
