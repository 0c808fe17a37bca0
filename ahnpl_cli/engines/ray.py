"""Maps a function over items in actors of a Ray cluster: results in order, a bounded queue.

Ray places the actors and tells of those that died; rows go neither through its readers nor through
its writers, which keep neither their order nor their bytes.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from ahnpl_cli.engines import AHEAD, Cluster
from ahnpl_cli.errors import AhnplError, ConfigError

logger = logging.getLogger(__name__)
Task = TypeVar("Task")
Result = TypeVar("Result")
MOST_DEATHS = 3  # of actors over one task, which then is what kills them
DIED_HINT = (
    "If memory ran out, use fewer --actors per machine; the same command continues from here."
)
POLL = 10.0  # seconds between two looks at the cluster while no task ends
PATIENCE = 180.0  # seconds that a cluster without room is given to get a machine back
SHARED_HINT = "All machines need the same folder at the same path, such as on NFS."


class _Worker:
    """What runs in an actor."""

    def prepare(self, folder: str, prepare: Callable[..., None], args: tuple[Any, ...]) -> None:
        """Go where the driver is, so that every path means the same, and load what is needed."""
        try:
            os.chdir(folder)
        except OSError as error:
            what = "not a folder of every machine of the cluster"
            raise ConfigError(what, where=folder, hint=SHARED_HINT) from error
        prepare(*args)

    def run(self, function: Callable[[Any], Any], task: Any) -> Any:
        """Return what a task gives."""
        return function(task)


@dataclass(slots=True)
class _Job:
    """A task under way; a number below 0 is an actor that prepares.

    Attributes:
        number: place among the tasks.
        task: what the function is given.
        deaths: actors that died over it.
    """

    number: int
    task: Any
    deaths: int = 0


class ActorMap:
    """Actors that prepare once each and then share tasks; a dead one's task goes to another.

    Args:
        cluster: address, number of actors, GPUs of each.
        prepare: called once in each actor, before its first task.
        args: what `prepare` is called with; has to be picklable.
        cpus: cores that an actor is given.

    Raises:
        ConfigError: Ray is not installed, no cluster is there, or it lacks what is asked for.
    """

    def __init__(
        self,
        cluster: Cluster,
        prepare: Callable[..., None],
        args: tuple[Any, ...] = (),
        *,
        cpus: int = 1,
    ) -> None:
        self._ray = _import_ray()
        self._prepare, self._args = prepare, args
        self._actors: list[Any] = []
        # A program that uses Ray already keeps its own connection.
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _connect(self._ray, cluster.address, (cluster.actors or 0) * cpus)
        self._cluster, self._cpus = cluster, cpus
        try:
            count = _count(self._room(), cluster, cpus)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        actor = self._ray.remote(_Worker)
        # A restart by Ray itself would skip `prepare`, so a dead actor is made anew by us.
        self._make = actor.options(num_cpus=cpus, num_gpus=cluster.gpus_per_actor).remote
        self._most_ahead = count * AHEAD
        self._idle: list[Any] = []
        self._under_way: dict[Any, tuple[Any, _Job]] = {}
        self._without_room: float | None = None
        for number in range(count):
            self._start_actor(_Job(-1 - number, None))
        logger.info("%d actors of Ray.", count)

    def _start_actor(self, job: _Job) -> None:
        actor = self._make()
        self._actors.append(actor)
        reference = actor.prepare.remote(os.getcwd(), self._prepare, self._args)
        self._under_way[reference] = actor, job

    def _room(self) -> int:
        """Return how many actors the machines hold that are there now."""
        resources = self._ray.cluster_resources()
        room = int(resources.get("CPU", 0) // self._cpus)
        gpus = self._cluster.gpus_per_actor
        return min(room, int(resources.get("GPU", 0) / gpus)) if gpus else room

    def __enter__(self) -> ActorMap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # In the middle of a task, if need be.
        for actor in self._actors:
            self._ray.kill(actor)
        if self._is_ours:
            self._ray.shutdown()

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield `function(task)` in the order of the tasks, a few of them worked on ahead.

        Raises:
            AhnplError: what an actor raised, a task that killed several actors, or a cluster that
                lost its machines.
        """
        fresh = (_Job(number, task) for number, task in enumerate(tasks))
        # What dead actors leave behind goes first: the oldest of them is what all others wait for.
        left: deque[_Job] = deque()
        results: dict[int, Result] = {}
        given = yielded = 0
        exhausted = False
        while True:
            # Without a bound, a slow task would let the results of all others pile up.
            while self._idle and (left or given - yielded < self._most_ahead):
                job = left.popleft() if left else next(fresh, None)
                if job is None:
                    exhausted = True
                    break
                given = max(given, job.number + 1)
                actor = self._idle.pop()
                self._under_way[actor.run.remote(function, job.task)] = actor, job
            if exhausted and yielded == given:
                return
            done, _ = self._ray.wait(list(self._under_way), num_returns=1, timeout=POLL)
            if not done:
                self._check_room()
            for reference in done:
                self._finish(reference, results, left)
            while yielded in results:
                yield results.pop(yielded)
                yielded += 1

    def _check_room(self) -> None:
        """Give up on a cluster that has lost the machines that actors ran on.

        A task may take hours, and ends, or fails with its machine. But an actor that has no room is
        waited for without end by Ray.

        Raises:
            AhnplError: for long there was no room for a single actor, and none is at work.
        """
        at_work = any(job.number >= 0 for _, job in self._under_way.values())
        if at_work or self._room() > 0:
            self._without_room = None
        elif self._without_room is None:
            self._without_room = time.monotonic()
            logger.warning("The cluster lost its machines; waiting %.0f s for one.", PATIENCE)
        elif time.monotonic() - self._without_room > PATIENCE:
            what = f"the cluster has had no machine for an actor for {PATIENCE:.0f} s"
            hint = "Start one with `ray start`; the same command continues from here."
            raise AhnplError(what, hint=hint)

    def _finish(self, reference: Any, results: dict[int, Any], left: deque[_Job]) -> None:
        """Take in what an actor has done, or that it died."""
        actor, job = self._under_way.pop(reference)
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            # What the task raised, as the same code raises it in a process of this machine.
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            # Where its machine is gone, only what it gave may be lost.
            self._ray.kill(actor)
            self._actors.remove(actor)
            job.deaths += 1
            if job.deaths == MOST_DEATHS:
                what = f"{MOST_DEATHS} actors died over the same part of the work"
                raise AhnplError(what, hint=DIED_HINT) from error
            logger.warning("An actor died; another takes over its part.")
            if job.number < 0:
                self._start_actor(job)
                return
            left.append(job)
            self._start_actor(_Job(-1, None))
            return
        self._idle.append(actor)
        if job.number >= 0:
            results[job.number] = result


def _import_ray() -> Any:
    # Before the import, which reads them: nothing is sent to anybody unasked.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        what = "--engine ray needs Ray, which is not installed"
        raise ConfigError(what, hint="Run: pip install ray; or leave --engine out.") from error


@contextlib.contextmanager
def _same_signals() -> Iterator[None]:
    """Keep our own handlers: Ray sets one for SIGTERM, by which work would be lost."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _connect(ray: Any, address: str | None, cpus: int) -> None:
    """Connect to a cluster, or start one on this machine if none is named and none runs.

    Raises:
        ConfigError: there is no cluster at the address.
    """
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    with _same_signals():
        try:
            ray.init(address=address or "auto", **quiet)
            return
        except (ConnectionError, ValueError, RuntimeError) as error:
            if address is not None:
                reason = str(error).splitlines()[0]
                hint = "Start one with `ray start --head`, or leave --address out."
                raise ConfigError(f"--address {address}: {reason}", hint=hint) from error
        cores = max(cpus, os.cpu_count() or 1)
        ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
        logger.info("No cluster of Ray runs here: one was started on this machine.")


def _count(room: int, cluster: Cluster, cpus: int) -> int:
    """Return how many actors there will be; by default, as many as there is room for.

    Raises:
        ConfigError: there is no room for them, for which Ray would wait without end.
    """
    each = f"{cpus} cores" if cpus > 1 else "1 core"
    if cluster.gpus_per_actor:
        each += f" and {cluster.gpus_per_actor:g} GPUs"
    wanted = cluster.actors or max(room, 1)
    if wanted > room:
        what = f"{wanted} actors of {each} each, and the cluster has room for {room}"
        raise ConfigError(what, hint="Use fewer --actors, or --gpus-per-actor 0.5 to share one.")
    return wanted
