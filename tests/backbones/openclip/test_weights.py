"""Weight files of others are read, never unpickled, and a bad one is named."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.openclip.build import put_weights
from ahnpl_cli.backbones.openclip.weights import is_torchscript, read_weights
from ahnpl_cli.errors import ModelError

Weights = dict[str, torch.Tensor]
MEAN = {"n_averaged": torch.tensor(7)}

WEIGHTS = {"a": torch.arange(3.0), "b": torch.ones(2, 2)}


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("unpickled",)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_read_by_name(tmp_path: Path, suffix: str, prefix: str) -> None:
    path = tmp_path / f"w{suffix}"
    named = {prefix + name: value for name, value in WEIGHTS.items()}
    save_file(named, path) if suffix == ".safetensors" else torch.save(named, path)
    found = read_weights(path)
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)
    assert not is_torchscript(path)


def test_a_training_checkpoint_gives_its_model(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": WEIGHTS, "optimizer": {"lr": 0.1}}, tmp_path / "w.pt")
    assert read_weights(tmp_path / "w.pt").keys() == WEIGHTS.keys()


def test_a_file_that_holds_code_is_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.pt"
    torch.save({"state_dict": WEIGHTS, "trap": Trap()}, path)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert str(caught.value) == (
        f"{path}: contains pickled objects, which are not loaded. "
        "Where you trust it, load it with torch and save its state_dict as safetensors."
    )
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    torch.save(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert str(caught.value) == f"{path}: not a weight file, or damaged. Get it again."


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("w.pt", "w.safetensors"):
        with pytest.raises(ModelError) as caught:
            read_weights(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: no such file"


def test_a_file_without_tensors_is_named(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"w\.pt: holds no weights$"):
        read_weights(tmp_path / "w.pt")


@pytest.fixture(scope="module")
def weights(make_tiny: Callable[..., OpenClipBackbone]) -> Weights:
    return make_tiny().module.state_dict()


def named(weights: Weights, prefix: str) -> Weights:
    return {prefix + name: value for name, value in weights.items()}


def half(weights: Weights) -> Weights:
    return {name: value.half() for name, value in weights.items()}


def compiled_blocks(weights: Weights) -> Weights:
    return {n.replace(".attn.", "._orig_mod.attn."): value for n, value in weights.items()}


OPTIMIZER = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
LAYOUTS: dict[str, Callable[[Weights], Any]] = {
    "NegCLIP": lambda w: {
        "epoch": 4,
        "name": "negCLIP",
        "state_dict": named(w, "module."),
        "optimizer": OPTIMIZER,
    },
    "GNM": lambda w: {"epoch": 20, "model_state_dict": w, "optimizer_state_dict": OPTIMIZER},
    "LAVIS": lambda w: {"model": w, "optimizer": OPTIMIZER, "iters": 10},
    "DeepSpeed": lambda w: {"module": w, "global_steps": 3, "dp_world_size": 2},
    "compiled under DDP": lambda w: named(w, "module._orig_mod."),
    "compiled blocks": compiled_blocks,
    "FSDP": lambda w: {"state_dict": named(w, "_fsdp_wrapped_module.")},
    "Lightning": lambda w: {"state_dict": named(w, "model."), "hyper_parameters": {"lr": 1.0}},
    "AveragedModel": lambda w: {**named(w, "module."), **MEAN},
    "ema-pytorch": lambda w: {
        **named(w, "ema_model."),
        **{name: value * 0 for name, value in named(w, "online_model.").items()},
        "initted": torch.tensor(True),
        "step": torch.tensor(3),
    },
    "only a mean": lambda w: {"state_dict_ema": w},
    "a mean beside": lambda w: {
        "state_dict": w,
        "state_dict_ema": {name: value * 0 for name, value in w.items()},
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_model_is_found_in_what_training_programs_save(
    layout: str, weights: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "w.pt"
    torch.save(LAYOUTS[layout](weights), path)
    found = read_weights(path)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_half_precision_is_read_into_full(
    weights: Weights, make_tiny: Callable[..., OpenClipBackbone], tmp_path: Path
) -> None:
    path = tmp_path / "w.pt"
    torch.save({"state_dict": half(weights)}, path)
    module = make_tiny(1).module
    put_weights(module, read_weights(path), path, "tiny")
    state = module.state_dict()
    assert all(state[name].dtype == weights[name].dtype for name in weights)
    assert all(torch.equal(state[name], weights[name].half().float()) for name in weights)


def test_a_running_mean_beside_the_weights_is_named(
    weights: Weights, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "w.pt"
    torch.save(LAYOUTS["a mean beside"](weights), path)
    read_weights(path)
    assert caplog.messages == [f"{path}: took state_dict; state_dict_ema lies beside it."]


def factors(weights: Weights, rank: int) -> tuple[Weights, Weights]:
    """Factors as SVLC's layers name and shape them, and the weights that they mean.

    By loops over blocks, as its layers compute: F.linear(x, W) + F.linear(F.linear(x, A), B) / r.
    """
    generator = torch.Generator().manual_seed(0)
    held, meant = {}, dict(weights)
    for name, weight in weights.items():
        packed = name.endswith("attn.in_proj_weight")
        linear = name.endswith(("c_fc.weight", "c_proj.weight", "out_proj.weight"))
        if not (packed or linear or name == "visual.conv1.weight"):
            continue
        kernel = weight.shape[-1] if weight.ndim == 4 else 1
        rows, columns = weight.shape[0] * kernel, weight.shape[1] * kernel
        down = torch.randn(rank * kernel, columns, generator=generator)
        up = torch.randn(rows, rank * kernel, generator=generator)
        stem = f"{name}_" if packed else name.removesuffix("weight")
        held |= {f"{stem}lora_A": down, f"{stem}lora_B": up}
        meant[name] = weight + (up @ down).view(weight.shape) / rank
    return held, meant


@pytest.mark.parametrize("rank", [2, 4])
def test_svlcs_low_rank_factors_are_merged(
    weights: Weights, rank: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    held, meant = factors(weights, rank)
    assert len(held) > 10
    path = tmp_path / "w.pt"
    state = {f"module.{name}": value for name, value in {**weights, **held}.items()}
    torch.save({"epoch": 5, "name": "svlc", "state_dict": state, "optimizer": OPTIMIZER}, path)
    found = read_weights(path)
    assert found.keys() == weights.keys()
    for name, weight in meant.items():
        torch.testing.assert_close(found[name], weight)
    assert f"merged {len(held) // 2} low-rank factors" in caplog.text


def test_an_svlc_factor_without_its_weight_is_refused(weights: Weights, tmp_path: Path) -> None:
    held, _ = factors(weights, 2)
    lone = next(name for name in held if name.endswith("attn.in_proj_weight_lora_B"))
    held.pop(lone)
    path = tmp_path / "w.pt"
    torch.save({"state_dict": {**weights, **held}}, path)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    factor = lone.removesuffix("B") + "A"
    assert str(caught.value) == (
        f"{path}: the low-rank factor {factor} fits no weight beside it. Get the file again."
    )


REFUSED = {
    "LoRA": (
        {"visual.transformer.resblocks.0.mlp.c_fc.lora_A": torch.ones(4, 8)},
        "holds low-rank factors, such as visual.transformer.resblocks.0.mlp.c_fc.lora_A, and not "
        "how they are scaled. Merge them with the code that trained them, and save the model's "
        "state_dict.",
    ),
    "FSDP shard": (
        {"_fsdp_wrapped_module._flat_param": torch.ones(4)},
        "holds one shard of an FSDP model. Save a full state dict (FSDP's FULL_STATE_DICT) and "
        "give that.",
    ),
    "transformers": (
        {"text_model.embeddings.token_embedding.weight": torch.ones(4)},
        "its names are transformers'. Give the folder with its config.json as --model, and no "
        "--pretrained.",
    ),
    "optimizer alone": ({"optimizer": OPTIMIZER}, "holds no weights"),
}


@pytest.mark.parametrize("layout", REFUSED)
def test_what_is_no_whole_model_is_refused_in_one_line(layout: str, tmp_path: Path) -> None:
    content, message = REFUSED[layout]
    path = tmp_path / "w.pt"
    torch.save(content, path)
    with pytest.raises(ModelError) as caught:
        read_weights(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_folder_of_shards_is_refused_with_the_way_to_join_them(tmp_path: Path) -> None:
    (tmp_path / "__0_0.distcp").touch()
    (tmp_path / ".metadata").touch()
    with pytest.raises(ModelError) as caught:
        load_backbone(pretrained=str(tmp_path), device="cpu")
    assert str(caught.value) == (
        f"{tmp_path}: shards of a distributed checkpoint. Join them with: python -m "
        "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE; then name the file "
        "as --pretrained."
    )
