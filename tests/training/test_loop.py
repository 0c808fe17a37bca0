"""What a run does, and what it says; when it stops is in test_stops.py."""

import io
import json
import logging
import math
import tarfile
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import torch

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.losses.recipes import OBJECTIVES, recipe
from ahnpl_cli.training import diagnostics
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.run import captured_state, new_state, open_run, restore_state

Make = Callable[..., TrainConfig]


# Those of matching models are trained in test_matching.py.
DUAL = [name for name in OBJECTIVES if not recipe(name).uses_matching]


@pytest.mark.parametrize("objective", DUAL)
def test_every_method_trains_and_its_loss_falls(objective: str, make_config: Make) -> None:
    report = fit(make_config(objective=objective, steps=24, batch_size=24, lr=3e-3))
    first, last = report.metrics[0], report.metrics[-1]
    assert last.loss < first.loss
    assert report.steps == len(report.metrics) == 24
    assert sum(last.shares.values()) == pytest.approx(1, abs=1e-5)
    assert (Path(report.checkpoint) / "open_clip_model.safetensors").is_file()


@pytest.mark.parametrize("objective", ["clip", "negclip", "ce-clip", "ahnpl"])
def test_every_released_form_trains(objective: str, make_config: Make) -> None:
    report = fit(make_config(objective=objective, fidelity="released"))
    assert all(step.loss > 0 for step in report.metrics)


def test_a_line_of_metrics_says_what_the_step_did(make_config: Make) -> None:
    config = make_config(log_every=4)
    report = fit(config)
    lines = (Path(config.output) / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [4, 6]  # the last is always there
    step = report.metrics[-1]
    assert list(step.terms) == [
        "contrastive",
        "hard_negative_visual",
        "hard_negative_textual",
        "positive_margin",
        "negative_margin",
    ]
    assert set(step.active) == {"positive_margin", "negative_margin"}
    assert set(step.margins) == {"relation", "attribute", "object"}
    assert all(0 <= margin <= 0.1 + 1e-6 for margin in step.margins.values())
    assert 0.5 < step.valid < 1
    assert step.a < 0.9
    assert step.epoch == 2
    assert step.memory_mb > 10
    assert step.images_per_second > 0


def test_a_and_the_temperature_are_held_in_their_bounds(make_config: Make) -> None:
    run = open_run(make_config(steps=1, warmup=0, lr=1.0, a_init="0.9"))
    scale = run.parts.backbone.module.get_parameter("logit_scale")
    with torch.no_grad():
        scale.fill_(9.0)
    (step,) = [report for report in train(run) if report]
    assert step.a == pytest.approx(0.9)  # what the step was taken with
    # At this rate it would be -0.1.
    assert run.parts.objective.a.item() == pytest.approx(0.2)
    assert scale.item() == pytest.approx(math.log(100))
    assert scale.grad is None  # or steps would add up


def test_a_step_has_the_rate_of_the_schedule_and_the_margins_the_step_before_left(
    make_config: Make,
) -> None:
    run = open_run(make_config(objective="ce-clip", steps=4))
    kinds, left = run.parts.data.kinds, dict.fromkeys(run.parts.data.kinds, 0.0)
    for report in train(run):
        assert report.margins == left
        assert {group["lr"] for group in run.parts.optimizer.param_groups} == {report.lr}
        left = diagnostics.margins(run.parts.objective, kinds)
        assert any(left.values())


def test_a_released_run_forgets_its_margins_at_each_epoch(make_config: Make) -> None:
    steps = fit(make_config(objective="ce-clip", fidelity="released")).metrics
    fresh = {step.step for step in steps if not any(step.margins.values())}
    assert {1, 4} <= fresh  # an epoch has three steps
    assert 3 not in fresh


def test_plain_clip_reads_no_negatives(make_config: Make) -> None:
    report = fit(make_config(objective="clip"))
    assert report.negatives == {}
    assert report.metrics[-1].negatives == {}


def test_two_runs_of_one_seed_are_the_same_and_of_two_are_not(
    make_config: Make, tmp_path: Path
) -> None:
    losses = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        report = fit(make_config(output=str(tmp_path / name), seed=seed))
        losses.append([step.loss for step in report.metrics])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
def test_workers_and_image_cache_change_nothing(make_config: Make, tmp_path: Path) -> None:
    one = fit(make_config(output=str(tmp_path / "a"), workers=2, image_cache=0.0))
    two = fit(make_config(output=str(tmp_path / "b")))
    assert [s.loss for s in one.metrics] == [s.loss for s in two.metrics]


def test_training_leaves_the_callers_generator_alone(make_config: Make) -> None:
    before = torch.get_rng_state()
    fit(make_config(steps=1))
    assert torch.equal(before, torch.get_rng_state())


def test_bf16_is_close_to_fp32(make_config: Make, tmp_path: Path) -> None:
    one = fit(make_config(output=str(tmp_path / "a"), precision="bf16", steps=1))
    two = fit(make_config(output=str(tmp_path / "b"), steps=1))
    assert one.metrics[0].loss != two.metrics[0].loss
    assert one.metrics[0].loss == pytest.approx(two.metrics[0].loss, rel=0.02)


def test_a_gradient_scaler_changes_nothing_but_the_range(make_config: Make, tmp_path: Path) -> None:
    # fp16 needs a GPU, but its scaler works anywhere.
    run = open_run(make_config(output=str(tmp_path / "a"), grad_clip=1.0, accumulate=2))
    run.parts.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaled = [step for step in train(run) if step]
    plain = fit(make_config(output=str(tmp_path / "b"), grad_clip=1.0, accumulate=2)).metrics
    for one, other in zip(scaled, plain, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.grad_norm == pytest.approx(other.grad_norm, rel=1e-4)
        assert one.a == pytest.approx(other.a, rel=1e-5)


def test_grad_checkpointing_changes_nothing(make_config: Make, tmp_path: Path) -> None:
    one = fit(make_config(output=str(tmp_path / "a"), grad_checkpointing=True))
    two = fit(make_config(output=str(tmp_path / "b")))
    assert [s.loss for s in one.metrics] == pytest.approx([s.loss for s in two.metrics], rel=1e-5)


def test_a_clipped_gradient_still_reports_its_norm(make_config: Make) -> None:
    report = fit(make_config(grad_clip=1e-3))
    assert all(step.grad_norm > 0.1 for step in report.metrics)


def test_a_clipped_gradient_moves_the_weights_less(make_config: Make) -> None:
    # AdamW takes out the scale of a gradient, but not of one far below its epsilon.
    config = make_config(grad_clip=1e-9, eps=1e-3, steps=1, warmup=0, weight_decay=0.0)
    run = open_run(config)
    before = {k: v.clone() for k, v in run.parts.backbone.module.state_dict().items()}
    for _ in train(run):
        pass
    for name, weight in run.parts.backbone.module.state_dict().items():
        torch.testing.assert_close(weight, before[name], atol=1e-7, rtol=0)


def test_batch_norm_keeps_its_statistics(make_config: Make, tmp_path: Path) -> None:
    config = {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = open_clip.CLIP(**config)
    backbone = OpenClipBackbone(
        module,
        config={
            "model_cfg": config,
            "preprocess_cfg": {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3},
        },
        tokenizer=open_clip.SimpleTokenizer(context_length=77),
        name="resnet",
        architecture="custom",
        source="random",
    )
    save_checkpoint(tmp_path / "resnet", backbone, extra={})
    made = make_config(checkpoint=str(tmp_path / "resnet"), accumulate=2)
    run = open_run(made)
    before = run.parts.backbone.module.visual.bn1.running_mean.clone()
    for _ in train(run):
        pass
    assert torch.equal(run.parts.backbone.module.visual.bn1.running_mean, before)


def test_fp16_needs_a_gpu(make_config: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(make_config(precision="fp16"))
    assert str(caught.value) == "--precision fp16 needs --device cuda, not cpu. Use bf16."


def test_too_few_pairs_make_a_smaller_batch(
    make_config: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        fit(make_config(limit=5, steps=2))
    assert "Only 5 pairs: batches of 5 instead of 8." in caplog.messages


def test_a_warmup_that_takes_the_whole_run_is_said(
    make_config: Make, caplog: pytest.LogCaptureFixture
) -> None:
    fit(make_config(steps=2, warmup=2))
    assert "2 steps, --warmup 2: the peak rate is never reached." in caplog.messages


def test_frozen_towers_stay(make_config: Make, tiny_backbone: OpenClipBackbone) -> None:
    for tower, prefix in (("image", "visual."), ("text", "transformer.")):
        run = open_run(make_config(freeze=tower, force=True, steps=2))
        for _ in train(run):
            pass
        before = tiny_backbone.module.state_dict()
        after = run.parts.backbone.module.state_dict()
        same = {name for name in before if torch.equal(before[name], after[name])}
        assert {name for name in before if name.startswith(prefix)} <= same
        assert any(not name.startswith(prefix) and name not in same for name in before)


def test_kept_checkpoints_are_the_newest(make_config: Make) -> None:
    config = make_config(save_every=1, keep=2)
    fit(config)
    kept = sorted(path.name for path in Path(config.output).glob("step-*"))
    assert kept == ["step-000005", "step-000006"]


def test_the_trackers_get_every_number(make_config: Make) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = make_config(tracker="tensorboard")
    report = fit(config)
    events = EventAccumulator(str(Path(config.output) / "ahnpl"))
    events.Reload()
    values = [event.value for event in events.Scalars("terms/contrastive")]
    assert values == pytest.approx([step.terms["contrastive"] for step in report.metrics])


def test_a_tracker_that_is_not_installed_says_how_to_get_it(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "wandb" else found(name, *a)
    )
    with pytest.raises(ConfigError) as caught:
        fit(make_config(tracker="wandb"))
    assert str(caught.value) == (
        "--tracker wandb is not installed. Install it with: pip install wandb."
    )


def test_shards_train_as_files_do(make_config: Make, data: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for number, line in enumerate(data.read_text().splitlines()):
            image = (data.parent / json.loads(line)["image"]).read_bytes()
            for suffix, content in (("png", image), ("json", line.encode())):
                member = tarfile.TarInfo(f"{number:03d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    one = fit(make_config(data=(str(tmp_path / "{0..0}.tar"),), mask_same_image=False))
    two = fit(make_config(output=str(tmp_path / "files"), mask_same_image=False))
    assert [s.loss for s in one.metrics] == [s.loss for s in two.metrics]


def test_a_state_takes_up_where_another_was_left(make_config: Make) -> None:
    run = open_run(make_config())
    for _ in train(run):
        pass
    saved = captured_state(run.parts, run.state)
    again = new_state(run.parts, run.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        restore_state(run.parts, again, saved)
        assert torch.equal(torch.get_rng_state(), saved["rng"])
    assert again.step == 6
    assert again.guard.state_dict() == saved["guard"] == run.state.guard.state_dict()
