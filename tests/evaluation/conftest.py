"""One way to evaluate a tiny model on a fixture, and the slow plain loop that it must equal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.evaluation.run import evaluate

Run = Callable[..., EvalReport]


@pytest.fixture
def run(tmp_path: Path, tiny_model_folder: Path) -> Run:
    """Evaluates the tiny model on suites under a folder; keywords are options."""

    def evaluate_tiny(suites: str, data: Path, **options: Any) -> EvalReport:
        defaults: dict[str, Any] = {
            "data": str(data),
            "output": str(tmp_path / "out" / "results.json"),
            "cache": str(tmp_path / "cache"),
            "checkpoint": (str(tiny_model_folder),),
            "device": "cpu",
            "workers": 0,
            "bootstrap": 100,
        }
        return evaluate(suites.split(), EvalConfig(**(defaults | options)))

    return evaluate_tiny


class Oracle:
    """Encodes one image or one caption at a time, at 77 tokens, as the official scripts do."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone

    @torch.no_grad()
    def image(self, path: Path, box: tuple[int, int, int, int] | None = None) -> torch.Tensor:
        with Image.open(path) as file:
            pixels = file.convert("RGB")
        if box is not None:
            x, y, w, h = box
            pixels = pixels.crop((x, y, x + w, y + h))
        features = self.backbone.encode_image(self.backbone.preprocess(pixels)[None])
        return features[0]

    @torch.no_grad()
    def text(self, text: str) -> torch.Tensor:
        tokens = self.backbone.tokenize([text])
        padded = torch.nn.functional.pad(tokens, (0, 77 - tokens.shape[1]))
        return self.backbone.encode_text(padded)[0]

    def score(self, image: torch.Tensor, text: str) -> float:
        return float(image @ self.text(text))


@pytest.fixture
def oracle(tiny_backbone: Backbone) -> Oracle:
    """The plain loop's model: the same weights as `run`'s."""
    return Oracle(tiny_backbone)
