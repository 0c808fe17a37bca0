"""What the commands show: progress and notes on stderr, data on stdout."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ahnpl_cli.config import ConsoleConfig, TableFormat
from ahnpl_cli.progress import Pulse, rate, silent
from ahnpl_cli.reporting.visible import dump_json, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from ahnpl_cli.reporting.tables import Table

T = TypeVar("T")
# Marks of the manual for its tests.
COMMENT = re.compile(r"<!--.*?-->\n")


class PageOptions(Protocol):
    """The part of a configuration that asks for a page."""

    @property
    def html(self) -> bool:
        """Whether a page is written beside what is shown."""

    @property
    def html_path(self) -> str | None:
        """Where to write it instead."""


class _NoteHandler(logging.Handler):
    """Shows log records of this package as plain lines on stderr, above a running bar."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        text = visible(record.getMessage())
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def page_path(config: PageOptions, default: Path) -> Path | None:
    """Return where the HTML page goes: where `--html-path` says, else `default` with `--html`."""
    if config.html_path is not None:
        return Path(config.html_path)
    return default if config.html else None


class Screen:
    """One command's output; use as a context manager.

    Attributes:
        track: a `progress.Track` that draws a bar on stderr, silent under `--quiet`.
        json: whether one JSON object is wanted instead of tables.
        format: how tables are printed.
    """

    def __init__(self, config: ConsoleConfig, format: TableFormat = "rich") -> None:
        from rich.console import Console

        self.json = config.json or format == "json"
        self.format: TableFormat = "json" if self.json else format
        self.quiet, self.verbose = config.quiet, config.verbose
        self.err = Console(stderr=True)
        self.out = Console(soft_wrap=not sys.stdout.isatty())
        self.track = silent if self.quiet else self._track
        self._handler = _NoteHandler(self.err)
        self._outer: list[_NoteHandler] = []
        self._level = logging.NOTSET
        self._progress: Progress | None = None

    def __enter__(self) -> Screen:
        logger = logging.getLogger("ahnpl_cli")
        # One command may run another (`ahnpl demo`); a note is said once, by the innermost.
        self._outer = [h for h in logger.handlers if isinstance(h, _NoteHandler)]
        for handler in self._outer:
            logger.removeHandler(handler)
        logger.addHandler(self._handler)
        level = logging.DEBUG if self.verbose else logging.INFO
        self._level = logger.level
        logger.setLevel(logging.WARNING if self.quiet else level)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        logger = logging.getLogger("ahnpl_cli")
        logger.removeHandler(self._handler)
        logger.setLevel(self._level)
        for handler in self._outer:
            logger.addHandler(handler)

    def note(self, text: str) -> None:
        """Say one line on stderr, unless `--quiet`."""
        if not self.quiet:
            # Never broken into lines, so that a command shown can be copied.
            self.err.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def write_page(self, path: Path, html: str, *, force: bool) -> None:
        """Write a page and say where; a page of somebody else is replaced with `--force` only."""
        from ahnpl_cli.reporting.page import write_page

        write_page(path, html, force=force)
        self.note(f"Wrote {path}.")

    def show(self, data: Any, tables: Sequence[Table]) -> None:
        """Print the outcome on stdout: `data` as one JSON object, or the tables as asked."""
        if self.json:
            print(dump_json(data))
            return
        from ahnpl_cli.reporting.tables import print_table

        for table in tables:
            print_table(table, self.format, self.out)

    def show_markdown(self, text: str, about: dict[str, str]) -> None:
        """Print a page of the manual: laid out on a terminal, as it is through a pipe.

        Args:
            text: the page.
            about: what `--json` says of it beside its text.
        """
        if self.json:
            print(dump_json({**about, "text": text}))
        elif self.out.is_terminal and self.format == "rich":
            from rich.markdown import Markdown

            self.out.print(Markdown(COMMENT.sub("", text)))
        else:
            print(COMMENT.sub("", text), end="")

    @contextlib.contextmanager
    def _bars(self) -> Iterator[Progress]:
        """One live display for nested bars, since rich allows a single one."""
        if self._progress is not None:
            yield self._progress
            return
        from ahnpl_cli.cli.bars import Bars

        # A log file has no use for a bar that is drawn over: it gets lines.
        with Bars(self.err, disable=not self.err.is_terminal) as bars:
            self._progress = bars
            try:
                yield bars
            finally:
                self._progress = None

    def _track(
        self,
        items: Iterable[T],
        *,
        total: int | None = None,
        description: str = "",
        unit: str = "",
        done: int = 0,
        describe: Callable[[T], str] | None = None,
    ) -> Iterator[T]:
        if total is None and isinstance(items, Sized):
            total = len(items)
        pulse = Pulse(description, unit, total, done)
        with self._bars() as bars:
            task = bars.add_task(description, total=total, completed=done, rate="", line="")
            try:
                for item in items:
                    yield item
                    bars.advance(task)
                    line = describe(item) if describe else ""
                    if not self.err.is_terminal:
                        self._write(pulse.line(line))
                        continue
                    speed = bars.tasks[bars.task_ids.index(task)].speed
                    bars.update(task, rate=rate(speed, unit))
                    if line:
                        bars.update(task, line=line)
            finally:
                bars.remove_task(task)

    def _write(self, line: str) -> None:
        """Write a line of progress to a log, with the time of day in front."""
        if line:
            self.note(f"{time.strftime('%H:%M:%S')} {line}")
