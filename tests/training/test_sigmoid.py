"""Sigmoid models are trained, resumed, averaged, interpolated and corrected as others are."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.losses.recipes import OBJECTIVES, recipe
from ahnpl_cli.training.encoders import Encoders
from ahnpl_cli.training.loop import fit

Make = Callable[..., TrainConfig]


@pytest.fixture(params=["open_clip", "siglip", "siglip2"])
def folder(
    request: pytest.FixtureRequest,
    sigmoid_model_folder: Path,
    transformers_folder: Callable[[str], Path],
) -> Path:
    if request.param == "open_clip":
        return sigmoid_model_folder
    return transformers_folder(request.param)


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return load_file(next(iter(checkpoint.glob("*.safetensors"))))


def test_a_run_moves_the_bias_goes_on_and_keeps_it(folder: Path, make_config: Make) -> None:
    options = {"checkpoint": str(folder), "objective": "ahnpl", "lr": 1e-3, "warmup": 0}
    report = fit(make_config(**options, steps=4, accumulate=2))
    before, after = weights(folder)["logit_bias"], weights(Path(report.checkpoint))["logit_bias"]
    assert not torch.equal(before, after)
    assert report.metrics[-1].logit_bias == pytest.approx(after.item(), abs=0.01)
    loaded = load_backbone(checkpoint=report.checkpoint, device="cpu")
    assert loaded.loss_family == "sigmoid"
    assert loaded.logit_bias.item() == pytest.approx(after.item())
    assert fit(make_config(**options, steps=4, accumulate=2)).resumed_from == 4


DUAL = [name for name in OBJECTIVES if not recipe(name).uses_matching]


@pytest.mark.parametrize("objective", DUAL)
def test_every_recipe_runs_on_a_sigmoid_model(
    objective: str, sigmoid_model_folder: Path, make_config: Make
) -> None:
    report = fit(make_config(checkpoint=str(sigmoid_model_folder), objective=objective, steps=2))
    assert torch.isfinite(torch.tensor(report.metrics[-1].loss))


@pytest.mark.parametrize("options", [{"wise_ft": 0.5}, {"ema": 0.5}, {"lora": 2}])
def test_weights_are_interpolated_averaged_and_corrected(
    options: dict[str, float], folder: Path, make_config: Make
) -> None:
    report = fit(make_config(checkpoint=str(folder), lr=1e-2, warmup=0, steps=3, **options))
    start, end = weights(folder), weights(Path(report.checkpoint))
    assert start.keys() == end.keys()
    assert not torch.equal(start["logit_bias"], end["logit_bias"])
    load_backbone(checkpoint=report.checkpoint, device="cpu")


def test_a_scale_above_100_is_kept(sigmoid_model_folder: Path) -> None:
    backbone = load_backbone(checkpoint=sigmoid_model_folder, device="cpu")
    with torch.no_grad():
        backbone.module.get_parameter("logit_scale").fill_(4.77)  # SigLIP B/16 has 118
    Encoders(backbone).clamp_logit_scale()
    assert backbone.logit_scale.item() == pytest.approx(117.9, abs=0.1)


def test_the_released_code_has_no_sigmoid_loss(
    sigmoid_model_folder: Path, make_config: Make
) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(make_config(checkpoint=str(sigmoid_model_folder), fidelity="released"))
    assert str(caught.value) == (
        "--fidelity released has no sigmoid loss, and tiny-sigmoid needs one. Leave --fidelity out."
    )
