"""Two nodes on loopback, started by torchrun and by accelerate: the weights of one process."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import SLOW, free_port, wait_for_steps, weights

from ahnpl_cli.config import TrainConfig, to_toml
from ahnpl_cli.training.loop import fit

pytestmark = pytest.mark.slow
Make = Callable[..., TrainConfig]


def torchrun(program: list[str]) -> list[list[str]]:
    """One launcher a node; they find each other by a rendezvous."""
    meeting = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
    command += ["--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting]
    # Where the name of a machine is no address of it, torchrun has to be told one.
    command += ["--local-addr", "127.0.0.1"]
    return [[*command, *program]] * 2


def accelerate(program: list[str]) -> list[list[str]]:
    """One launcher a node, each told its number."""
    # With --cpu it would start processes that do not know each other, or ask for MPI.
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    command += ["--num_machines", "2", "--num_processes", "2", "--main_process_ip", "127.0.0.1"]
    command += ["--main_process_port", str(free_port()), "--rdzv_backend", "static"]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    return [[*command, "--machine_rank", str(rank), *program] for rank in range(2)]


LAUNCHERS = {"torchrun": torchrun, "accelerate": accelerate}


def start(commands: list[list[str]]) -> list[subprocess.Popen[str]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_nodes_have_the_weights_of_one_process(
    launcher: str, make_config: Make, tmp_path: Path
) -> None:
    # At this rate AdamW's first steps, of one size whatever the gradient, stay small.
    options = {"steps": 3, "lr": 1e-5, "warmup": 0}
    fit(make_config(output=str(tmp_path / "one"), **options))
    file = tmp_path / "config.toml"
    file.write_text(to_toml(make_config(output=str(tmp_path / "two"), **options)))
    program = ["-m", "ahnpl_cli", "train", "--config", str(file), "--json"]
    nodes = start(LAUNCHERS[launcher](program))
    ended = [node.communicate(timeout=300) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], ended
    # Of all processes, one prints.
    assert sorted(bool(out.strip()) for out, _ in ended) == [False, True]
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=2e-6, rtol=0)


def test_a_run_stopped_on_two_nodes_continues_on_one_with_the_same_data(
    make_config: Make, tmp_path: Path
) -> None:
    options = {"steps": 30, "lr": 1e-5, "warmup": 0, "save_every": 1000}
    whole = fit(make_config(output=str(tmp_path / "whole"), **options))
    cut = make_config(output=str(tmp_path / "cut"), **options)
    file, script = tmp_path / "config.toml", tmp_path / "slow.py"
    file.write_text(to_toml(cut))
    script.write_text(SLOW)
    nodes = start(torchrun([str(script), "train", "--config", str(file)]))
    wait_for_steps(tmp_path / "cut", nodes)
    # As a job manager does it: the launcher of each node is told.
    for node in nodes:
        node.send_signal(signal.SIGTERM)
    errors = "".join(node.communicate(timeout=120)[1] for node in nodes)
    (step,) = re.findall(r"Saved at step (\d+) of 30; the same command continues there\.", errors)
    report = fit(cut)
    assert report.resumed_from == int(step) < 30
    assert [m.loss for m in report.metrics] == pytest.approx(
        [m.loss for m in whole.metrics], abs=1e-4
    )
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=2e-5, rtol=0)
