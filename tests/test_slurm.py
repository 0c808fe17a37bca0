"""The manual's Slurm scripts, with stand-ins for what Slurm brings: which jobs are put back."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

import ahnpl_cli

DOCS = Path(ahnpl_cli.__file__).parent / "docs"
# A step that works until it is told to stop, or is done at once.
SRUN = """#!/bin/bash
trap 'exit 143' TERM
touch started
[ -e done ] && exit 0
[ -e broken ] && exit 3
while true; do sleep 0.05; done
"""
SCONTROL = """#!/bin/bash
[ "$1" = show ] && echo localhost || echo "$@" >> requeued
"""
LONGEST = 120  # seconds that a busy machine may take


def script(page: str) -> str:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"^#!/bin/bash\n.*?(?=^```)", text, re.S | re.M)
    return str(found)


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a job in `tmp_path`."""
    for name, content in (("srun", SRUN), ("scontrol", SCONTROL)):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "SLURM_JOB_ID": "7", "SLURM_NNODES": "1", "SLURM_JOB_NODELIST": "a"}


def requeued(folder: Path) -> str:
    path = folder / "requeued"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("page", ["recipes", "clusters"])
def test_a_job_that_is_told_to_stop_is_put_back(
    page: str, slurm: dict[str, str], tmp_path: Path
) -> None:
    command = ["bash", "-c", script(page)]
    job = subprocess.Popen(command, cwd=tmp_path, env=slurm, start_new_session=True)
    deadline = time.monotonic() + LONGEST
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if page == "recipes":
        job.terminate()  # `--signal=B:` tells the script, which passes it on.
    else:
        steps = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        for step in steps:
            os.kill(int(step), signal.SIGTERM)
    job.wait(LONGEST)
    assert requeued(tmp_path) == "requeue 7\n"


@pytest.mark.parametrize("page", ["recipes", "clusters"])
def test_a_job_that_is_done_is_not(page: str, slurm: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "done").touch()
    subprocess.run(["bash", "-c", script(page)], cwd=tmp_path, env=slurm, check=True)
    assert requeued(tmp_path) == ""


def test_a_job_that_always_fails_is_given_up(slurm: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    for restarts in ("0", "20"):
        environment = {**slurm, "SLURM_RESTART_COUNT": restarts}
        command = ["bash", "-c", script("clusters")]
        subprocess.run(command, cwd=tmp_path, env=environment, check=False)
    assert requeued(tmp_path) == "requeue 7\n"
