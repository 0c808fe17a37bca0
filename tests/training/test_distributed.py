"""Two processes compute what one does with the whole batch."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import free_port
from safetensors.torch import load_file

from ahnpl_cli.config import TrainConfig, to_toml
from ahnpl_cli.training.distributed import gather_rows, world_size
from ahnpl_cli.training.loop import fit


def launch(config: Path, count: int) -> None:
    """Run `ahnpl train` in some processes, as torchrun would start them."""
    shared = {
        **os.environ,
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "ahnpl_cli", "train", "--config", str(config), "--json"]
    running = [
        subprocess.Popen(
            command,
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    for rank, process in enumerate(running):
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert bool(out.strip()) == (rank == 0)  # only the first process prints


def trained(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "last" / "training_state.pt", weights_only=True)
    objective = {f"objective.{k}": v for k, v in state["objective"].items()}
    moments = {
        f"moment.{number}": slot["exp_avg"] for number, slot in state["optimizer"]["state"].items()
    }
    (weights,) = (run / "last").glob("*.safetensors")
    return {**load_file(weights), **objective, **moments}


# Starting two processes takes most of the time, so the second case runs with the slow ones.
SLOW = pytest.mark.slow
CASES = [
    pytest.param(1, "softmax"),
    pytest.param(2, "softmax", marks=SLOW),
    # A sigmoid model has one more parameter, a bias that DDP waits for.
    pytest.param(2, "sigmoid"),
    # A matching head's log-odds cross the processes beside the features.
    pytest.param(2, "matching", marks=SLOW),
    # Processes differ in how many pictures they encode, and teachers see what each encodes.
    pytest.param(2, "painted"),
    # Pairs are joined with pairs of the other process's share.
    pytest.param(2, "joined"),
]


@pytest.mark.parametrize(("accumulate", "family"), CASES)
def test_two_processes_have_the_loss_gradient_and_margins_of_one(
    accumulate: int,
    family: str,
    make_config: Callable[..., TrainConfig],
    sigmoid_model_folder: Path,
    transformers_folder: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    # The second step uses M of the first. At this rate weights hardly move, so that AdamW's first
    # moments are 0.19 of the gradient.
    options: dict[str, Any] = {"steps": 2, "lr": 1e-7, "warmup": 0}
    if family == "sigmoid":
        options["checkpoint"] = str(sigmoid_model_folder)
    elif family == "matching":
        options |= {"checkpoint": None, "model": f"itm:{transformers_folder('blip')}"}
        options["objective"] = "ce-itm"
    elif family == "joined":
        options |= {"objective": "clic"}
    elif family == "painted":
        options |= {"teacher": "ema", "weight_teacher_similarity": 0.5, "shift_model": "start"}
        options |= {"image_negatives": "both", "weight_paraphrase": 0.5, "weight_unit": 0.5}
        options |= {"units_drawn": 2, "image_neighbors": 2}
    alone = fit(make_config(output=str(tmp_path / "one"), **options))
    config = tmp_path / "config.toml"
    made = make_config(output=str(tmp_path / "two"), accumulate=accumulate, **options)
    config.write_text(to_toml(made))
    launch(config, 2)
    shared = fit(made)  # nothing is left to do: reads the metrics
    assert shared.resumed_from == 2
    for a, b in zip(alone.metrics, shared.metrics, strict=True):
        assert a.loss == pytest.approx(b.loss, abs=1e-5)
        assert a.margins == pytest.approx(b.margins, abs=1e-5)
        assert a.positive == pytest.approx(b.positive, abs=1e-5)
        # A caption that both processes encode counts twice here, and here only.
        assert a.shares == pytest.approx(b.shares, abs=0.03)
    want, got = trained(tmp_path / "one"), trained(tmp_path / "two")
    assert want.keys() == got.keys()
    for name in want:
        torch.testing.assert_close(got[name], want[name], atol=1e-5, rtol=1e-4)


def test_alone_nothing_is_gathered() -> None:
    rows = torch.zeros(2, 3)
    assert world_size() == 1
    assert gather_rows(rows)[0] is rows
