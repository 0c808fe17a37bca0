"""`--html` with and without a page."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from ahnpl_cli.cli.page import PageCommand, page_path
from ahnpl_cli.errors import ConfigError

program = typer.Typer()


@program.command(cls=PageCommand)
def show(
    target: Annotated[str | None, typer.Argument()] = None,
    html: Annotated[str | None, typer.Option()] = None,
    quiet: bool = False,
) -> None:
    typer.echo(repr((target, html, quiet)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", (None, None, False)),
        ("run", ("run", None, False)),
        ("--html", (None, "", False)),
        ("run --html", ("run", "", False)),
        ("run --html --quiet", ("run", "", True)),
        ("run --html p.html", ("run", "p.html", False)),
        ("--html=p.html run", ("run", "p.html", False)),
    ],
)
def test_the_page_may_be_left_out(line: str, expected: tuple[str | None, ...]) -> None:
    result = CliRunner().invoke(program, line.split())
    assert result.stdout == f"{expected!r}\n"


def test_the_page_goes_where_it_is_told() -> None:
    assert page_path(None, Path("d.html")) is None
    assert page_path("", Path("d.html")) == Path("d.html")
    assert page_path("x/p.HTM", Path("d.html")) == Path("x/p.HTM")


def test_no_other_file_is_overwritten_by_mistake() -> None:
    with pytest.raises(ConfigError) as caught:
        page_path("negatives.jsonl", Path("d.html"))
    assert str(caught.value) == (
        "--html negatives.jsonl is not the name of a page. Write --html PAGE.html, or --html last "
        "on the line."
    )
