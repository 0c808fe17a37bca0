"""Who runs the tasks of a stage: processes of this machine, or actors of a Ray cluster.

A stage cuts its work into tasks and gives each to `Engine.map`; tasks, functions and results are
the same on every engine, and so are the bytes. `parts` is what a task leaves on disk for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


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
        from ahnpl_cli.engines.local import ProcessMap

        return ProcessMap(workers, prepare, args)
    from ahnpl_cli.engines.ray import ActorMap

    return ActorMap(cluster, prepare, args, cpus=cpus)
