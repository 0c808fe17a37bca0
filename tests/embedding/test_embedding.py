"""What `embed` writes: each distinct thing once, readable by anyone."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from output_files import index
from safetensors.numpy import load_file

import ahnpl_cli
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import FeatureCache
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.images import ImageRef, file_sha256, text_key
from ahnpl_cli.records import KINDS, EmbedReport
from ahnpl_cli.similarity import image_negatives

Run = Callable[..., EmbedReport]


def test_each_distinct_image_and_text_has_one_row(world: Path, run: Run) -> None:
    report = run(world / "negatives.jsonl")
    assert (report.records, report.images, report.texts, report.negatives) == (4, 2, 3, 3)
    assert load_file(world / "out/image-00000.safetensors")["image_features"].shape == (2, 32)
    assert load_file(world / "out/text-00000.safetensors")["text_features"].shape == (3, 32)
    assert load_file(world / "out/negative-00000.safetensors")["negative_features"].shape == (3, 32)


def test_the_index_names_every_row_with_its_hash(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    found = index(world / "out")
    assert found["images"] == [[name, file_sha256(world / name)] for name in ("a.png", "b.png")]
    texts = ["a red cube", "two dogs asleep on a long wooden table", "a cube"]
    assert found["texts"] == [[text, text_key(text)] for text in texts]
    assert [name for name, _ in found["negatives"]] == ["a blue cube", "a red ball", "cube a red"]
    assert found["records"] == ["r0", "r1", "r2", "r3"]


def test_records_point_at_their_rows(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    records = load_file(world / "out/records-00000.safetensors")
    assert records["image_row"].tolist() == [0, 1, 0, 1]
    assert records["text_row"].tolist() == [0, 1, 2, 0]
    assert records["negative_offsets"].tolist() == [0, 2, 2, 3, 4]
    assert records["negative_row"].tolist() == [0, 1, 1, 2]
    assert [KINDS[kind] for kind in records["negative_kind"]] == [
        "attribute",
        "object",
        "object",
        "swap",
    ]


def test_features_are_those_of_the_model(
    world: Path, run: Run, tiny_backbone: OpenClipBackbone
) -> None:
    run(world / "negatives.jsonl", batch_size=1)
    images = encode_images(tiny_backbone, [ImageRef(world / "a.png"), ImageRef(world / "b.png")])
    texts = encode_texts(tiny_backbone, [text for text, _ in index(world / "out")["texts"]])
    found_images = load_file(world / "out/image-00000.safetensors")["image_features"]
    found_texts = load_file(world / "out/text-00000.safetensors")["text_features"]
    assert np.abs(found_images - images.numpy()).max() < 1e-6
    assert np.abs(found_texts - texts.numpy()).max() < 1e-6


def test_half_precision_is_stored_as_asked(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", dtype="float16", perturb=True)
    for stem, name in (("image", "image_features"), ("perturbed", "image_negative_features")):
        found = load_file(world / f"out/{stem}-00000.safetensors")[name]
        assert found.dtype == np.float16
        assert np.abs(np.linalg.norm(found.astype(np.float32), axis=1) - 1).max() < 1e-2


@pytest.mark.parametrize("rows_per_shard", [1, 2, 100])
def test_perturb_gives_the_image_negatives_of_equations_1_and_2(
    world: Path, run: Run, tiny_backbone: OpenClipBackbone, rows_per_shard: int
) -> None:
    report = run(world / "negatives.jsonl", perturb=True, rows_per_shard=rows_per_shard)
    found = np.concatenate(
        [load_file(p)["image_negative_features"] for p in sorted(world.glob("out/perturbed-*"))]
    )
    pairs = [
        ("a.png", "a red cube", "a blue cube"),
        ("a.png", "a red cube", "a red ball"),
        ("a.png", "a cube", "a red ball"),
        ("copy.png", "a red cube", "cube a red"),
    ]
    images = encode_images(tiny_backbone, [ImageRef(world / image) for image, _, _ in pairs])
    texts = encode_texts(tiny_backbone, [text for _, text, _ in pairs])
    negatives = encode_texts(tiny_backbone, [negative for _, _, negative in pairs])
    expected = image_negatives(images, texts, negatives[:, None])[:, 0]
    assert report.image_negatives == 4
    assert np.abs(found - expected.numpy()).max() < 1e-6


def test_shards_are_bounded_and_together_the_same(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", output=str(world / "whole"))
    run(world / "negatives.jsonl", rows_per_shard=2)
    parts = [load_file(p)["text_features"] for p in sorted(world.glob("out/text-*"))]
    assert [len(part) for part in parts] == [2, 1]
    whole = load_file(world / "whole/text-00000.safetensors")["text_features"]
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-6
    assert index(world / "out")["texts"] == index(world / "whole")["texts"]
    blocks = [load_file(p) for p in sorted(world.glob("out/records-*"))]
    assert [len(block["negative_row"]) for block in blocks] == [2, 2]
    assert [block["negative_offsets"].tolist() for block in blocks] == [[0, 2, 2], [0, 1, 2]]


def test_other_work_on_the_same_content_finds_the_features(
    world: Path, run: Run, tiny_backbone: OpenClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    run(world / "negatives.jsonl", output="embeddings", shard="0/1")
    for name in ("encode_text", "encode_image"):
        monkeypatch.setattr(tiny_backbone, name, None)
    cache = FeatureCache(world / "cache", tiny_backbone.info)
    text = encode_texts(tiny_backbone, ["cube a red", "a red cube"], cache=cache)
    image = encode_images(tiny_backbone, [ImageRef(world / "copy.png")], cache=cache)
    assert torch.allclose(text.norm(dim=1), torch.ones(2))
    assert torch.allclose(image.norm(dim=1), torch.ones(1))


def test_a_dry_run_counts_and_writes_nothing(world: Path, run: Run) -> None:
    report = run(world / "negatives.jsonl", dry_run=True, perturb=True)
    assert (report.images, report.texts, report.negatives, report.image_negatives) == (2, 3, 3, 4)
    assert report.bytes == (2 + 3 + 3 + 4) * 32 * 4
    assert not (world / "out").exists()


def test_limit_takes_the_first_records(world: Path, run: Run) -> None:
    assert run(world / "negatives.jsonl", limit=2).records == 2
    assert index(world / "out")["records"] == ["r0", "r1"]


def test_numpy_and_safetensors_alone_can_read_it(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    code = (
        "import json; from safetensors.numpy import load_file\n"
        "ids = [id for id, _ in json.load(open('out/index.json'))['images']]\n"
        "features = dict(zip(ids, load_file('out/image-00000.safetensors')['image_features']))\n"
        "import sys; assert 'torch' not in sys.modules; print(features['a.png'].shape)"
    )
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=world, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "(32,)\n"


def test_the_manual_s_lines_read_it(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", output=str(world / "embeddings"))
    manual = (Path(ahnpl_cli.__file__).parent / "docs" / "features.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", manual, re.S))
    shown = "\nprint(index['images'][0][0], similarity.shape, negatives.tolist())"
    command = [sys.executable, "-W", "ignore", "-c", code + shown]
    done = subprocess.run(command, cwd=world, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("a.png (4,) [0, 1]\n", "")
