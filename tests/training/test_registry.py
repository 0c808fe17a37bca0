"""A loss is one file and one line of the table: everything else follows from it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ahnpl_cli.config import TrainConfig, to_toml

LOSS = '''
"""Pulls every pair together; a hinge that is active below 1."""


def toy_term(features, state):
    return 1 - features.positive


def toy_hinge(features, state):
    return 1 - features.positive
'''
PROGRAM = """
from ahnpl_cli.losses.registry import TERMS, Term

line = Term(
    name="toy", label="L_toy", equation="a toy", paper="toy:toy_term", hinge="toy:toy_hinge"
)
TERMS["toy"] = line

from ahnpl_cli.__main__ import main

main()
"""


@pytest.fixture
def ahnpl(tmp_path: Path) -> Callable[..., str]:
    """Run the program with one more loss."""
    (tmp_path / "toy.py").write_text(LOSS)
    (tmp_path / "program.py").write_text(PROGRAM)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}

    def run(*words: str) -> str:
        command = [sys.executable, str(tmp_path / "program.py"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    return run


def test_a_new_loss_has_a_flag_with_its_help(ahnpl: Callable[..., str]) -> None:
    _, after = ahnpl("train", "--help").split("--weight-toy")
    # The help of a flag is the paragraph under it.
    paragraph = after.split("--weight")[0]
    assert "Weight of L_toy, a toy (no recipe)." in " ".join(paragraph.split())


def test_a_new_loss_is_in_the_metrics_and_in_every_table(
    ahnpl: Callable[..., str], make_config: Callable[..., TrainConfig], tmp_path: Path
) -> None:
    config = make_config(steps=2)
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config))
    train = ("train", "--config", str(file), "--weight-toy", "0.5", "-q")
    assert "weight of L_toy" in ahnpl(*train, "--dry-run")
    tables = ahnpl(*train)
    lines = (Path(config.output) / "metrics.jsonl").read_text().splitlines()
    step = json.loads(lines[-1])
    assert step["terms"]["toy"] > 0
    assert 0 < step["shares"]["toy"] < 1
    assert step["active"]["toy"] == 1
    assert tables.count("L_toy") == 2  # the course of the run, and the shares of the gradient
    assert "weight_toy = 0.5" in (Path(config.output) / "config.toml").read_text()
