"""Fixtures that every part may use: a real open_clip model, small enough to make in a moment."""

from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch

from ahnpl_cli.backbones.checkpoint import save_checkpoint
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone

TINY_MODEL = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
TINY_PREPROCESS = {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}


def _make_tiny(seed: int = 0) -> OpenClipBackbone:
    """An open_clip model with random weights, the same ones for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = open_clip.CLIP(**TINY_MODEL).eval()
    return OpenClipBackbone(
        module,
        config={"model_cfg": TINY_MODEL, "preprocess_cfg": TINY_PREPROCESS},
        tokenizer=open_clip.SimpleTokenizer(context_length=77),
        name="tiny",
        architecture="custom",
        source="random",
    )


@pytest.fixture(scope="session")
def make_tiny() -> Callable[..., OpenClipBackbone]:
    """Gives a tiny model with random weights for a seed."""
    return _make_tiny


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An open_clip folder with a tiny model; do not write into it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(folder, _make_tiny(), extra={})
    return folder


@pytest.fixture
def tiny_backbone(tiny_model_folder: Path) -> OpenClipBackbone:
    """The tiny model, loaded afresh: a test may train it."""
    backbone = load_backbone(checkpoint=tiny_model_folder, device="cpu")
    assert isinstance(backbone, OpenClipBackbone)
    return backbone
