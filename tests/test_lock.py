"""One writer at a time: who gets the lock of an output, and who takes over that of the dead."""

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from ahnpl_cli.errors import BusyError
from ahnpl_cli.outputs import STALE, lock

HOLD = """
import sys, time
from pathlib import Path
from ahnpl_cli.outputs import lock
with lock(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def hold(path):
    """Start a process that keeps the lock until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    process.stdout.close()
    return process


def write_lock(path, **changes):
    holder = {"process": 1, "host": "elsewhere", "since": "2026-01-01 00:00:00", "started": ""}
    file = path.with_name(f".{path.name}.lock")
    file.write_text(json.dumps(holder | changes))
    return file


def test_the_second_process_is_told_who_writes(tmp_path):
    output = tmp_path / "out.jsonl"
    process = hold(output)
    with pytest.raises(BusyError) as error, lock(output):
        pass
    process.kill()
    process.wait()
    assert error.value.exit_code == 7
    pattern = (
        rf"{re.escape(str(output))}: another process is writing here: {process.pid}, since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\. Wait until it ends, or choose another --output\."
    )
    assert re.fullmatch(pattern, str(error.value))


def test_a_lock_is_gone_when_its_block_ends(tmp_path):
    for _ in range(2):
        with lock(tmp_path / "new" / "run"):
            assert [path.name for path in (tmp_path / "new").iterdir()] == [".run.lock"]
    assert list((tmp_path / "new").iterdir()) == []


def test_within_one_process_an_output_is_locked_once(tmp_path):
    with lock(tmp_path / "run"), pytest.raises(BusyError), lock(tmp_path / "run"):
        pass


def test_all_names_of_an_output_have_one_lock(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    with lock(tmp_path / "run"), pytest.raises(BusyError), lock(tmp_path / "link"):
        pass


def test_the_lock_of_a_killed_process_is_taken_over_at_once(tmp_path):
    process = hold(tmp_path / "run")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / ".run.lock").exists()
    with lock(tmp_path / "run"):
        holder = json.loads((tmp_path / ".run.lock").read_text())
    assert holder["process"] == os.getpid()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_a_later_process_of_the_same_number_does_not_hold_it(tmp_path):
    write_lock(tmp_path / "run", process=os.getppid(), host=socket.gethostname(), started="7")
    with lock(tmp_path / "run"):
        pass


def test_on_another_host_the_heartbeat_decides(tmp_path):
    file = write_lock(tmp_path / "run")
    with (
        pytest.raises(BusyError, match="writing here: 1 on elsewhere, since"),
        lock(tmp_path / "run"),
    ):
        pass
    os.utime(file, (0, time.time() - STALE - 1))
    with lock(tmp_path / "run"):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": "x"}', '{"process": 1}'])
def test_a_lock_that_nobody_can_read_counts_by_its_age(tmp_path, content):
    file = tmp_path / ".run.lock"
    file.write_text(content)
    os.utime(file, (0, time.time() - STALE - 1))
    with lock(tmp_path / "run"):
        pass


def _compete(path, start, turns):
    start.wait()
    for _ in range(turns):
        while True:
            try:
                with lock(path):
                    taken = path.with_name("taken")
                    os.close(os.open(taken, os.O_CREAT | os.O_EXCL))
                    time.sleep(0.001)
                    taken.unlink()
                break
            except BusyError:
                time.sleep(0.001)


def test_of_many_processes_one_at_a_time_has_it(tmp_path):
    context = multiprocessing.get_context("fork")
    start = context.Event()
    processes = [
        context.Process(target=_compete, args=(tmp_path / "run", start, 25)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert list(tmp_path.iterdir()) == []
