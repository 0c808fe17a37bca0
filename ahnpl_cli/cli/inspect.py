"""`ahnpl inspect`: Look at examples under models, and at any file that we write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.cli.page import PageCommand, page_path
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.errors import DataError
from ahnpl_cli.runs import is_run

if TYPE_CHECKING:
    from ahnpl_cli.inspection.report import ComparisonReport, FileReport

SUMMARY = "Look at examples, runs and any file that ahnpl writes."
EPILOG = 'Example: ahnpl inspect photo.jpg "a dog on a bed" "a bed on a dog"'


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("inspect", short_help=SUMMARY, cls=PageCommand, epilog=EPILOG)(inspect)


@options_from(InspectConfig)
def inspect(
    target: Annotated[
        Path | None,
        typer.Argument(
            help="An image, or any file or folder that ahnpl writes; default: examples of the "
            "newest run under runs/, or the bundled ones."
        ),
    ] = None,
    captions: Annotated[
        list[str] | None,
        typer.Argument(help="With an image: its caption, then captions that compete with it."),
    ] = None,
    *,
    config: InspectConfig,
    screen: Screen,
) -> None:
    """Look at examples under models: cosine distances and similarities.

    Or name a file or folder to learn what it is and whether it is sound: negatives, embeddings, a
    checkpoint, a run, evaluation results.
    """
    from ahnpl_cli.inspection import look
    from ahnpl_cli.inspection.report import FileReport
    from ahnpl_cli.reporting.files import tables

    page = page_path(config.html, _beside(target, captions))
    report = look.inspect(target, captions or [], config, track=screen.track)
    screen.show(report, tables(report))
    if page is not None:
        _write(page, report, config, screen)
    if isinstance(report, FileReport) and not report.sound:
        problems = sum(finding.level == "problem" for finding in report.findings)
        hint = "The lines marked ✗ say what; make the file again or repair it."
        raise DataError(f"not sound, {problems} problem(s) found", where=report.path, hint=hint)


def _beside(target: Path | None, captions: list[str] | None) -> Path:
    """Where the page goes when `--html` does not say."""
    if target is None or captions:
        return Path("inspect.html")
    if is_run(target):
        return target / "page.html"
    return target.with_name(target.name.split(".")[0] + ".html")


def _write(
    page: Path, report: ComparisonReport | FileReport, config: InspectConfig, screen: Screen
) -> None:
    from ahnpl_cli.inspection import look
    from ahnpl_cli.inspection.report import ComparisonReport
    from ahnpl_cli.reporting import pages
    from ahnpl_cli.reporting.page import write_page

    if isinstance(report, ComparisonReport):
        html = pages.examples_page(report)
    elif report.what == "run":
        run = Path(report.path)
        examples = look.run_examples(run, config, screen.track)
        html = pages.run_page(report, examples, look.results_of_run(run))
    elif report.what == "results":
        html = pages.eval_page(report.details)
    else:
        html = pages.file_page(report)
    write_page(page, html)
    screen.note(f"Wrote {page}.")
