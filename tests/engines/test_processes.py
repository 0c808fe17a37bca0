"""Work in several processes: order, bounds, and what becomes of workers."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ahnpl_cli.engines import AHEAD, ProcessMap
from ahnpl_cli.errors import AhnplError

factor = 0


def prepare(value):
    global factor
    factor = value


def times_factor(number):
    time.sleep(0.02 * (number % 3))
    return number * factor, os.getpid()


def die(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_the_order_of_the_tasks(workers):
    with ProcessMap(workers, prepare, (10,)) as processes:
        results = list(processes.map(times_factor, range(12)))
    assert [number for number, _ in results] == [10 * n for n in range(12)]
    assert (os.getpid() in {pid for _, pid in results}) == (workers < 2)


def test_tasks_are_read_only_a_little_ahead():
    read = []

    def tasks():
        for number in range(100):
            read.append(number)
            yield number

    with ProcessMap(2, prepare, (1,)) as processes:
        results = processes.map(times_factor, tasks())
        next(results)
        assert len(read) == 2 * AHEAD


def test_a_dead_process_is_one_line_and_what_to_do():
    with (
        pytest.raises(AhnplError, match=r"^a worker process died\. Use fewer\.$"),
        ProcessMap(2, prepare, (1,), hint="Use fewer.") as processes,
    ):
        list(processes.map(die, range(6)))


# A module of its own: a worker does not import its parent's script.
SLEEPING = """
import os, time

def prepare():
    pass

def work(n):
    os.write(1, f"{os.getpid()}\\n".encode())  # at once: print writes the line end apart
    time.sleep(60)
"""
PARENT = """
import signal
from ahnpl_cli.engines import ProcessMap
from sleeping import prepare, work

# A shell starts its background jobs deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
with ProcessMap(2, prepare) as processes:
    list(processes.map(work, range(4)))
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # ended, or while we read
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="asks /proc which processes run")
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_whatever_ended_it(tmp_path, ended_by):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    (tmp_path / "sleeping.py").write_text(SLEEPING)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(map(is_running, workers))
        parent.send_signal(ended_by)
        deadline = time.monotonic() + 20
        while any(map(is_running, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        parent.kill()
        assert not any(map(is_running, workers))
