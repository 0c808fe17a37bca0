"""SIGTERM and Ctrl-C save at the next step, and say where the run continues."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import SLOW, same, wait_for_steps

from ahnpl_cli.config import TrainConfig, to_toml
from ahnpl_cli.training.distributed import StopRequest
from ahnpl_cli.training.loop import fit

Make = Callable[..., TrainConfig]


def start(config: TrainConfig, folder: Path, **environment: str) -> subprocess.Popen[str]:
    file = folder / "config.toml"
    file.write_text(to_toml(config))
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, "train", "--config", str(file)],
        # As many threads as here: sums over another number of them differ in the last bit.
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [(signal.SIGTERM, 143, 0), (signal.SIGINT, 130, 1)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_a_signal_saves_and_the_run_ends_in_the_same_bits(
    number: int, code: int, workers: int, make_config: Make, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    options = {"steps": 30, "save_every": 1000, "workers": workers, "image_cache": 0.0}
    fit(make_config(output=str(whole), **{**options, "workers": 0}))
    config = make_config(output=str(cut), **options)
    process = start(config, tmp_path)
    wait_for_steps(cut, [process])
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    (step,) = re.findall(r"Saved at step (\d+) of 30; the same command continues there\.", errors)
    report = fit(make_config(output=str(cut), **{**options, "workers": 0}))
    assert report.resumed_from == int(step) < 30
    assert same(whole, cut)
    # A checkpoint that a signal asked for displaces none of those kept by the schedule.
    kept = sorted(path.name for path in cut.glob("step-*"))
    assert kept == sorted(path.name for path in whole.glob("step-*"))


def test_several_processes_stop_at_the_same_step(make_config: Make, tmp_path: Path) -> None:
    config = make_config(steps=40, save_every=1000)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        start(config, tmp_path, RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in range(2)
    ]
    wait_for_steps(Path(config.output), processes)
    # One of the two hears of it, as when a job manager signals the nodes one by one.
    processes[1].send_signal(signal.SIGTERM)
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [143, 143], errors
    assert "Saved at step" in errors[0]
    assert (Path(config.output) / "last" / "training_state.pt").is_file()


def test_a_second_interrupt_does_not_wait() -> None:
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.received() == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


def test_while_nothing_can_be_lost_a_signal_ends_at_once() -> None:
    with StopRequest() as stop, pytest.raises(SystemExit) as ended, stop.at_once():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert ended.value.code == 143


def test_the_callers_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_decoding_process_that_dies_is_one_line(make_config: Make, tmp_path: Path) -> None:
    config = make_config(steps=200, workers=1, image_cache=0.0)
    process = start(config, tmp_path)
    wait_for_steps(Path(config.output), [process])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("needs Linux's list of child processes")
    for child in children.read_text().split():
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"resource_tracker" not in command:
            os.kill(int(child), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert "Error: a process that decodes images died." in errors
