"""A disk that refuses, and an interrupt: what every command answers alike."""

import errno
import functools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some space and run the same command again: it resumes."),
        (errno.EACCES, "Choose another place with --output, or change the permissions."),
        (errno.EROFS, "Choose another place with --output: this one cannot be written."),
    ],
)
def test_a_disk_that_refuses_is_named(
    number: int,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[str], tuple[int, str]],
) -> None:
    # A full disk cannot be had in a test; the place where files are put is told to refuse.
    def refuse(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number), str(target))

    monkeypatch.setattr(os, "replace", refuse)
    code, stderr = answer("embed ok.jsonl -o refused MODEL")
    last = stderr.strip().splitlines()[-1]
    reason = os.strerror(number).lower()
    assert re.fullmatch(rf"Error: refused/\S+: {reason}\. {re.escape(hint)}", last), last
    assert code == 3


def test_an_interrupted_command_says_that_it_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ahnpl_cli", "scenes", str(tmp_path / "out"), "--workers", "1"]
    # A shell that runs the tests in the background leaves the interrupt ignored.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stderr=pipe, stdout=pipe, preexec_fn=heed) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("*.png")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    last = stderr.decode().strip().splitlines()[-1]
    assert last == "Interrupted. Run the same command again to resume."
    assert process.returncode == 130
