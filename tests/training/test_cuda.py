"""Training on a GPU; skipped where there is none."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.run import open_run

Make = Callable[..., TrainConfig]

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.mark.parametrize("objective", ["clip", "negclip", "ce-clip", "ahnpl", "slipform", "trohn"])
def test_losses_in_fp32_are_those_of_the_cpu(objective: str, make_config: Make) -> None:
    config = make_config(objective=objective, precision="fp32", device="cuda")
    on_gpu = fit(config)
    on_cpu = fit(replace(config, device="cpu", output=config.output + "-cpu"))
    # Sums are taken in another order, and each step carries the difference on.
    losses = [[step.loss for step in report.metrics] for report in (on_gpu, on_cpu)]
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "auto"])
def test_half_precision_stays_near_fp32(precision: str, make_config: Make) -> None:
    config = make_config(device="cuda", steps=4)
    half = fit(replace(config, memory=replace(config.memory, precision=precision)))
    memory = replace(config.memory, precision="fp32")
    full = fit(replace(config, memory=memory, output=config.output + "-full"))
    for ours, exact in zip(half.metrics, full.metrics, strict=True):
        assert ours.loss == pytest.approx(exact.loss, rel=0.05)
    assert half.metrics[-1].memory_mb > 0


def test_a_run_goes_on_where_it_stopped(make_config: Make) -> None:
    config = make_config(device="cuda", precision="fp32", save_every=3)
    whole = fit(config)
    # Saves after three steps, as a run that is then killed.
    stopped = replace(config, output=config.output + "-stopped")
    run = train(open_run(stopped))
    for _ in range(4):
        next(run)
    run.close()
    again = fit(stopped)
    assert again.resumed_from == 3
    ours, theirs = ([step.loss for step in report.metrics] for report in (again, whole))
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_accumulation_keeps_loss_and_gradient(make_config: Make) -> None:
    config = make_config(device="cuda", precision="fp32", steps=2)
    whole = fit(config)
    memory = replace(config.memory, accumulate=4)
    parts = fit(replace(config, memory=memory, output=config.output + "-parts"))
    for one, other in zip(whole.metrics, parts.metrics, strict=True):
        assert other.loss == pytest.approx(one.loss, rel=1e-4)
        assert other.grad_norm == pytest.approx(one.grad_norm, rel=1e-3)
