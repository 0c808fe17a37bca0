"""`ahnpl docs`: the manual, as it ships with the package."""

from __future__ import annotations

import re
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


_ROW = re.compile(r"\|\s*(.+?)\s*\|(.+)\|\s*")
_BULLET = re.compile(r"- \*\*(.+?)\*\*(.*)")


def terms() -> dict[str, list[tuple[str, str]]]:
    """Return what the manual explains in its tables and lists: topic and line, by term."""
    explained: dict[str, list[tuple[str, str]]] = {}
    # The glossary first: it explains, other pages rather use a term.
    for topic in sorted(topics(), key=lambda name: name != "glossary"):
        for line in (MANUAL / f"{topic}.md").read_text(encoding="utf-8").splitlines():
            found = _ROW.fullmatch(line) or _BULLET.fullmatch(line)
            if found is None or set(line) <= set("|-: "):
                continue
            for term in re.split(r",\s*|\s+or\s+", found[1]):
                name = term.strip(" `*").lower()
                # Exit codes are no terms, nor the dots of a row that goes on from the one above.
                if not name.isdecimal() and name != "...":
                    explained.setdefault(name, []).append((topic, line))
    return explained


def _explain(term: str, titles: dict[str, str], screen: Screen) -> None:
    """Print what the manual says of an average, a kind, a term or a column.

    Raises:
        ConfigError: it says nothing.
    """
    explained = terms()
    name = term.lower().strip("-")
    if name not in explained:
        # `..._partial` and the like stand for every name that ends so.
        ends = [known for known in explained if known[:3] == "..." and name.endswith(known[3:])]
        name = max(ends, key=len, default="") or choose(
            name, [*titles, *explained], "topic or term"
        )
    lines = []
    for topic, line in explained[name]:
        row = _ROW.fullmatch(line)
        text = (
            f"{row[1]}: {row[2].strip().replace(' | ', '; ')}" if row else line.removeprefix("- ")
        )
        lines.append(f"{text} (`ahnpl docs {topic}`)\n")
    screen.show_markdown("\n".join(lines), {"term": name})


@options_from(DocsConfig)
def docs(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="A topic, or a term such as macro_7 or relation; without it, the topics are "
            "listed.",
            metavar="TOPIC|TERM",
        ),
    ] = None,
    *,
    config: DocsConfig,
    screen: Screen,
) -> None:
    """Read the manual in the terminal; through a pipe it is plain Markdown.

    Example: ahnpl docs glossary

    Example: ahnpl docs macro_7
    """
    titles = topics()
    if topic is None:
        from ahnpl_cli.reporting.tables import Table

        rows = tuple(titles.items())
        note = "Read one with: ahnpl docs TOPIC"
        screen.show(titles, [Table("The manual", ("topic", "about"), rows, note)])
        return
    if topic not in titles:
        _explain(topic, titles, screen)
        return
    path = MANUAL / f"{topic}.md"
    screen.show_markdown(path.read_text(encoding="utf-8"), {"topic": topic})
