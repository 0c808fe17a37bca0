"""`ahnpl negatives` ended with kill -9 at a moment of its work, then started again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.negatives.first_pass import BLOCK
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.negatives.plan import read_report
from ahnpl_cli.outputs import meta_path

CONFIG = NegativesConfig(filler="corpus", workers=1)
COMMAND = [sys.executable, "-m", "ahnpl_cli", "negatives", "captions.jsonl", "--filler", "corpus"]
COMMAND += ["--workers", "1", "-q", "--output", "cut.jsonl"]


@pytest.fixture(scope="module")
def world(tmp_path_factory, write_captions):
    folder = tmp_path_factory.mktemp("world")
    captions = write_captions(folder / "captions.jsonl", 5 * BLOCK)
    return folder, generate(captions, folder / "whole.jsonl", CONFIG)


def kill_when(folder, reached):
    """Start the command in a process of its own; end it with kill -9 once `reached()`."""
    process = subprocess.Popen(COMMAND, cwd=folder)
    while process.poll() is None and not reached():
        time.sleep(0.002)
    process.kill()
    return process.wait()


@pytest.mark.parametrize("moment", ["index.sqlite", "journal"])
def test_killed_with_kill_9_the_same_command_ends_in_the_same_bytes(world, moment):
    folder, whole = world
    output, file = folder / "cut.jsonl", folder / ".cut.jsonl.work" / moment
    killed = kill_when(folder, lambda: file.exists() and file.stat().st_size > 0)
    assert killed == -signal.SIGKILL and not output.exists()
    subprocess.run(COMMAND, cwd=folder, check=True)
    report = read_report(meta_path(output))
    assert output.read_bytes() == (folder / "whole.jsonl").read_bytes()
    assert (report.negatives, report.rejected) == (whole.negatives, whole.rejected)
    assert (report.resumed > 0) == (moment == "journal")
    output.unlink()


def test_a_kill_within_a_transaction_leaves_work_that_is_resumed(world):
    folder, whole = world
    output, work = folder / "cut.jsonl", folder / ".cut.jsonl.work"
    words = work / "words.sqlite"
    # Its journal lasts for a moment: a transaction is left open here in the same way.
    killed = kill_when(folder, lambda: (work / "journal").exists())
    assert killed == -signal.SIGKILL
    halfway = (
        "import os, sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "database.execute('PRAGMA cache_size=1')\n"
        "database.execute('BEGIN')\n"
        "database.execute('DELETE FROM words')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", halfway, str(words)], check=False)
    assert words.with_name("words.sqlite-journal").exists()
    subprocess.run(COMMAND, cwd=folder, check=True)
    assert output.read_bytes() == (folder / "whole.jsonl").read_bytes()
    output.unlink()


def test_of_two_processes_on_one_output_the_second_is_refused(world):
    folder, _ = world
    output, lock = folder / "cut.jsonl", folder / ".cut.jsonl.lock"
    first = subprocess.Popen(COMMAND, cwd=folder)
    while first.poll() is None and not lock.exists():
        time.sleep(0.002)
    second = subprocess.run(COMMAND, cwd=folder, capture_output=True, text=True)
    assert first.wait() == 0
    (line,) = second.stderr.splitlines()
    assert line.startswith(f"Error: cut.jsonl: another process is writing here: {first.pid}, since")
    assert second.returncode == 7
    assert output.read_bytes() == (folder / "whole.jsonl").read_bytes()
    assert not lock.exists()
    output.unlink()


def workers_of(process):
    """The processes that a command has started to work for it."""
    tasks = Path(f"/proc/{process.pid}/task")
    children = [file.read_text().split() for file in tasks.glob("*/children")]
    workers = []
    for child in (pid for row in children for pid in row):
        command = Path(f"/proc/{child}/cmdline")
        if command.exists() and b"spawn_main" in command.read_bytes():
            workers.append(int(child))
    return workers


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="asks /proc for the workers")
def test_a_killed_worker_is_one_line_and_the_same_command_goes_on(world):
    folder, _ = world
    journal = folder / ".cut.jsonl.work" / "journal"
    two = [*COMMAND, "--workers", "2"]
    process = subprocess.Popen(two, cwd=folder, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (journal.exists() and workers_of(process)):
        time.sleep(0.002)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, stderr = process.communicate()
    hint = "If memory ran out, use fewer --workers; the same command continues from here."
    assert stderr.splitlines() == [f"Error: a worker process died. {hint}"]
    assert process.returncode == 1
    subprocess.run(COMMAND, cwd=folder, check=True)
    assert (folder / "cut.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()
    (folder / "cut.jsonl").unlink()
