"""LoRA, running means and WiSE-FT: what is trained and what is written."""

import json
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.mixing import interpolate, wise_ft
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.training.checkpoints import RunningMean, snapshot
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.lora import add_lora, merged
from ahnpl_cli.training.run import open_run


def written(config: TrainConfig) -> dict[str, torch.Tensor]:
    return load_file(Path(config.output) / "last" / "open_clip_model.safetensors")


def start(tiny_model_folder: Path) -> dict[str, torch.Tensor]:
    return load_file(tiny_model_folder / "open_clip_model.safetensors")


def probe(backbone: OpenClipBackbone) -> torch.Tensor:
    return torch.cat(
        [
            backbone.encode_image(torch.linspace(0, 1, 3 * 32 * 32).view(1, 3, 32, 32)),
            backbone.encode_text(backbone.tokenize(["a red square", "left"])),
        ]
    ).detach()


def test_lora_changes_nothing_at_first_and_trains_little(tiny_backbone: OpenClipBackbone) -> None:
    before = probe(tiny_backbone)
    matrices = tiny_backbone.low_rank_targets()
    assert add_lora(tiny_backbone, 2, seed=0) == len(matrices) == 16
    torch.testing.assert_close(probe(tiny_backbone), before)
    trained = {n for n, p in tiny_backbone.module.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 16 + 1
    assert "logit_scale" in trained


def test_merging_keeps_the_features_and_the_names_of_open_clip(
    tiny_backbone: OpenClipBackbone, make_tiny: Callable[..., OpenClipBackbone]
) -> None:
    names = list(make_tiny().module.state_dict())
    add_lora(tiny_backbone, 2, seed=0)
    with torch.no_grad():
        for name, parameter in tiny_backbone.module.named_parameters():
            if name.endswith(".up"):
                parameter.fill_(0.02)
    plain = make_tiny(seed=1)
    plain.module.load_state_dict(merged(tiny_backbone.module.state_dict()))
    assert sorted(merged(tiny_backbone.module.state_dict())) == sorted(names)
    torch.testing.assert_close(probe(plain), probe(tiny_backbone))


def test_a_lora_run_is_written_merged_and_goes_on_exactly(
    make_config: Callable[..., TrainConfig], tiny_model_folder: Path, tmp_path: Path
) -> None:
    options = {"lora": 2, "save_every": 2, "lr": 1e-2}
    whole, cut = make_config(output=str(tmp_path / "w"), **options), make_config(**options)
    fit(whole)
    run = open_run(cut)
    steps = train(run)
    for _ in range(3):
        next(steps)
    assert fit(cut).resumed_from == 2
    one, other = written(whole), written(cut)
    assert all(torch.equal(one[name], other[name]) for name in one)
    before = start(tiny_model_folder)
    moved = {name for name in one if not torch.equal(one[name], before[name])}
    saved = load_backbone(checkpoint=cut.output, device="cpu")
    assert moved == {*saved.low_rank_targets(), "logit_scale"}
    assert saved.info.embed_dim == 32


def test_a_running_mean_is_that_of_a_loop(tiny_backbone: OpenClipBackbone) -> None:
    module, name = tiny_backbone.module, "ln_final.bias"
    mean, want = RunningMean(snapshot(module), 0.5), 0.0
    whole, all_along = RunningMean(snapshot(module), 0.5, warms_up=False), 0.0
    for step in range(4):
        with torch.no_grad():
            module.get_parameter(name).fill_(step + 1.0)
        mean.update(module.state_dict(), step)
        whole.update(module.state_dict(), step)
        all_along = 0.5 * all_along + 0.5 * (step + 1.0)
        decay = min(0.5, (1 + step) / (10 + step))
        want = decay * want + (1 - decay) * (step + 1.0)
    torch.testing.assert_close(mean.weights[name], torch.full((32,), want))
    torch.testing.assert_close(whole.weights[name], torch.full((32,), all_along))


def test_interpolation_by_hand() -> None:
    one, other = {"w": torch.tensor([0.0, 4.0])}, {"w": torch.tensor([2.0, 0.0])}
    torch.testing.assert_close(
        interpolate(one, other, wise_ft(0.25))["w"], torch.tensor([0.5, 3.0])
    )


@pytest.mark.parametrize("options", [{"wise_ft": 0.0}, {"ema": 1.0}])
def test_all_of_the_start_is_the_start(
    options: dict[str, float], make_config: Callable[..., TrainConfig], tiny_model_folder: Path
) -> None:
    config = make_config(steps=1, warmup=0, **options)
    fit(config)
    before, after = start(tiny_model_folder), written(config)
    if "wise_ft" in options:
        assert all(torch.equal(before[name], after[name]) for name in before)
    else:
        # The first decay is a tenth: most of the first step's weights are in the mean.
        assert not torch.equal(before["ln_final.weight"], after["ln_final.weight"])


def test_half_of_the_start_is_half_way(
    make_config: Callable[..., TrainConfig], tiny_model_folder: Path, tmp_path: Path
) -> None:
    plain = make_config(output=str(tmp_path / "plain"))
    half = make_config(output=str(tmp_path / "half"), wise_ft=0.5)
    for config in (plain, half):
        fit(config)
    before, trained, mixed = start(tiny_model_folder), written(plain), written(half)
    for name in before:
        torch.testing.assert_close(mixed[name], (before[name] + trained[name]) / 2)


def test_a_snapshot_is_a_copy(tiny_backbone: OpenClipBackbone) -> None:
    kept = snapshot(tiny_backbone.module)
    with torch.no_grad():
        tiny_backbone.module.get_parameter("logit_scale").add_(1)
    assert kept["logit_scale"] != tiny_backbone.module.get_parameter("logit_scale")


def test_open_clip_itself_loads_a_checkpoint_to_the_same_features(
    make_config: Callable[..., TrainConfig],
) -> None:
    config = make_config()
    run = open_run(config)
    for _ in train(run):
        pass
    run.parts.backbone.module.eval()
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{config.output}/last")
    model.eval()
    images = torch.linspace(0, 1, 3 * 32 * 32).view(1, 3, 32, 32)
    tokens = open_clip.SimpleTokenizer(context_length=77)(["a red square", "left"])
    with torch.no_grad():
        theirs = torch.cat(
            [model.encode_image(images, normalize=True), model.encode_text(tokens, normalize=True)]
        )
    torch.testing.assert_close(theirs, probe(run.parts.backbone), atol=1e-6, rtol=0)


@pytest.mark.parametrize("options", [{}, {"wise_ft": 0.5}])
def test_the_hash_in_a_checkpoint_is_that_of_its_weights(
    options: dict[str, float], make_config: Callable[..., TrainConfig]
) -> None:
    config = make_config(**options)
    fit(config)
    last = Path(config.output) / "last"
    info = json.loads((last / "ahnpl.json").read_text())
    assert (
        info["weights_sha256"] == load_backbone(checkpoint=last, device="cpu").info.weights_sha256
    )
    assert info["parent"]["sha256"] != info["weights_sha256"]
    assert info["recipe"]["weight_hard_negative_visual"] == 1.0
    assert set(info["margins"]) == {"relation", "attribute", "object"}
