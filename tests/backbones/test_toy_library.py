"""A library that open_clip knows nothing of is one file and one line of the registry."""

import json
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ahnpl_cli.backbones import LIBRARIES, Library
from ahnpl_cli.config import EmbedConfig, EvalConfig, OptimizerConfig, RunConfig, TrainConfig
from ahnpl_cli.embedding.run import embed
from ahnpl_cli.evaluation.run import evaluate
from ahnpl_cli.scenes.generate import generate
from ahnpl_cli.training.loop import fit

TOY = """
import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ahnpl_cli.backbones.base import ModelInfo

PAD = 7


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.pixels = nn.Linear(3 * 8 * 8, 16)
        self.letters = nn.Embedding(256, 16)
        self.temperature = nn.Parameter(torch.tensor(10.0))


class ToyBackbone:
    library = "toy", "1"
    loss_family, pad_id, logit_bias, device = "softmax", PAD, None, "cpu"

    def __init__(self, module, source):
        self.module, self.source = module, source

    @property
    def info(self):
        weights = b"".join(t.numpy().tobytes() for t in self.module.state_dict().values())
        import hashlib
        return ModelInfo(
            name="toy", architecture="toy", source=self.source, activation="none",
            weights_sha256=hashlib.sha256(weights).hexdigest(), encoder_sha256="toy",
            preprocess=json.dumps({"size": 8}),
            image_size=8, context_length=32, embed_dim=16,
        )

    @property
    def logit_scale(self):
        return self.module.temperature

    def clamp_logit_scale(self, low, high):
        with torch.no_grad():
            self.module.temperature.clamp_(low, high)

    def preprocess(self, image):
        return torch.from_numpy(np.array(image.resize((8, 8)), np.float32)).permute(2, 0, 1) / 255

    def tokenize(self, texts):
        codes = [list(text.encode())[:32] or [32] for text in texts]
        longest = max(map(len, codes))
        return torch.tensor([code + [PAD] * (longest - len(code)) for code in codes])

    def encode_image(self, images):
        return nn.functional.normalize(self.module.pixels(images.flatten(1)), dim=-1)

    def encode_text(self, tokens):
        used = (tokens != PAD).unsqueeze(-1)
        return nn.functional.normalize((self.module.letters(tokens) * used).sum(1), dim=-1)

    def tower_of(self, parameter):
        return {"pixels": "image", "letters": "text"}.get(parameter.split(".")[0], "shared")

    def low_rank_targets(self):
        return ["pixels.weight", "letters.weight"]

    def set_gradient_checkpointing(self, enabled):
        pass

    def clone(self):
        return ToyBackbone(deepcopy(self.module), self.source)

    def save(self, folder):
        (folder / "toy.json").write_text("{}")
        save_file(self.module.state_dict(), folder / "toy.safetensors")

    def restore(self, folder):
        self.module.load_state_dict(load_file(folder / "toy.safetensors"))


def by_name(model, pretrained, *, device, force_quick_gelu=None, download=True):
    torch.manual_seed(0)
    return ToyBackbone(Module().eval(), f"toy:{model}")


def by_folder(folder, model, *, device, force_quick_gelu=None):
    backbone = ToyBackbone(Module().eval(), str(folder))
    backbone.restore(folder)
    return backbone
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy library, registered as any other."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "toy_library.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.setitem(
        LIBRARIES, "toy", Library("toy.json", "toy_library:by_name", "toy_library:by_folder")
    )
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("toy_library", None)


@pytest.mark.usefixtures("toy")
def test_a_registered_library_trains_resumes_embeds_and_is_evaluated(tmp_path: Path) -> None:
    world = tmp_path / "world"
    generate(world, train=16, test=2, workers=0)
    options = {
        "data": (str(world / "captions.jsonl"),),
        "model": "toy:letters",
        "objective": "clip",
        "device": "cpu",
        "workers": 0,
        "optimizer": OptimizerConfig(batch_size=8, warmup=0, steps=2),
    }
    report = fit(TrainConfig(**options, run=RunConfig(save_every=1)))
    assert report.steps == 2
    last = Path(report.checkpoint)
    assert (last / "toy.json").is_file()
    assert json.loads((last / "ahnpl.json").read_text())["versions"]["toy"] == "1"
    assert fit(TrainConfig(**options, run=RunConfig(save_every=1))).resumed_from == 2

    texts = tmp_path / "texts.txt"
    texts.write_text("a red ring\na blue circle\n")
    embed([texts], EmbedConfig(checkpoint=str(last), device="cpu", output="features"))
    features = load_file(tmp_path / "features" / "text-00000.safetensors")["text_features"]
    assert features.shape == (2, 16)

    results = evaluate(
        ("sugarcrepe",), EvalConfig(checkpoint=(str(last),), data=str(world), device="cpu")
    )
    assert results.models[0].name == "clip"
    assert sum(row.n for row in results.models[0].suites["sugarcrepe"].subsets) == 14
