"""How library code reports progress without depending on the console."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Wraps an iterable and shows how far it has come: `for batch in track(batches, total=9)`."""

    def __call__(
        self,
        items: Iterable[T],
        *,
        total: int | None = None,
        description: str = "",
        unit: str = "",
        done: int = 0,
        describe: Callable[[T], str] | None = None,
    ) -> Iterator[T]:
        """Yield `items` unchanged.

        Args:
            items: what is worked through.
            total: how many there will be, if known.
            description: what is being done, in two or three words.
            unit: plural noun for the rate shown beside the bar, such as `captions`.
            done: how many of `total` were done before, by an interrupted run.
            describe: gives the line that an item is worth, or nothing.
        """
        ...


def silent(
    items: Iterable[T],
    *,
    total: int | None = None,
    description: str = "",
    unit: str = "",
    done: int = 0,
    describe: Callable[[T], str] | None = None,
) -> Iterator[T]:
    """Show nothing: the default wherever a `Track` is taken."""
    yield from items


def rate(per_second: float | None, unit: str) -> str:
    """Return a speed with the digits that it deserves, as seconds where it is below one."""
    if not per_second or not unit:
        return ""
    if per_second < 1:
        return f"{1 / per_second:,.1f} s/{unit.removesuffix('s')}"
    return f"{per_second:,.1f} {unit}/s" if per_second < 10 else f"{per_second:,.0f} {unit}/s"


def duration(seconds: float) -> str:
    """Return a time as people say it: `40 s`, `12 min`, `3 h 05 min`, `2 d 7 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def per_item(seconds: float) -> str:
    """Return the time of one step or item: `0.042 s`, `3.1 s`, `12 min`."""
    if seconds < 1:
        return f"{seconds:.3f} s"
    return f"{seconds:.1f} s" if seconds < 100 else duration(seconds)


class Pulse:
    """Says now and then, where no bar is drawn, how far something has come.

    Args:
        description: what is being done.
        unit: plural noun for what is counted.
        total: how many there will be, if known.
        done: how many were done before.
    """

    EVERY = 60.0  # seconds between two lines

    def __init__(self, description: str, unit: str, total: int | None, done: int = 0) -> None:
        self.description, self.unit, self.total = description, unit, total
        self.done = self._first = done
        self._began = self._spoke = time.monotonic()

    def line(self, own: str = "") -> str:
        """Count one more; return its own line, or one on the pace if a minute was silent."""
        self.done += 1
        now = time.monotonic()
        if own:
            self._spoke = now
            return own
        if now - self._spoke < self.EVERY:
            return ""
        self._spoke = now
        pace = (self.done - self._first) / (now - self._began)
        counted = f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"
        words = [f"{self.description}: {counted} {self.unit}".rstrip(), rate(pace, self.unit)]
        if self.total is not None:
            words.append(f"{duration((self.total - self.done) / pace)} left")
        return ", ".join(word for word in words if word)
