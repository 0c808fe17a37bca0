"""The same tasks in actors of Ray: order, errors, and what becomes of the task of a dead actor."""

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ahnpl_cli.config import ClusterConfig, ImagesConfig, NegativesConfig
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.engines import open_engine
from ahnpl_cli.engines import ray as engines_ray
from ahnpl_cli.errors import AhnplError, ConfigError, DataError
from ahnpl_cli.imaging.generate import generate as paint
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.records import CaptionRecord, Edit, Negative, apply_edits
from ahnpl_cli.scenes.generate import generate as draw_world

pytest.importorskip("ray", reason="needs the extra ray")
TWO = ClusterConfig(engine="ray", actors=2)
ONE = ClusterConfig(engine="ray", actors=1)
LONGEST = 300  # seconds that a busy machine may take for what an idle one does in one
factor = 0


@pytest.fixture(scope="module")
def raylet() -> Iterator[int]:
    """A cluster of two cores on this machine; gives the process that starts actors."""
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # On a busy machine its processes take longer than Ray expects.
        patch.setenv("RAY_raylet_start_wait_time_s", "300")
        patch.setenv("RAY_worker_register_timeout_seconds", "300")
        # What an actor imports is this file too.
        path = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
        patch.setenv("PYTHONPATH", path)
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
    deadline = time.monotonic() + LONGEST
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
        open_engine(ONE, 1, prepare, (2,)) as engine,
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


def test_actors_that_find_no_machine_are_not_waited_for_without_end(
    raylet: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines_ray, "POLL", 0.1)
    monkeypatch.setattr(engines_ray, "PATIENCE", 0.3)
    # An actor that is never ready, as one without a place to run.
    with open_engine(ONE, 1, time.sleep, (LONGEST,)) as engine:
        monkeypatch.setattr(engine, "_room", lambda: 0)
        with pytest.raises(AhnplError, match=r"^the cluster has had no machine for an actor"):
            list(engine.map(abs, range(2)))


LOST = """
import sys, time
import ray
from ray.cluster_utils import Cluster
from ahnpl_cli.config import ClusterConfig
from ahnpl_cli.engines import open_engine, ray as engines_ray
from ahnpl_cli.errors import AhnplError
engines_ray.POLL, engines_ray.PATIENCE = 0.5, 1.0
head = {"num_cpus": 0, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
machine = cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False)
try:
    with open_engine(ClusterConfig(engine="ray", actors=1), 1, dict) as engine:
        for number, _ in enumerate(engine.map(time.sleep, [0.5] * 200)):
            if number == 0:
                cluster.remove_node(machine, allow_graceful=False)
except AhnplError as error:
    print(error)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
def test_a_lost_machine_ends_the_work_with_a_line() -> None:
    command = [sys.executable, "-c", LOST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = done.stdout.strip().splitlines()[-1]
    assert line == (
        "the cluster has had no machine for an actor for 1 s. "
        "Start one with `ray start`; the same command continues from here."
    )


def test_pictures_are_the_same_bytes_from_actors_and_here(raylet: int, tmp_path: Path) -> None:
    draw_world(tmp_path / "scenes", train=12, test=1, workers=1)
    records = []
    for record in read_records(tmp_path / "scenes" / "captions.jsonl"):
        if "red" in record.caption.lower().split():
            text = record.caption.lower()
            start = text.index("red")
            edit = Edit(start, start + len("red"), "red", "blue")
            negative = Negative("attribute", apply_edits(text, (edit,)), (edit,))
            records.append(CaptionRecord(record.id, record.image, text, (negative,)))
    source = tmp_path / "scenes" / "negatives.jsonl"
    write_records(source, records)
    files = {}
    for name, config in (("here", ImagesConfig(workers=1)), ("actors", ImagesConfig(cluster=TWO))):
        report = paint(source, tmp_path / name, config)
        assert sum(report.painted.values()) > 0
        # But for the report, which has times.
        paths = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        files[name] = {path.name: path.read_bytes() for path in paths if ".meta." not in path.name}
    assert files["here"] == files["actors"]


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
