"""The factors of a LoRA run, put on its start by PEFT, are the run's model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.config import ExportConfig, TrainConfig
from ahnpl_cli.exporting.run import export
from ahnpl_cli.training.loop import fit

TEXTS = ["a cat", "two dogs, asleep"]


def features(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    backbone = load_backbone(checkpoint=folder, device="cpu")
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        texts = backbone.encode_text(backbone.tokenize(TEXTS))
        return backbone.encode_image(pixels), texts


# PEFT asks transformers by a name that is deprecated there.
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("kind", ["open_clip", "clip"])
def test_peft_puts_a_runs_factors_on_the_start(
    kind: str,
    tiny_model_folder: Path,
    transformers_folder: Callable[[str], Path],
    make_config: Callable[..., TrainConfig],
    tmp_path: Path,
) -> None:
    peft = pytest.importorskip("peft", reason="the extra export is not installed")
    start = tiny_model_folder if kind == "open_clip" else transformers_folder(kind)
    run = fit(make_config(checkpoint=str(start), lora=2, lr=1e-2, warmup=0, steps=3))
    report = export(tmp_path / "run", ExportConfig(to="peft", output=str(tmp_path / "out")))
    assert 0 < max(report.parity.values()) < 1e-5
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (2, 2)
    # On the start as transformers has it, whoever wrote it.
    export(start, ExportConfig(output=str(tmp_path / "start")))
    base = transformers.CLIPModel.from_pretrained(tmp_path / "start")
    base_texts = features(tmp_path / "start")[1]
    adapted = peft.PeftModel.from_pretrained(base, str(tmp_path / "out")).eval()
    images, texts = features(Path(run.checkpoint))
    assert (texts - base_texts).abs().max() > 1e-3
    merged = adapted.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        shutil.copy(tmp_path / "start" / name, tmp_path / "merged" / name)
    again = features(tmp_path / "merged")
    torch.testing.assert_close(again[0], images, atol=1e-5, rtol=0)
    torch.testing.assert_close(again[1], texts, atol=1e-5, rtol=0)
