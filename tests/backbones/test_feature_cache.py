"""What was computed once is found again, by the model and the content."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from ahnpl_cli.backbones import feature_cache as cache_module
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import FeatureCache, default_folder, known_features
from ahnpl_cli.backbones.feature_shards import write_shard
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.images import ImageRef, image_key, text_key

TEXTS = ["a cat", "two dogs", "a red cube"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def forbid(monkeypatch: pytest.MonkeyPatch, backbone: OpenClipBackbone) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(backbone, "encode_text", refuse)
    monkeypatch.setattr(backbone, "encode_image", refuse)


def test_a_second_run_needs_no_forward_pass_and_gives_the_same_bits(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (9, 9), "red").save("a.png")
    refs = [ImageRef(Path("a.png")), ImageRef(Path("a.png"), (0, 0, 4, 4))]
    first = FeatureCache(tmp_path / "c", tiny_backbone.info)
    texts = encode_texts(tiny_backbone, TEXTS, cache=first)
    images = encode_images(tiny_backbone, refs, cache=first)
    forbid(monkeypatch, tiny_backbone)
    second = FeatureCache(tmp_path / "c", tiny_backbone.info)
    assert torch.equal(encode_texts(tiny_backbone, TEXTS[::-1], cache=second), texts.flip(0))
    assert torch.equal(encode_images(tiny_backbone, refs, cache=second), images)


def test_what_was_put_is_found_before_and_after_it_is_written(
    tiny_backbone: OpenClipBackbone, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path, tiny_backbone.info)
    key = text_key("a cat")
    cache.put([key], torch.ones(1, 4))
    assert torch.equal(cache.get([key])[key], torch.ones(4))
    assert not list(tmp_path.rglob("*.safetensors"))
    cache.flush()
    assert torch.equal(cache.get([key, text_key("none")])[key], torch.ones(4))
    assert len(cache.get([text_key("none")])) == 0


def test_the_content_is_the_key_and_not_the_name(
    tiny_backbone: OpenClipBackbone, tmp_path: Path
) -> None:
    Image.new("RGB", (9, 9), "red").save("a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    before = image_key(ImageRef(Path("a.png")))
    assert image_key(ImageRef(Path("b.png"))) == before
    assert image_key(ImageRef(Path("a.png"), (0, 0, 4, 4))) != before
    Image.new("RGB", (9, 9), "blue").save("a.png")
    assert image_key(ImageRef(Path("a.png"))) != before


@pytest.mark.parametrize(
    "other", [{"weights_sha256": "x"}, {"activation": "gelu"}, {"preprocess": "{}"}]
)
def test_another_model_finds_nothing(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, other: dict[str, str]
) -> None:
    encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(tmp_path, tiny_backbone.info))
    changed = replace(tiny_backbone.info, **other)  # type: ignore[arg-type]
    assert FeatureCache(tmp_path, changed).get([text_key(TEXTS[0])]) == {}


def test_trained_weights_are_another_model(tiny_backbone: OpenClipBackbone) -> None:
    before = tiny_backbone.info.weights_sha256
    optimizer = torch.optim.AdamW(tiny_backbone.module.parameters(), lr=0.1)
    tiny_backbone.encode_text(tiny_backbone.tokenize(TEXTS)).sum().backward()
    optimizer.step()
    assert tiny_backbone.info.weights_sha256 != before


def test_half_precision_embeddings_are_not_reused(
    tiny_backbone: OpenClipBackbone, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "c", tiny_backbone.info)
    key = text_key("a cat")
    for dtype, expected in ((torch.float16, 0), (torch.float32, 1)):
        rows = torch.ones(1, 4, dtype=dtype).numpy()
        write_shard(Path("embeddings/text-00000.safetensors"), "f", rows, [key], cache.model)
        assert len(FeatureCache(tmp_path / "c", tiny_backbone.info).get([key])) == expected


def test_a_damaged_shard_is_named_and_passed_over(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(tmp_path, tiny_backbone.info))
    (shard,) = tmp_path.rglob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:100])
    assert FeatureCache(tmp_path, tiny_backbone.info).get([text_key(TEXTS[0])]) == {}
    assert caplog.messages[0].startswith(f"Ignored {shard}: not a safetensors file")


def test_much_is_written_in_many_shards_and_found(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "BUFFER", 4)
    cache = FeatureCache(tmp_path, tiny_backbone.info)
    keys = [text_key(str(i)) for i in range(10)]
    for i, key in enumerate(keys):
        cache.put([key], torch.full((1, 2), float(i)))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    found = cache.get(keys)
    assert [found[key][0].item() for key in keys] == list(range(10))


def test_the_place_can_be_chosen(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here" / "features"
    encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(default_folder(), tiny_backbone.info))
    assert len(list((tmp_path / "here").rglob("*.safetensors"))) == 1
    assert len(known_features(tiny_backbone.info).get([text_key(TEXTS[0])])) == 1


def test_known_features_are_read_and_never_written(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "here"))
    encode_texts(tiny_backbone, TEXTS, cache=known_features(tiny_backbone.info))
    assert list(tmp_path.rglob("*.safetensors")) == []
