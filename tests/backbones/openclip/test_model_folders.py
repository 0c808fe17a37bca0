"""Checkpoints are open_clip folders, written whole and read without guessing."""

import json
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.load import load_backbone, read_checkpoint_info
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.errors import ModelError

Make = Callable[..., OpenClipBackbone]
TEXTS = ["a cat", "a red cube left of a blue ball"]


def test_open_clip_loads_a_checkpoint_of_ours_with_the_same_embeddings(
    tiny_model_folder: Path, tiny_backbone: OpenClipBackbone
) -> None:
    name = f"local-dir:{tiny_model_folder}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(TEXTS)
    image = Image.effect_mandelbrot((50, 40), (-2, -1.5, 1, 1.5), 100).convert("RGB")
    with torch.no_grad():
        text = model.eval().encode_text(tokens, normalize=True)
        pixels = transform(image)[None]
        picture = model.encode_image(pixels, normalize=True)
        ours = tiny_backbone.encode_text(tiny_backbone.tokenize(TEXTS))
        our_picture = tiny_backbone.encode_image(tiny_backbone.preprocess(image)[None])
    assert (text - ours).abs().max() < 1e-6
    assert (picture - our_picture).abs().max() < 1e-6


def test_a_loaded_checkpoint_is_the_saved_model(
    make_tiny: Make, tiny_model_folder: Path, tiny_backbone: OpenClipBackbone
) -> None:
    before = make_tiny().info
    after = tiny_backbone.info
    assert after.weights_sha256 == before.weights_sha256
    assert after.activation == "quick_gelu"
    assert json.loads(after.preprocess)["size"] == 32
    assert after.name == "tiny"


def test_ahnpl_json_says_what_the_caller_adds(make_tiny: Make, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "m", make_tiny(), extra={"recipe": "ahnpl"})
    info = read_checkpoint_info(tmp_path / "m")
    assert info["recipe"] == "ahnpl"
    assert info["activation"] == "quick_gelu"
    assert info["weights_sha256"] == make_tiny().info.weights_sha256


def test_saving_over_a_checkpoint_replaces_it_and_leaves_nothing_else(
    make_tiny: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "last"
    save_checkpoint(folder, make_tiny(0), extra={})
    save_checkpoint(folder, make_tiny(1), extra={})
    loaded = load_backbone(checkpoint=folder, device="cpu")
    assert loaded.info.weights_sha256 == make_tiny(1).info.weights_sha256
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_checkpoint_survives_a_failed_save(
    make_tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "last"
    save_checkpoint(folder, make_tiny(0), extra={})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ahnpl_cli.backbones.openclip.adapter.save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(folder, make_tiny(1), extra={})
    assert read_checkpoint_info(folder)["weights_sha256"] == make_tiny(0).info.weights_sha256
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_save_killed_between_its_renames_is_recovered(make_tiny: Make, tmp_path: Path) -> None:
    folder = tmp_path / "last"
    save_checkpoint(folder, make_tiny(0), extra={})
    folder.rename(tmp_path / ".last.old")
    assert load_backbone(checkpoint=folder, device="cpu").info.name == tmp_path.name


class Killed(BaseException):
    """Stands for kill -9 between two renames."""


@pytest.mark.parametrize("again", [False, True], ids=["read", "saved again, and killed again"])
def test_between_two_renames_the_old_checkpoint_is_never_gone(
    make_tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    folder, rename = tmp_path / "last", Path.rename
    save_checkpoint(folder, make_tiny(0), extra={})

    def killed(path: Path, target: Path) -> Path:
        if path.name.endswith(".tmp"):
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    for _ in range(1 + again):
        with pytest.raises(Killed):
            save_checkpoint(folder, make_tiny(1), extra={})
        assert not folder.exists()
    monkeypatch.undo()
    loaded = load_backbone(checkpoint=folder, device="cpu")
    assert loaded.info.weights_sha256 == make_tiny(0).info.weights_sha256


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "{",
            "open_clip_config.json: not JSON, expecting property name enclosed in double quotes at "
            "column 2. Is it a folder that open_clip wrote?",
        ),
        ("[]", "open_clip_config.json: not a JSON object. Is it a folder that open_clip wrote?"),
        ("{}", "open_clip_config.json: no model_cfg of open_clip"),
    ],
)
def test_a_broken_configuration_is_named(tmp_path: Path, config: str, message: str) -> None:
    (tmp_path / "open_clip_config.json").write_text(config)
    with pytest.raises(ModelError) as caught:
        load_backbone(checkpoint=tmp_path)
    assert str(caught.value) == f"{tmp_path}/{message}"
