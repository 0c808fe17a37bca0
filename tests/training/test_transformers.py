"""Models of transformers are trained as others are: with less memory to the same weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.training.loop import fit

Make = Callable[..., TrainConfig]


def trained(config: TrainConfig) -> dict[str, torch.Tensor]:
    return load_file(Path(fit(config).checkpoint) / "model.safetensors")


@pytest.mark.parametrize("kind", ["clip", "siglip2"])
@pytest.mark.parametrize("options", [{"grad_checkpointing": True}, {"accumulate": 3}])
def test_saving_memory_changes_no_weight(
    kind: str,
    options: dict[str, int],
    transformers_folder: Callable[[str], Path],
    make_config: Make,
    tmp_path: Path,
) -> None:
    # At this rate AdamW's first step, which is of one size whatever the gradient, stays small.
    base = {"checkpoint": str(transformers_folder(kind)), "lr": 1e-4, "warmup": 0, "steps": 2}
    plain = trained(make_config(output=str(tmp_path / "a"), **base))
    saved = trained(make_config(output=str(tmp_path / "b"), **base, **options))
    start = load_file(transformers_folder(kind) / "model.safetensors")
    for name, weight in plain.items():
        torch.testing.assert_close(saved[name], weight, atol=4e-5, rtol=0)
    assert any((plain[name] - start[name]).abs().max() > 1e-4 for name in plain)


def test_low_rank_corrections_and_checkpointing_go_together(
    transformers_folder: Callable[[str], Path], make_config: Make
) -> None:
    folder = transformers_folder("siglip2")
    options = {"checkpoint": str(folder), "lora": 2, "grad_checkpointing": True, "lr": 1e-2}
    end = trained(make_config(**options, warmup=0, steps=2))
    start = load_file(folder / "model.safetensors")
    moved = {name for name in start if not torch.equal(start[name], end[name])}
    assert "vision_model.head.attention.in_proj_weight" in moved
    assert "text_model.encoder.layers.0.self_attn.q_proj.weight" in moved
    assert "text_model.embeddings.token_embedding.weight" not in moved
