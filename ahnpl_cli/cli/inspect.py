"""`ahnpl inspect`: Look at examples under models, and at any file that we write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen, page_path
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.errors import DataError
from ahnpl_cli.runs import RUNS, is_run, newest_run


@options_from(InspectConfig)
def inspect(
    target: Annotated[
        Path | None,
        typer.Argument(
            help="An image, or any file or folder that ahnpl writes; default: examples of the "
            "newest run under runs/, or the bundled ones.",
            metavar="TARGET",
        ),
    ] = None,
    captions: Annotated[
        list[str] | None,
        typer.Argument(
            help="With an image: its caption, then captions that compete with it. With a run: "
            "more runs, to see beside it.",
            metavar="CAPTION|RUN...",
        ),
    ] = None,
    *,
    config: InspectConfig,
    screen: Screen,
) -> None:
    """Look at examples under models: cosine distances and similarities.

    Or name a file or folder to learn what it is and whether it is valid: negatives, embeddings, a
    checkpoint, a run, evaluation results.

    Example: ahnpl inspect photo.jpg "a dog on a bed" "a bed on a dog"

    Example: ahnpl inspect runs/ahnpl runs/negclip --plot
    """
    others = [Path(name) for name in captions or ()]
    plots = config.plot or config.plot_path is not None
    if plots or (target is not None and is_run(target) and any(map(is_run, others))):
        _compare_runs([target or newest_run() or RUNS, *others], config, screen)
        return
    from ahnpl_cli.backbones.load import check_model, model_folder
    from ahnpl_cli.inspection.identify import identify
    from ahnpl_cli.inspection.report import FileReport

    if target is not None:
        identify(target)  # A mistyped path is told before torch is imported.
    for checkpoint in config.checkpoint:
        model_folder(Path(checkpoint))
    if config.model or config.pretrained:
        check_model(config.model, config.pretrained, None)
    screen.note(f"Looking at {target or 'examples'}.")
    from ahnpl_cli.inspection import inspect as inspection
    from ahnpl_cli.inspection.tables import tables

    report = inspection.inspect(target, captions or [], config, track=screen.track)
    screen.show(report, tables(report))
    page = page_path(config, _beside(target, captions))
    if page is not None:
        screen.write_page(page, inspection.page(report, config, screen.track), force=config.force)
    if isinstance(report, FileReport) and not report.valid:
        problems = sum(finding.level == "problem" for finding in report.findings)
        hint = "The lines marked ✗ say what; make the file again or repair it."
        raise DataError(f"not valid, {problems} problem(s) found", where=report.path, hint=hint)


def _compare_runs(paths: list[Path], config: InspectConfig, screen: Screen) -> None:
    """Show where runs ended, and draw their curves if asked to."""
    from ahnpl_cli.inspection.plot import check_plot, draw, ends_table, read_runs

    picture = Path(config.plot_path) if config.plot_path else None
    if config.plot and picture is None:
        picture = (paths[0] if paths[0].is_dir() else Path()) / "curves.png"
    if picture is not None:
        check_plot(picture)
    runs = read_runs(paths)
    screen.show(runs, [ends_table(runs)])
    if picture is not None:
        draw(runs, picture)
        screen.note(f"Wrote {picture}.")


def _beside(target: Path | None, captions: list[str] | None) -> Path:
    """Return where the page goes when `--html-path` does not say."""
    if target is None or captions:
        return Path("inspect.html")
    if is_run(target):
        return target / "page.html"
    return target.with_name(target.name.split(".")[0] + ".html")
