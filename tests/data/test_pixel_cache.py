"""Decoded images on disk come back bit for bit, or not at all."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.config import MemoryConfig, OptimizerConfig, RunConfig, TrainConfig
from ahnpl_cli.data.pixel_cache import PixelCache
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.training.build import _pixel_cache
from ahnpl_cli.training.loop import fit

IMAGES = np.arange(4)


@pytest.fixture
def pixels(tiny_backbone: OpenClipBackbone) -> torch.Tensor:
    photo = Image.effect_mandelbrot((90, 70), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    return tiny_backbone.preprocess(photo)


def test_what_a_transform_made_comes_back_bit_for_bit(pixels: torch.Tensor, tmp_path: Path) -> None:
    cache = PixelCache(tmp_path, IMAGES, "transform", pixels.shape[-1])
    assert cache.get(2) is None
    cache.put(2, pixels)
    found = cache.get(2)
    assert found is not None and torch.equal(found, pixels)
    assert cache.get(1) is None and cache.get(3) is None
    # A byte a value, and the 256 numbers of each channel.
    assert cache.path.stat().st_size == 3 * (pixels.numel() + 3 * 256 * 4 + 16)
    # As another process, or a later run, has it.
    again = PixelCache(tmp_path, IMAGES, "transform", pixels.shape[-1]).get(2)
    assert again is not None and torch.equal(again, pixels)
    for other in ((IMAGES + 1, "transform"), (IMAGES, "another")):
        assert PixelCache(tmp_path, *other, pixels.shape[-1]).get(2) is None


def test_half_a_row_or_a_damaged_one_is_none(pixels: torch.Tensor, tmp_path: Path) -> None:
    cache = PixelCache(tmp_path, IMAGES, "transform", pixels.shape[-1])
    cache.put(0, pixels)
    whole = cache.path.read_bytes()
    for damaged in (whole[:-1], whole[:100] + b"x" + whole[101:], b"", bytes(len(whole))):
        cache.path.write_bytes(damaged)
        assert PixelCache(tmp_path, IMAGES, "transform", pixels.shape[-1]).get(0) is None


def test_what_does_not_fit_into_bytes_is_not_kept(tmp_path: Path) -> None:
    cache = PixelCache(tmp_path, IMAGES, "transform", 32)
    cache.put(0, torch.rand(3, 32, 32))
    cache.put(0, torch.zeros(3, 16, 16))
    cache.put(0, {"pixel_values": torch.zeros(3, 32, 32)})
    assert cache.get(0) is None


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_from_the_disk_ends_in_the_same_bits(
    workers: int, tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = []
    for number in range(8):
        Image.new("RGB", (40, 30), (30 * number, 9, 200)).save(tmp_path / f"{number}.png")
        lines.append(f'{{"id": "{number}", "image": "{number}.png", "caption": "cube {number}"}}')
    data = tmp_path / "captions.jsonl"
    data.write_text("\n".join(lines))

    def run(name: str, cache: str | None) -> dict[str, torch.Tensor]:
        config = TrainConfig(
            output=str(tmp_path / name),
            data=(str(data),),
            objective="clip",
            checkpoint=str(tiny_model_folder),
            optimizer=OptimizerConfig(batch_size=4, steps=4, warmup=0),
            memory=MemoryConfig(image_cache=0.0, pixel_cache=cache),
            device="cpu",
            workers=workers,
        )
        return load_file(Path(fit(config).checkpoint) / "open_clip_model.safetensors")

    cache = str(tmp_path / "c")
    ends = [run("plain", None), run("first", cache)]
    # Nothing is decoded any more; processes made by a fork see this too.
    monkeypatch.setattr("ahnpl_cli.data.images.ImageRef.load", None)
    ends.append(run("second", cache))
    (file,) = (tmp_path / "c").iterdir()
    assert file.stat().st_size > 8 * 3 * 32 * 32
    for end in ends[1:]:
        assert all(torch.equal(end[name], ends[0][name]) for name in end)


def test_images_that_are_not_checked_are_refused() -> None:
    config = TrainConfig(memory=MemoryConfig(pixel_cache="c"), run=RunConfig(check_images=False))
    with pytest.raises(ConfigError, match="--pixel-cache knows images by their fingerprints"):
        _pixel_cache(config, None, IMAGES)  # type: ignore[arg-type]
