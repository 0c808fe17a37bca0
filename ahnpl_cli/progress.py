"""How library code reports progress without depending on the console."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Wraps an iterable and shows how far it has come: `for batch in track(batches, total=9)`."""

    def __call__(
        self, items: Iterable[T], *, total: int | None = None, description: str = "", unit: str = ""
    ) -> Iterator[T]:
        """Yield `items` unchanged.

        Args:
            items: what is worked through.
            total: how many there will be, if known.
            description: what is being done, in two or three words.
            unit: plural noun for the rate shown beside the bar, such as `captions`.
        """
        ...


def silent(
    items: Iterable[T], *, total: int | None = None, description: str = "", unit: str = ""
) -> Iterator[T]:
    """Show nothing: the default wherever a `Track` is taken."""
    yield from items
