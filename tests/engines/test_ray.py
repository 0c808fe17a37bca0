"""The same tasks in actors of Ray: order, errors, and what becomes of the task of a dead actor."""

import gzip
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ahnpl_cli.config import ClusterConfig, NegativesConfig
from ahnpl_cli.engines import open_engine
from ahnpl_cli.errors import AhnplError, ConfigError, DataError
from ahnpl_cli.negatives.generate import generate

pytest.importorskip("ray", reason="needs the extra ray")
TWO = ClusterConfig(engine="ray", actors=2)
factor = 0


@pytest.fixture(scope="module")
def raylet() -> Iterator[int]:
    """A cluster of two cores on this machine; gives the process that starts actors."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What an actor imports is this file too.
    os.environ["PYTHONPATH"] = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    handler = signal.getsignal(signal.SIGTERM)
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    (started,) = ray._private.worker._global_node.all_processes["raylet"]
    yield started.process.pid
    ray.shutdown()
    signal.signal(signal.SIGTERM, handler)


def actors_of(raylet: int) -> list[int]:
    """The processes of actors that have a task."""
    children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    busy = []
    for child in map(int, children):
        if b"_Worker" in Path(f"/proc/{child}/cmdline").read_bytes():
            busy.append(child)
    return busy


def prepare(value: Any) -> None:
    global factor
    if isinstance(value, AhnplError):
        raise value
    factor = value


def times_factor(number: int) -> tuple[int, int]:
    time.sleep(0.05 * (number % 3))
    return number * factor, os.getpid()


def refuse(number: int) -> int:
    raise DataError("a broken record", where=f"line {number}")


def die_once(task: tuple[int, str]) -> int:
    """End the process over one task, but not a second time."""
    number, marker = task
    if number == 3 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * factor


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_order_from_two_actors(raylet: int) -> None:
    with open_engine(TWO, 1, prepare, (10,)) as engine:
        results = list(engine.map(times_factor, range(12)))
        again = list(engine.map(times_factor, range(3)))
    assert [number for number, _ in results] == [10 * n for n in range(12)]
    assert [number for number, _ in again] == [0, 10, 20]
    processes = {process for _, process in results}
    # On a busy machine the first actor may have done everything before the second is there.
    assert len(processes) in (1, 2)
    assert os.getpid() not in processes
    deadline = time.monotonic() + 20
    while actors_of(raylet) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not actors_of(raylet)


def test_a_dead_actors_task_goes_to_another(raylet: int, tmp_path: Path) -> None:
    marker = str(tmp_path / "died")
    with open_engine(TWO, 1, prepare, (2,)) as engine:
        results = list(engine.map(die_once, ((number, marker) for number in range(9))))
    assert Path(marker).exists()
    assert results == [2 * n for n in range(9)]


def test_a_task_that_kills_every_actor_ends_the_work(raylet: int) -> None:
    with (
        pytest.raises(AhnplError, match=r"^3 actors died over the same part of the work\."),
        open_engine(TWO, 1, prepare, (2,)) as engine,
    ):
        list(engine.map(die, range(2)))


def test_errors_arrive_as_they_are(raylet: int) -> None:
    with (
        pytest.raises(DataError, match=r"^line 0: a broken record$"),
        open_engine(ClusterConfig(engine="ray", actors=1), 1, prepare, (2,)) as engine,
    ):
        list(engine.map(refuse, range(4)))
    with (
        pytest.raises(ConfigError, match=r"^no such model$"),
        open_engine(TWO, 1, prepare, (ConfigError("no such model"),)) as engine,
    ):
        list(engine.map(times_factor, range(4)))


def test_actors_that_have_no_room_are_refused_at_once(raylet: int) -> None:
    with pytest.raises(ConfigError) as refused:
        open_engine(ClusterConfig(engine="ray", actors=2, gpus_per_actor=0.5), 1, prepare)
    assert str(refused.value) == (
        "2 actors of 1 core and 0.5 GPUs each, and the cluster has room for 0. "
        "Use fewer --actors, or --gpus-per-actor 0.5 to share one."
    )


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_negatives_are_the_same_bytes_with_an_actor_killed_in_mid_part(
    raylet: int, tmp_path: Path, ending: str
) -> None:
    captions = tmp_path / "captions.jsonl"
    with captions.open("w") as file:
        for number in range(2_000):
            text = f"a {('red', 'small', 'old')[number % 3]} dog next to {number} wooden tables"
            row = {"id": f"c{number}", "image": f"{number // 5}.jpg", "caption": text}
            file.write(json.dumps(row) + "\n")
    options = {"filler": "corpus", "kinds": ("relation", "attribute", "object")}
    alone = tmp_path / f"alone.{ending}"
    generate(captions, alone, NegativesConfig(workers=2, **options))
    killed: list[int] = []

    def track(items: Any, *, total: Any = None, description: str, unit: str) -> Iterator[Any]:
        for number, item in enumerate(items):
            if description == "Making negatives" and number == 300:
                killed.append(actors_of(raylet)[0])
                os.kill(killed[0], signal.SIGKILL)
            yield item

    shared = tmp_path / f"shared.{ending}"
    report = generate(captions, shared, NegativesConfig(cluster=TWO, **options), track=track)
    assert len(killed) == 1
    assert report.captions == 2_000
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (alone, shared)}
    assert len(hashes) == 1
    if ending == "jsonl.gz":
        assert len(gzip.decompress(shared.read_bytes()).splitlines()) == 2_000
    assert not list(tmp_path.glob(".*.work/*"))
