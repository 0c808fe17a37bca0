"""What `ahnpl embed` computed is found again by the other commands, without a forward pass."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.config import EvalConfig, InspectConfig, OptimizerConfig, TrainConfig
from ahnpl_cli.evaluation.run import evaluate
from ahnpl_cli.inspection.inspect import inspect
from ahnpl_cli.inspection.negatives import NegativesDetails
from ahnpl_cli.inspection.report import ComparisonReport, FileReport
from ahnpl_cli.records import EmbedReport
from ahnpl_cli.training.dry_run import preview


@pytest.fixture
def embedded(world: Path, run: Callable[..., EmbedReport], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small world with its `embeddings`, as the working folder, and no cache besides."""
    monkeypatch.setenv("AHNPL_CACHE", str(world / "cache"))
    monkeypatch.chdir(world)
    run(world / "negatives.jsonl", output="embeddings")
    return world


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, no model computes features."""

    def forward(self: object, *arguments: object) -> None:
        raise AssertionError("a forward pass")

    def call() -> None:
        for tower in ("encode_image", "encode_text"):
            monkeypatch.setattr(OpenClipBackbone, tower, forward)

    return call


def test_the_guard_against_forward_passes_can_fail(
    embedded: Path, tiny_model_folder: Path, forbid: Callable[[], None]
) -> None:
    forbid()
    captions = ["a red cube", "a caption that nobody embedded"]
    with pytest.raises(AssertionError, match="a forward pass"):
        inspect(embedded / "a.png", captions, InspectConfig(checkpoint=(str(tiny_model_folder),)))


def test_inspect_computes_no_example_that_was_embedded(
    embedded: Path, tiny_model_folder: Path, forbid: Callable[[], None]
) -> None:
    forbid()
    report = inspect(
        embedded / "a.png",
        ["a red cube", "a red ball"],
        InspectConfig(checkpoint=(str(tiny_model_folder),)),
    )
    assert isinstance(report, ComparisonReport)
    assert len(report.examples[0].views[0].similarities) == 2
    assert not (embedded / "cache").exists()


def hardness(report: object) -> object:
    assert isinstance(report, FileReport)
    assert isinstance(report.details, NegativesDetails)
    assert report.details.measured is not None
    return report.details.measured.kinds


def test_inspect_measures_hardness_from_what_was_embedded(
    embedded: Path, tiny_model_folder: Path, forbid: Callable[[], None]
) -> None:
    forbid()
    config = InspectConfig(checkpoint=(str(tiny_model_folder),), device="cpu")
    found = hardness(inspect(embedded / "negatives.jsonl", [], config))
    assert [(h.kind, h.n, h.with_image) for h in found] == [  # type: ignore[attr-defined]
        *(("attribute", 1, 1), ("object", 2, 2), ("swap", 1, 1)),
    ]


def test_eval_computes_no_item_that_was_embedded(
    embedded: Path, tiny_model_folder: Path, forbid: Callable[[], None]
) -> None:
    forbid()
    config = EvalConfig(
        checkpoint=(str(tiny_model_folder),),
        bootstrap=10,
        device="cpu",
    )
    report = evaluate([str(embedded / "negatives.jsonl")], config)
    assert sum(s.n for s in report.models[0].suites["custom"].subsets if s.name == "all") == 3


def two_steps(checkpoint: Path) -> TrainConfig:
    return TrainConfig(
        data=("negatives.jsonl",),
        checkpoint=str(checkpoint),
        device="cpu",
        workers=0,
        optimizer=OptimizerConfig(steps=2, batch_size=2),
    )


def test_a_dry_run_of_training_says_how_hard_the_embedded_negatives_are(
    embedded: Path, tiny_model_folder: Path
) -> None:
    plan = preview(two_steps(tiny_model_folder))
    inspected = InspectConfig(checkpoint=(str(tiny_model_folder),), device="cpu")
    assert plan.hardness == hardness(inspect(Path("negatives.jsonl"), [], inspected))
    assert len(plan.hardness) == 3


def test_a_dry_run_computes_no_hardness_of_its_own(embedded: Path, tiny_model_folder: Path) -> None:
    for shard in (embedded / "embeddings").glob("text-*"):
        shard.unlink()
    assert preview(two_steps(tiny_model_folder)).hardness == ()
