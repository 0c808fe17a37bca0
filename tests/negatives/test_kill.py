"""`ahnpl negatives` ended with kill -9 at a moment of its work, then started again."""

import signal
import subprocess
import sys
import time

import pytest

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.negatives.report import meta_path, read_report
from ahnpl_cli.negatives.worker import BLOCK

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
