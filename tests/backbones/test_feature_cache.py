"""What was computed once is found again, by the model and the content."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from ahnpl_cli.backbones import feature_cache as cache_module
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import FeatureCache, known_features, write_shard
from ahnpl_cli.backbones.load import default_folder
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.images import ImageRef, image_key, text_key
from ahnpl_cli.data.tensors import write_tensors
from ahnpl_cli.errors import ModelError

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
    unit = torch.full((4,), 0.5)
    cache.put([key], unit.unsqueeze(0))
    assert torch.equal(cache.get([key])[key], unit)
    assert not list(tmp_path.rglob("*.safetensors"))
    cache.flush()
    assert torch.equal(cache.get([key, text_key("none")])[key], unit)
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
    "other",
    [
        {"weights_sha256": "x"},
        {"encoder_sha256": "x"},
        {"activation": "gelu"},
        {"preprocess": "{}"},
    ],
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
        rows = torch.full((1, 4), 0.5, dtype=dtype).numpy()
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


def damage(path: Path, change: Callable[[np.ndarray], np.ndarray], *, sign: bool) -> None:
    """Change the features of a shard, and its checksum too if `sign`."""
    with safe_open(path, framework="numpy") as reader:
        tensors = {name: reader.get_tensor(name) for name in ("features", "keys")}
        header = json.loads(reader.metadata()["ahnpl"])
    tensors["features"] = change(tensors["features"])
    if sign:
        content = tensors["keys"].tobytes() + tensors["features"].tobytes()
        header["sha256"] = hashlib.sha256(content).hexdigest()
    write_tensors(path, tensors, header)


@pytest.mark.parametrize(
    ("change", "sign", "reason"),
    [
        (lambda rows: rows[::-1], False, "its checksum is not that of its content"),
        (lambda rows: rows + np.float32(1e-6), False, "its checksum is not that of its content"),
        (lambda rows: rows * 2, True, "its features are not of unit length"),
        (lambda rows: rows * np.float32("nan"), True, "its features are not of unit length"),
    ],
)
def test_damaged_features_are_never_used_and_computed_again(
    tiny_backbone: OpenClipBackbone,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[np.ndarray], np.ndarray],
    sign: bool,
    reason: str,
) -> None:
    whole = encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(tmp_path, tiny_backbone.info))
    (shard,) = tmp_path.rglob("*.safetensors")
    damage(shard, change, sign=sign)
    again = encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(tmp_path, tiny_backbone.info))
    assert torch.equal(again, whole)
    assert caplog.messages == [f"Ignored {shard}: {reason}."]


def test_what_another_shard_holds_is_found_there(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tiny_backbone.info
    whole = encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(tmp_path, info))
    (shard,) = tmp_path.rglob("*.safetensors")
    (shard.parent / "z.safetensors").write_bytes(shard.read_bytes())
    damage(shard, lambda rows: rows[::-1], sign=False)
    forbid(monkeypatch, tiny_backbone)
    assert torch.equal(
        encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(tmp_path, info)), whole
    )


@pytest.mark.parametrize("header", ["[]", "{}", '{"model": 3}', '{"features": "x", "model": "@"}'])
def test_a_header_of_anything_is_passed_over(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, header: str
) -> None:
    cache = FeatureCache(tmp_path, tiny_backbone.info)
    path = tmp_path / cache.model / "a.safetensors"
    path.parent.mkdir()
    text = header.replace("@", cache.model)
    save_file({"keys": np.zeros((1, 31), np.uint8)}, path, metadata={"ahnpl": text})
    assert FeatureCache(tmp_path, tiny_backbone.info).get([text_key("a")]) == {}


def test_a_folder_that_cannot_be_written_costs_one_word_and_no_work(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    cache = FeatureCache(tmp_path / "cache", tiny_backbone.info)
    for _ in range(2):
        encode_texts(tiny_backbone, TEXTS, cache=cache)
    (message,) = caplog.messages
    assert message.startswith(f"Features are not kept: {tmp_path / 'cache'}")


def test_the_use_of_embeddings_is_said_once(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cache = FeatureCache(tmp_path / "c", tiny_backbone.info)
    row = np.full((1, 4), 0.5, np.float32)
    path = Path("embeddings/text-00000.safetensors")
    write_shard(path, "text_features", row, [text_key("a cat")], cache.model)
    cache = FeatureCache(tmp_path / "c", tiny_backbone.info)
    for _ in range(2):
        cache.get([text_key("a cat")])
    assert caplog.messages == ["Features in embeddings are used where they fit."]


def test_features_that_are_not_finite_are_an_error_and_never_kept(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan = torch.full((1, 32), float("nan"))
    monkeypatch.setattr(tiny_backbone, "encode_text", lambda tokens: nan.expand(len(tokens), -1))
    with pytest.raises(ModelError, match="features that are NaN or infinite"):
        encode_texts(tiny_backbone, TEXTS, cache=FeatureCache(tmp_path, tiny_backbone.info))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_much_is_written_in_many_shards_and_found(
    tiny_backbone: OpenClipBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "BUFFER", 4)
    cache = FeatureCache(tmp_path, tiny_backbone.info)
    keys = [text_key(str(i)) for i in range(10)]
    for i, key in enumerate(keys):
        cache.put([key], torch.nn.functional.one_hot(torch.tensor([i]), 10))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    found = cache.get(keys)
    assert [found[key].argmax().item() for key in keys] == list(range(10))


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


def test_what_a_killed_process_left_is_swept_and_what_another_writes_is_not(
    tiny_backbone: OpenClipBackbone, tmp_path: Path
) -> None:
    folder = FeatureCache(tmp_path, tiny_backbone.info).folder
    folder.mkdir()
    for name in (".old.safetensors.7.tmp", ".new.safetensors.8.tmp"):
        (folder / name).touch()
    os.utime(folder / ".old.safetensors.7.tmp", (0, 0))
    FeatureCache(tmp_path, tiny_backbone.info)
    assert [path.name for path in folder.iterdir()] == [".new.safetensors.8.tmp"]


def test_a_user_without_a_home_has_a_cache_for_this_process_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", no_home)
    for name in ("AHNPL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert default_folder() == default_folder()
    assert len(caplog.messages) == 1
