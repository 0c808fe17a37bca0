"""What a run refuses or says before its first step, and what it makes of its options."""

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.config import TrainConfig, to_toml
from ahnpl_cli.errors import ConfigError, DataError, ModelError
from ahnpl_cli.losses.released import PLACEHOLDER
from ahnpl_cli.training.batch import make_batch
from ahnpl_cli.training.build import TrainingParts, build, freeze_unused
from ahnpl_cli.training.loop import batches, fit
from ahnpl_cli.training.lora import add_lora

Make = Callable[..., TrainConfig]
COCA: dict[str, Any] = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": 32,
        "layers": 1,
        "width": 32,
        "patch_size": 16,
        "head_width": 16,
        "attentional_pool": True,
        "attn_pooler_heads": 2,
        "output_tokens": True,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 1,
        "embed_cls": True,
        "output_tokens": True,
    },
    "multimodal_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 1,
        "attn_pooler_heads": 2,
    },
}


@pytest.fixture
def coca(tmp_path: Path) -> Path:
    """An open_clip folder of a model with a decoder that no feature depends on."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = open_clip.CoCa(**COCA)
        # open_clip leaves this one as the memory was, NaN at times.
        nn.init.zeros_(module.text_decoder.text_projection)
    folder = tmp_path / "coca"
    folder.mkdir()
    weights = {name: weight.contiguous().clone() for name, weight in module.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    preprocess = {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}
    config = {"model_cfg": COCA, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def test_what_no_feature_depends_on_is_left_as_it_is(
    coca: Path, make_config: Make, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(checkpoint=str(coca), steps=2)
    with caplog.at_level("INFO"):
        fit(config)
    assert any("tensors take no part in the features" in line for line in caplog.messages)
    before = load_file(coca / "open_clip_model.safetensors")
    after = load_file(Path(config.output) / "last" / "open_clip_model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert not [name for name in moved if name.startswith("text_decoder.")]
    assert [name for name in moved if name.startswith("visual.")]


def test_a_model_with_an_unused_decoder_trains_in_two_processes(
    coca: Path, make_config: Make, tmp_path: Path
) -> None:
    config = make_config(checkpoint=str(coca), steps=2)
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config))
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = []
    for rank in range(2):
        environment = {**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        command = [sys.executable, "-m", "ahnpl_cli", "train", "--config", str(file), "-q"]
        processes.append(
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        )
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def test_whatever_all_features_need_is_trained(tiny_backbone: OpenClipBackbone) -> None:
    state = torch.get_rng_state()
    freeze_unused(tiny_backbone)
    assert all(parameter.requires_grad for parameter in tiny_backbone.module.parameters())
    assert all(parameter.grad is None for parameter in tiny_backbone.module.parameters())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_is_no_number_is_named(
    value: float, make_config: Make, tiny_model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in tiny_model_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["ln_final.weight"][3] = value
    save_file(weights, folder / "open_clip_model.safetensors")
    with pytest.raises(ModelError, match=r"ln_final\.weight"):
        fit(make_config(checkpoint=str(folder)))


def test_a_batch_of_one_has_nothing_to_contrast(make_config: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(make_config(objective="clip", batch_size=1))
    assert str(caught.value) == (
        "a batch of one pair has nothing to contrast it with. Use --batch-size 2 or more, or "
        "--weight-contrastive 0."
    )
    with pytest.raises(ConfigError, match="a batch of one pair"):
        fit(make_config(objective="clip", limit=1))
    alone = make_config(batch_size=1, steps=1, weight_contrastive=0.0)
    assert fit(alone).steps == 1


def test_lora_without_a_matrix_or_above_its_rank_is_refused(
    make_config: Make, tiny_backbone: OpenClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(make_config(lora=100_000))
    assert str(caught.value).startswith("--lora 100000 is more than the rank of ")
    assert str(caught.value).endswith(", 64. A correction of full rank is plain training.")
    for parameter in tiny_backbone.module.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ConfigError, match="no attention or MLP matrix"):
        add_lora(tiny_backbone, 2, seed=0)


def test_a_scale_that_training_lowers_is_said(
    make_config: Make, tiny_model_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(make_config(output=str(tmp_path / "plain"), steps=1))
    assert not [line for line in caplog.messages if "logit scale" in line]
    folder = tmp_path / "warm"
    folder.mkdir()
    for path in tiny_model_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["logit_scale"].fill_(math.log(117))
    save_file(weights, folder / "open_clip_model.safetensors")
    fit(make_config(checkpoint=str(folder), steps=1))
    (line,) = [line for line in caplog.messages if "logit scale" in line]
    assert line == (
        "The model's logit scale is 117.0; training keeps it at 100 or below, so that the first "
        "step lowers it."
    )


def first_batch(parts: TrainingParts) -> list[tuple[int, ...]]:
    """Token ids of the distinct texts of the first step."""
    _, draw, loaded = next(batches(parts, first=0))
    batch = make_batch(parts.data, draw, loaded)
    texts = []
    for bucket in batch.parts[0].buckets:
        texts += [tuple(ids[ids != 0].tolist()) for ids in bucket]
    return texts


def test_empty_slots_of_a_released_run_hold_the_placeholder(make_config: Make) -> None:
    placeholder = tuple(open_clip.SimpleTokenizer(context_length=77)([PLACEHOLDER])[0].tolist())
    placeholder = tuple(number for number in placeholder if number)
    for fidelity, held in (("paper", False), ("released", True)):
        parts = build(make_config(fidelity=fidelity, batch_size=24), Path("unused"))
        _, draw, loaded = next(batches(parts, first=0))
        batch = make_batch(parts.data, draw, loaded)
        assert (~batch.index.valid).any()
        assert (placeholder in first_batch(parts)) == held
        # Without it, an empty slot is the row of zeros behind the texts.
        assert bool((batch.index.negative[~batch.index.valid] >= 0).all()) == held


def test_adamw_is_what_the_options_say(make_config: Make) -> None:
    config = make_config(lr=3e-4, beta1=0.7, beta2=0.91, eps=1e-5, weight_decay=0.03, batch_size=8)
    optimizer = build(config, Path("unused")).optimizer
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.defaults["betas"] == (0.7, 0.91)
    assert optimizer.defaults["eps"] == 1e-5
    assert optimizer.defaults["lr"] == 3e-4
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.03, 0.0]


def test_adamws_defaults_are_those_of_the_released_code(make_config: Make) -> None:
    optimizer = build(make_config(), Path("unused")).optimizer
    assert optimizer.defaults["betas"] == (0.9, 0.98)
    assert optimizer.defaults["eps"] == 1e-6


def rewritten(data: Path, tmp_path: Path, **changes: object) -> Path:
    """A copy of the data with fields of its first record changed."""
    records = [json.loads(line) for line in data.read_text().splitlines()]
    records[0].update(changes)
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_negative_changed_behind_the_context_is_left_out_and_counted(
    make_config: Make, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caption = "a red square " * 40
    behind = {"kind": "object", "caption": caption + "cat", "edits": [], "filler": "test"}
    before = {"kind": "object", "caption": "a cat, " + caption, "edits": [], "filler": "test"}
    path = rewritten(data, tmp_path, caption=caption + "dog", negatives=[behind, before])
    options = {"image_root": str(data.parent), "batch_size": 24}
    parts = build(make_config(data=(str(path),), **options), Path("unused"))
    draw = parts.data.draw(parts.data.rows[:1], seed=0, epoch=0)
    kinds = list(parts.data.kinds)
    assert draw.valid[0].tolist() == [kind == "object" for kind in kinds]
    drawn = parts.data.tokens.padded(draw.negative[0, kinds.index("object")][None])
    cat = open_clip.SimpleTokenizer(context_length=77)(["cat"])[0, 1].item()
    assert cat in drawn[0].tolist()[:3]
    # Three negatives of the other records equal their captions outright.
    assert parts.data.same_tokens == 4
    assert "Left out 4 negatives that read like their caption within 77 tokens." in caplog.messages


def test_a_negative_that_is_a_caption_of_the_rows_image_is_known(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in data.read_text().splitlines()]
    # Pairs 2 and 3 show image 1; pair 4 shows image 2.
    text = records[3]["caption"]
    negative = {"kind": "object", "caption": text, "edits": [], "filler": "test"}
    records[4]["negatives"] = [negative]
    path = tmp_path / "true.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    config = make_config(data=(str(path),), image_root=str(data.parent), batch_size=24)
    parts = build(config, Path("unused"))
    _, draw, loaded = next(batches(parts, first=0))
    index = make_batch(parts.data, draw, loaded).index
    texts = torch.zeros(int(index.text.max()) + 1 + index.negative.numel(), 4)
    features = index.features(torch.zeros(24, 4), texts, torch.tensor([1.0]))
    assert features.also_true is not None
    order = draw.rows.tolist()
    slot = parts.data.kinds.index("object")
    true_of = features.also_true[:, order.index(4), slot]
    expected = {row for row in range(24) if text in _captions_of_image(records, row)}
    assert {order[place] for place in true_of.nonzero()[:, 0].tolist()} == expected
    assert {2, 3} <= expected
    assert 4 not in expected


def _captions_of_image(records: list[dict[str, Any]], row: int) -> list[str]:
    image = records[row]["image"]
    return [record["caption"] for record in records if record["image"] == image]


def test_a_term_without_its_units_or_its_kind_is_refused(
    make_config: Make, data: Path, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in data.read_text().splitlines()]
    path = tmp_path / "plain.jsonl"
    path.write_text("".join(json.dumps({**record, "units": []}) + "\n" for record in records))
    made = make_config(objective="cs-clip", data=(str(path),), image_root=str(data.parent))
    with pytest.raises(DataError) as caught:
        build(made, Path("unused"))
    assert str(caught.value) == (
        f"{path}: --objective cs-clip needs units of captions, and there are none. "
        "Make them with: ahnpl negatives captions.jsonl --units."
    )
    with pytest.raises(DataError) as caught:
        build(make_config(weight_addition=1.0), Path("unused"))
    assert str(caught.value) == (
        f"{data}: L_add needs negatives of the kind addition, and there are none. "
        "Make them with: ahnpl negatives captions.jsonl --kinds default,addition."
    )
