"""Work in this process or in several, results in order, never more in flight than needed."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from ahnpl_cli.errors import AhnplError
from ahnpl_cli.negatives import worker
from ahnpl_cli.negatives.worker import Spec

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 3  # tasks per process that wait or are worked on


class Pool:
    """Processes that hold a worker each; with one or none, this process does the work."""

    def __init__(self, spec: Spec, workers: int) -> None:
        self._window = workers * AHEAD
        self._executor: ProcessPoolExecutor | None = None
        if workers > 1:
            # Spawned, not forked: a fork of a process with threads (torch, progress) may hang.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(workers, context, worker.start, (spec,))
        else:
            worker.start(spec)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=error is None, cancel_futures=True)

    def map(self, task: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield `task(item)` in the order of the items.

        Raises:
            AhnplError: a process died, as when memory runs out.
        """
        if self._executor is None:
            yield from map(task, items)
            return
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(self._executor.submit(task, item))
                if len(waiting) >= self._window:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as broken:
            hint = "If memory ran out, use fewer --workers; the same command goes on from here."
            raise AhnplError("a worker process died", hint=hint) from broken
