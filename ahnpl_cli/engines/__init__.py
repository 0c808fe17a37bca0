"""Who runs the tasks of a stage: processes of this machine, or actors of a Ray cluster.

A stage cuts its work into tasks and gives each to `Engine.map`; tasks, functions and results are
the same on every engine, and so are the bytes. `journal` is what a task leaves on disk for others.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType, TracebackType
from typing import Any, Protocol, TypeVar

from ahnpl_cli.errors import AhnplError
from ahnpl_cli.workers import DIED_HINT

Task = TypeVar("Task")
Result = TypeVar("Result")
_refused: AhnplError | None = None
AHEAD = 3  # tasks per process that wait or are worked on


class Cluster(Protocol):
    """Which engine a command line asks for; see `config.options.ClusterConfig`."""

    @property
    def engine(self) -> str:
        """`local` or `ray`."""

    @property
    def address(self) -> str | None:
        """Of a Ray cluster; None for the one that runs here, or a new one."""

    @property
    def actors(self) -> int | None:
        """How many; None for as many as there is room for."""

    @property
    def gpus_per_actor(self) -> float:
        """GPUs of each; below 1, several share one."""


class Engine(Protocol):
    """Workers that prepare once each and then share tasks."""

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield `function(task)` in the order of the tasks, a few of them worked on ahead.

        Raises:
            AhnplError: what a worker raised, or too many workers died.
        """
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def open_engine(
    cluster: Cluster,
    workers: int,
    prepare: Callable[..., None],
    args: tuple[Any, ...] = (),
    *,
    cpus: int = 1,
) -> Engine:
    """Return the engine that a command line asks for.

    Args:
        cluster: which one, and how many actors of Ray.
        workers: processes of this machine; with one or none, this process works.
        prepare: called once in each worker, before its first task.
        args: what `prepare` is called with; has to be picklable.
        cpus: cores that an actor of Ray is given.

    Raises:
        ConfigError: Ray is not installed, or the cluster lacks what is asked for.
    """
    if cluster.engine == "local":
        return ProcessMap(workers, prepare, args)
    from ahnpl_cli.engines.ray import ActorMap

    return ActorMap(cluster, prepare, args, cpus=cpus)


def _start_worker(parent: Connection, prepare: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Make a new process ready for tasks, and end it when the other end of `parent` closes."""
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with_parent() -> None:
        # Nothing is ever sent: the pipe is ready when the parent closed it or died, of anything.
        wait([parent])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    global _refused
    try:
        prepare(*args)
    except AhnplError as error:
        # Raised here it would end the process, and nobody would hear why.
        _refused = error


def _run(function: Callable[[Task], Result], task: Task) -> Result:
    """Return what a task gives, or say why this process could not be made ready."""
    if _refused is not None:
        raise _refused
    return function(task)


class _Worker(SpawnProcess):
    """A new process that does not import the script of this one.

    All that it needs is ours, and a script without `if __name__ == "__main__":` would start workers
    in each of its workers.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        script = sys.modules["__main__"]
        # Whatever is the main module now, with its file, is what a new process imports first.
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = script


class _Spawn(SpawnContext):
    """Spawned, not forked: a fork of a process with threads (torch, progress) may hang."""

    Process = _Worker


class ProcessMap:
    """Processes that prepare once each and then share tasks; with one or none, this process works.

    Args:
        workers: how many processes.
        prepare: called once in each process, before its first task; of a module, not of the script
            that runs, which the processes do not import.
        args: what `prepare` is called with; has to be picklable.
        hint: what to do if a process dies, such as for lack of memory.
    """

    def __init__(
        self,
        workers: int,
        prepare: Callable[..., None],
        args: tuple[Any, ...] = (),
        *,
        hint: str = DIED_HINT,
    ) -> None:
        self._most_in_flight = workers * AHEAD
        self._hint = hint
        self._executor: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None
        if workers > 1:
            context = _Spawn()
            reader, self._lifeline = context.Pipe(duplex=False)
            self._executor = ProcessPoolExecutor(
                workers, context, _start_worker, (reader, prepare, args)
            )
        else:
            prepare(*args)

    def __enter__(self) -> ProcessMap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._executor is None or self._lifeline is None:
            return
        if error is not None:
            # Ends the workers at once, in the middle of a task.
            self._lifeline.close()
        self._executor.shutdown(wait=error is None, cancel_futures=True)
        self._lifeline.close()

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield `function(task)` in the order of the tasks, a few of them worked on ahead.

        Raises:
            AhnplError: a process died, or could not be made ready.
        """
        if self._executor is None:
            yield from map(function, tasks)
            return
        in_flight: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                in_flight.append(self._executor.submit(_run, function, task))
                # Without a bound, a fast reader would hold all of a large file in memory.
                if len(in_flight) >= self._most_in_flight:
                    yield in_flight.popleft().result()
            while in_flight:
                yield in_flight.popleft().result()
        except BrokenProcessPool as broken:
            raise AhnplError("a worker process died", hint=self._hint) from broken
