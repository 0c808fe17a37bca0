"""Progress bars on a terminal; imported only where one is drawn."""

from __future__ import annotations

from collections.abc import Iterable

from rich import progress
from rich.console import Console, RenderableType
from rich.text import Text


class Bars(progress.Progress):
    """A bar for each thing being done, and under it the newest line that it has to say.

    A task's fields are `rate`, shown beside its bar, and `line`.
    """

    def __init__(self, console: Console, *, disable: bool) -> None:
        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}", markup=False),
            progress.TimeRemainingColumn(),
        )
        super().__init__(*columns, console=console, transient=True, disable=disable)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bars, and the lines below them."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if task.fields["line"]:
                yield Text(task.fields["line"], style="dim")
