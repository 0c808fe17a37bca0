"""`ahnpl train` in processes of its own, slow if need be, and what they have written."""

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

# There is a middle to be stopped in.
SLOW = """
import sys, time
from ahnpl_cli.training import loop
encode = loop.encode
def slow(*args):
    time.sleep(0.1)
    return encode(*args)
loop.encode = slow
from ahnpl_cli.__main__ import main
sys.argv = ["ahnpl", *sys.argv[1:]]
main()
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def wait_for_steps(
    run: Path, processes: Sequence[subprocess.Popen[str]], *, more_than: int = 2
) -> None:
    """Wait until a run has logged some steps."""
    metrics = run / "metrics.jsonl"
    limit = time.monotonic() + 300  # a busy machine takes its time to start
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > more_than):
        assert time.monotonic() < limit
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "last" / "open_clip_model.safetensors")


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended in the same bits."""
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
