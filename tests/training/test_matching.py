"""A tiny BLIP is trained with its matching head, resumed, saved, and loaded back to be asked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from typer.testing import CliRunner

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.matching import load_matcher, match
from ahnpl_cli.cli.app import app
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.scenes.generate import generate
from ahnpl_cli.training.batch import make_batch
from ahnpl_cli.training.build import build
from ahnpl_cli.training.loop import batches, fit
from ahnpl_cli.training.step import compute_loss, encode

Make = Callable[..., TrainConfig]
HERE = ("--device", "cpu", "--workers", "0", "--json", "--quiet")


@pytest.fixture
def make(make_config: Make, transformers_folder: Callable[[str], Path]) -> Make:
    """Gives options that train a tiny BLIP."""

    def config(**options: Any) -> TrainConfig:
        model = f"itm:{transformers_folder('blip')}"
        base = {"objective": "ce-itm", "model": model, "checkpoint": None, "warmup": 0}
        return make_config(**{**base, **options})

    return config


def weights(run: str) -> dict[str, torch.Tensor]:
    return load_file(Path(run) / "last" / "model.safetensors")


def test_it_trains_every_part_of_the_model_and_its_losses_fall(make: Make) -> None:
    config = make(steps=24, batch_size=24, lr=1e-3)
    report = fit(config)
    first, last = report.metrics[0], report.metrics[-1]
    assert set(first.terms) == {"contrastive", "intra_modal", "cross_modal_rank", "matching"}
    assert last.terms["matching"] < first.terms["matching"]
    assert last.loss < first.loss
    assert first.shares["matching"] > 0
    assert sum(first.shares.values()) == pytest.approx(1, abs=1e-5)
    start = load_file(Path(str(config.model).removeprefix("itm:")) / "model.safetensors")
    trained = weights(report.run)
    assert trained.keys() == {*start, "logit_scale"}
    still = [name for name in start if torch.equal(start[name], trained[name])]
    # A text of at most 40 characters leaves later positions alone, but their tensor moved as one.
    assert still == []


def test_the_log_odds_of_a_step_are_those_of_the_judge(make: Make) -> None:
    config = make(batch_size=24, steps=1)
    parts = build(config, Path(config.output or ""))
    _, draw, loaded = next(iter(batches(parts, first=0)))
    batch = make_batch(parts.data, draw, loaded, parts=3, matching=True)
    with torch.no_grad():
        encoded = encode(parts.encoders, batch, parts.device)
    odds = compute_loss(parts.objective, encoded).features.match_odds
    assert odds is not None

    records = {record.id: record for record in read_records(Path(config.data[0]))}
    matcher = load_matcher(str(config.model))
    root = Path(config.data[0]).parent
    for place, row in enumerate(draw.rows):
        record = records[parts.data.ids[row]]
        image = ImageRef(root / record.image)
        own = match(matcher, [image], [record.caption])
        torch.testing.assert_close(odds[place, :1], own, atol=1e-5, rtol=0)
        for slot, kind in enumerate(parts.data.kinds):
            of_kind = [negative for negative in record.negatives if negative.kind == kind]
            if not draw.valid[place, slot]:
                assert odds[place, 1 + slot] == 0
                continue
            scores = match(matcher, [image] * len(of_kind), [n.caption for n in of_kind])
            assert (scores - odds[place, 1 + slot]).abs().min() < 1e-5


def test_saving_memory_changes_no_weight(make: Make, tmp_path: Path) -> None:
    # The first of two steps is a plain one, in which no text is matched.
    options = {"lr": 1e-4, "steps": 2, "plain_every": 2, "teacher": "start"}
    plain = weights(fit(make(output=str(tmp_path / "a"), **options)).run)
    small = {"accumulate": 3, "grad_checkpointing": True}
    saved = weights(fit(make(output=str(tmp_path / "b"), **options, **small)).run)
    for name, weight in plain.items():
        torch.testing.assert_close(saved[name], weight, atol=4e-5, rtol=0)


def test_an_interrupted_run_ends_in_the_same_weights(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = weights(fit(make(output=str(tmp_path / "a"), steps=4, save_every=2)).run)
    from ahnpl_cli.training import loop

    config = make(output=str(tmp_path / "b"), steps=4, save_every=2)
    saves = []
    save = loop._save

    def save_and_die(*args: Any, **options: Any) -> None:
        save(*args, **options)
        saves.append(args)
        if len(saves) == 1:
            raise InterruptedError

    monkeypatch.setattr(loop, "_save", save_and_die)
    with pytest.raises(InterruptedError):
        fit(config)
    report = fit(config)
    assert report.resumed_from == 2
    for name, weight in weights(report.run).items():
        assert torch.equal(weight, whole[name]), name


def test_low_rank_corrections_reach_the_cross_attention(make: Make) -> None:
    config = make(lora=2, lr=1e-2, steps=2)
    end = weights(fit(config).run)
    start = load_file(Path(str(config.model).removeprefix("itm:")) / "model.safetensors")
    moved = {name for name in start if not torch.equal(start[name], end[name])}
    assert "text_encoder.encoder.layer.0.crossattention.self.value.weight" in moved
    assert "vision_model.encoder.layers.0.self_attn.qkv.weight" in moved
    assert "itm_head.weight" not in moved


def test_a_trained_one_is_evaluated_by_name_by_folder_and_as_the_newest_run(
    transformers_folder: Callable[[str], Path],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generate(tmp_path / "world", train=16, test=2, workers=0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> None:
        done = CliRunner().invoke(app, [*arguments, *HERE])
        assert done.exit_code == 0, done.output

    sizes = ("--batch-size", "8", "--steps", "2", "--warmup", "0", "--lr", "1e-3")
    evaluation = ("--eval-every", "1", "--eval-suites", "sugarcrepe", "--eval-data", "world")
    model = f"itm:{transformers_folder('blip')}"
    run(
        "train", "--data", str(data), "--model", model, "--objective", "ce-itm", *sizes, *evaluation
    )
    # transformers reads the folder by itself, as it reads the start.
    transformers.BlipForImageTextRetrieval.from_pretrained("runs/ce-itm/last")

    suite = ("eval", "sugarcrepe", "--data", "world")
    run(
        *suite,
        "--model",
        "itm:runs/ce-itm/last",
        "--checkpoint",
        "runs/ce-itm/last",
        "-o",
        "results.json",
    )
    named, folder = json.loads(Path("results.json").read_text())["models"]
    assert named["suites"] == folder["suites"]
    assert named["info"]["head"] == folder["info"]["head"] == "itm"
    run(*suite, "--output", "newest.json")
    newest = json.loads(Path("newest.json").read_text())["models"]
    assert [entry["name"] for entry in newest] == ["start", "ce-itm/best", "ce-itm"]
    assert newest[-1]["suites"] == named["suites"]
    assert newest[0]["info"]["weights_sha256"] != newest[-1]["info"]["weights_sha256"]
    lines = Path("runs/ce-itm/metrics.jsonl").read_text().splitlines()
    headline = json.loads(lines[-1])["evaluation"]["sugarcrepe"]
    assert headline == pytest.approx(named["suites"]["sugarcrepe"]["headline_value"])


def test_what_has_no_head_or_cannot_be_trained_is_refused(
    make: Make, transformers_folder: Callable[[str], Path]
) -> None:
    with pytest.raises(ConfigError) as refused:
        fit(make(model="scenes-tiny"))
    assert str(refused.value) == (
        "--objective ce-itm trains a matching head, and scenes-tiny has none. "
        "Start from a BLIP: --model itm:FOLDER."
    )
    with pytest.raises(ModelError, match="a blip-2 cannot be trained as a matching model"):
        fit(make(model=f"itm:{transformers_folder('blip2')}"))
    with pytest.raises(ConfigError, match="itc:.* scores pairs, and this needs features"):
        fit(make(model=f"itc:{transformers_folder('blip')}"))
    with pytest.raises(ConfigError, match="brings its weights. Name nothing beside it"):
        load_backbone(model="itm:x", pretrained="y", matching=True)
