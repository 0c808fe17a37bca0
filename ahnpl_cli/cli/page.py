"""`--html [PAGE]`: an option whose value may be left out, which Typer does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from ahnpl_cli.errors import ConfigError

FLAG = "--html"


class PageCommand(TyperCommand):
    """A command that reads `--html` alone, before another option or last, as `--html=`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; see the class."""
        following = [*args, "-"][1:]
        filled = [
            f"{FLAG}=" if arg == FLAG and after.startswith("-") else arg
            for arg, after in zip(args, following, strict=False)
        ]
        return super().parse_args(ctx, filled)


def page_path(html: str | None, default: Path) -> Path | None:
    """Return where the page goes; None when none is wanted.

    Args:
        html: the option's value: None without it, empty when it stands alone.
        default: taken when it stands alone.

    Raises:
        ConfigError: the name is not a page's, so that no other file is overwritten by mistake.
    """
    if html is None:
        return None
    if html == "":
        return default
    if not html.lower().endswith((".html", ".htm")):
        hint = "Write --html PAGE.html, or --html last on the line."
        raise ConfigError(f"--html {html} is not the name of a page", hint=hint)
    return Path(html)
