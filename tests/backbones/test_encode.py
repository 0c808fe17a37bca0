"""Each distinct text and image once, features as the model gives them one by one."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from ahnpl_cli.backbones.encode import encode_images, encode_texts, number_format
from ahnpl_cli.backbones.feature_cache import FeatureCache
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import DataError

TEXTS = ["a cat on a mat", "dogs", "a cat on a mat", "two red cubes left of a green ball", "dogs"]


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        Image.new("RGB", (40, 30), (80 * i, 255 - 80 * i, 40)).save(path)
    return paths


def count_rows(monkeypatch: pytest.MonkeyPatch, backbone: OpenClipBackbone, name: str) -> list[int]:
    seen: list[int] = []
    original = getattr(backbone, name)

    def counted(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        result: Tensor = original(batch)
        return result

    monkeypatch.setattr(backbone, name, counted)
    return seen


def test_text_features_equal_those_of_each_text_alone_at_full_length(
    tiny_backbone: OpenClipBackbone,
) -> None:
    found = encode_texts(tiny_backbone, TEXTS, batch_size=2)
    for text, row in zip(TEXTS, found, strict=True):
        full = tiny_backbone.module.encode_text(tiny_backbone._tokenizer([text]))  # type: ignore[operator]
        alone = torch.nn.functional.normalize(full[0], dim=-1)
        assert (row - alone).abs().max() < 1e-5
    assert found.dtype == torch.float32
    assert not found.requires_grad


def test_each_distinct_text_is_encoded_once(
    tiny_backbone: OpenClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = count_rows(monkeypatch, tiny_backbone, "encode_text")
    encode_texts(tiny_backbone, TEXTS, batch_size=2)
    assert sum(seen) == 3


def test_texts_are_batched_by_length(
    tiny_backbone: OpenClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []
    original = tiny_backbone.encode_text
    monkeypatch.setattr(
        tiny_backbone, "encode_text", lambda t: (widths.append(t.shape[1]), original(t))[1]
    )
    encode_texts(tiny_backbone, ["a b c d e f", "a", "b b b b b b", "c"], batch_size=2)
    assert widths == [8, 3]


def test_no_texts_give_no_rows(tiny_backbone: OpenClipBackbone) -> None:
    assert encode_texts(tiny_backbone, []).shape == (0, 32)
    assert encode_images(tiny_backbone, []).shape == (0, 32)


def test_a_text_longer_than_the_model_reads_is_cut(tiny_backbone: OpenClipBackbone) -> None:
    found = encode_texts(tiny_backbone, ["word " * 200, "word " * 300])
    assert torch.equal(found[0], found[1])


def test_image_features_equal_those_of_each_image_alone(
    tiny_backbone: OpenClipBackbone, images: list[Path]
) -> None:
    refs = [ImageRef(images[0]), ImageRef(images[1], (0, 0, 10, 10)), ImageRef(images[0])]
    found = encode_images(tiny_backbone, refs, batch_size=2)
    with Image.open(images[1]) as whole:
        crop = tiny_backbone.preprocess(whole.convert("RGB").crop((0, 0, 10, 10)))
    alone = tiny_backbone.encode_image(crop[None])[0]
    assert (found[1] - alone).abs().max() < 1e-6
    assert torch.equal(found[0], found[2])
    assert torch.allclose(found.norm(dim=-1), torch.ones(3))


def test_each_distinct_image_and_crop_is_encoded_once(
    tiny_backbone: OpenClipBackbone, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = count_rows(monkeypatch, tiny_backbone, "encode_image")
    crop = ImageRef(images[0], (0, 0, 5, 5))
    encode_images(tiny_backbone, [ImageRef(images[0]), crop, ImageRef(images[0]), crop])
    assert sum(seen) == 2


def test_worker_processes_change_nothing(
    tiny_backbone: OpenClipBackbone, images: list[Path]
) -> None:
    refs = [ImageRef(path) for path in images]
    alone = encode_images(tiny_backbone, refs, batch_size=2)
    assert torch.equal(encode_images(tiny_backbone, refs, batch_size=2, workers=2), alone)


def test_a_shorter_number_format_changes_features_a_little_and_is_kept_apart(
    tiny_backbone: OpenClipBackbone, images: list[Path], tmp_path: Path
) -> None:
    refs = [ImageRef(path) for path in images]
    found = {}
    for precision in ("fp32", "bf16"):
        cache = FeatureCache(tmp_path, tiny_backbone.info, also=(), precision=precision)
        rows = encode_images(tiny_backbone, refs, cache=cache, precision=precision)
        texts = encode_texts(tiny_backbone, TEXTS, cache=cache, precision=precision)
        found[precision] = torch.cat([rows, texts])
    gap = (found["fp32"] - found["bf16"]).abs().max()
    assert 0 < gap < 0.05
    # A second look at the cache: what was rounded is no feature of fp32.
    cache = FeatureCache(tmp_path, tiny_backbone.info, also=())
    again = encode_images(tiny_backbone, refs, cache=cache)
    assert torch.equal(again, found["fp32"][: len(refs)])


def test_fp32_leaves_no_convolution_to_tf32_and_puts_the_setting_back() -> None:
    before = torch.backends.cudnn.allow_tf32
    with number_format("cpu", "fp32"):
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.is_autocast_enabled("cpu")
    with number_format("cpu", "bf16"):
        assert torch.is_autocast_enabled("cpu")
    assert torch.backends.cudnn.allow_tf32 == before


def test_a_broken_image_stops_the_work_and_is_named(
    tiny_backbone: OpenClipBackbone, images: list[Path]
) -> None:
    images[1].write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        encode_images(tiny_backbone, [ImageRef(path) for path in images])
    assert str(caught.value) == (
        f"{images[1]}: cannot be decoded (not an image). Replace the file, or pass --on-error skip."
    )


def test_a_broken_image_that_is_skipped_leaves_a_row_of_nan(
    tiny_backbone: OpenClipBackbone, images: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    images[1].write_bytes(b"no image")
    found = encode_images(tiny_backbone, [ImageRef(p) for p in images], on_error="skip")
    assert found.isnan().all(dim=1).tolist() == [False, True, False]
    assert caplog.messages == [f"Skipped {images[1]}: cannot be decoded (not an image)."]


def test_a_missing_image_can_be_skipped_with_a_cache_too(
    tiny_backbone: OpenClipBackbone, images: list[Path], tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache", tiny_backbone.info, also=())
    refs = [ImageRef(images[0]), ImageRef(tmp_path / "none.png")]
    found = encode_images(tiny_backbone, refs, on_error="skip", cache=cache)
    assert found.isnan().all(dim=1).tolist() == [False, True]
