"""`ahnpl docs`: the manual, as it ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import ahnpl_cli
from ahnpl_cli.catalog import choose
from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import DocsConfig

MANUAL = Path(ahnpl_cli.__file__).parent / "docs"


def topics() -> dict[str, str]:
    """Return the title of every topic, by its name."""
    first_lines = {}
    for path in sorted(MANUAL.glob("*.md")):
        with path.open(encoding="utf-8") as file:
            first_lines[path.stem] = file.readline().strip("# \n")
    return first_lines


@options_from(DocsConfig)
def docs(
    topic: Annotated[
        str | None, typer.Argument(help="What to read about; without it, the topics are listed.")
    ] = None,
    *,
    config: DocsConfig,
    screen: Screen,
) -> None:
    """Read the manual in the terminal; through a pipe it is plain Markdown.

    Example: ahnpl docs glossary
    """
    titles = topics()
    if topic is None:
        from ahnpl_cli.reporting.tables import Table

        rows = tuple(titles.items())
        note = "Read one with: ahnpl docs TOPIC"
        screen.show(titles, [Table("The manual", ("topic", "about"), rows, note)])
        return
    path = MANUAL / f"{choose(topic, titles, 'topic')}.md"
    screen.show_markdown(path.read_text(encoding="utf-8"), {"topic": topic})
