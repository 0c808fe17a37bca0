"""Suites between steps, on real items of a tiny suite in SugarCrepe's layout."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.config import RunConfig, TrainConfig
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.evaluation.scoring.items import half_of
from ahnpl_cli.records import StepReport
from ahnpl_cli.training.checkpoints import RunFolder
from ahnpl_cli.training.evaluating import best_step, check_evaluation
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.run import open_run

Make = Callable[..., TrainConfig]
FILES = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    """SugarCrepe with three items a file."""
    folder = tmp_path / "benchmarks"
    (folder / "sugarcrepe").mkdir(parents=True)
    (folder / "val2017").mkdir()
    for number in range(3):
        Image.new("RGB", (32, 32), (90 * number, 10, 200)).save(
            folder / "val2017" / f"{number:012d}.jpg"
        )
    for name in FILES:
        items = {
            str(number): {
                "filename": f"{number:012d}.jpg",
                "caption": f"a blue square number {number}",
                "negative_caption": f"a red square number {number} {name.replace('_', ' ')}",
            }
            for number in range(3)
        }
        (folder / "sugarcrepe" / f"{name}.json").write_text(json.dumps(items))
    return folder


@pytest.fixture
def config(make_config: Make, suites: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.setenv("AHNPL_CACHE", str(suites / "cache"))
    return make_config(
        eval_every=3, eval_suites=("sugarcrepe",), eval_data=str(suites), log_every=4
    )


def test_the_current_weights_are_measured_and_the_best_are_kept(config: TrainConfig) -> None:
    report = fit(config)
    run = Path(config.output)
    measured = [step.step for step in report.metrics if step.evaluation]
    assert measured == [3, 6]
    assert [step.step for step in report.metrics] == [3, 4, 6]
    values = {
        step.step: step.evaluation["sugarcrepe"] for step in report.metrics if step.evaluation
    }
    assert all(0 <= value <= 100 for value in values.values())
    assert report.best["value"] == max(values.values())
    assert report.best["step"] == min(s for s, v in values.items() if v == max(values.values()))
    best = json.loads((run / "best" / "ahnpl.json").read_text())
    assert best["step"] == report.best["step"]
    assert (run / "evals" / "step-000003.json").is_file()


def test_measuring_does_not_change_the_training(
    config: TrainConfig, make_config: Make, tmp_path: Path
) -> None:
    plain = make_config(output=str(tmp_path / "plain"), log_every=1)
    measured = replace(config, run=replace(config.run, log_every=1))
    one, two = fit(plain), fit(measured)
    assert [s.loss for s in one.metrics] == [s.loss for s in two.metrics]


def test_a_run_interrupted_before_its_evaluation_makes_up_for_it(config: TrainConfig) -> None:
    run = open_run(config)
    steps = train(run)
    for _ in range(3):
        next(steps)
    metrics = Path(config.output) / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    lines[-1]["evaluation"] = {}
    metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = fit(config)
    assert report.resumed_from == 3
    assert [step.step for step in report.metrics if step.evaluation] == [3, 6]


def step(number: int, value: float) -> StepReport:
    zeros = dict.fromkeys(("loss", "a", "positive", "valid", "logit_scale", "lr", "grad_norm"), 0.0)
    return StepReport(
        step=number,
        epoch=1,
        terms={},
        shares={},
        active={},
        margins={},
        negatives={},
        images_per_second=1.0,
        memory_mb=1.0,
        evaluation={"aro": value, "aro.micro": 100 - value},
        **zeros,
    )


def test_the_best_is_the_earliest_of_the_highest() -> None:
    unscored = replace(step(4, 0.0), evaluation={"aro": 1.0})
    steps = [step(1, 50.0), step(2, 60.0), step(3, 60.0), unscored]
    assert best_step(steps, RunConfig()) == {"step": 2, "value": 60.0}
    micro = RunConfig(best_metric="aro.micro")
    assert best_step(steps[:3], micro) == {"step": 1, "value": 50.0}
    assert best_step([], RunConfig()) == {}


def measured(number: int, **evaluation: float) -> StepReport:
    return replace(step(number, 0.0), evaluation=evaluation)


def test_the_best_may_be_of_a_mean_and_has_to_keep_a_floor() -> None:
    steps = [
        measured(1, aro=50.0, sugarcrepe=60.0, retrieval=40.0),
        measured(2, aro=70.0, sugarcrepe=50.0, retrieval=35.0),
        measured(3, aro=80.0, sugarcrepe=60.0, retrieval=20.0),
    ]
    mean = RunConfig(best_metric="aro+sugarcrepe")
    assert best_step(steps, mean) == {"step": 3, "value": 70.0}
    floor = RunConfig(best_metric="aro + sugarcrepe, retrieval >= 35")
    assert best_step(steps, floor) == {"step": 2, "value": 60.0}
    # The sets are those of the suites that were evaluated.
    sets = RunConfig(best_metric="compositional, retention >= 36.5")
    assert best_step(steps, sets) == {"step": 1, "value": 55.0}
    unmet = RunConfig(best_metric="aro, retrieval >= 90")
    assert best_step(steps, unmet) == {}


@pytest.mark.parametrize("text", ["aro, retrieval", "aro, >= 3", "aro, retrieval >= much"])
def test_a_floor_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--best-metric: .* is no floor. Write it as in"):
        best_step([step(1, 50.0)], RunConfig(best_metric=text))


def test_choosing_on_a_test_that_is_reported_is_said(
    config: TrainConfig, caplog: pytest.LogCaptureFixture
) -> None:
    check_evaluation(config.run)
    assert "The best checkpoint is chosen on sugarcrepe, which is what papers report" in caplog.text


def test_a_checkpoint_is_chosen_on_one_half_and_told_where_to_report(
    config: TrainConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    halved = replace(config, run=replace(config.run, eval_half="tuning"))
    fit(halved)
    assert "chosen on one half of sugarcrepe: report it on the other, with ahnpl eval --half" in (
        caplog.text
    )
    run = Path(config.output)
    report = json.loads((run / "evals" / "step-000003.json").read_text())
    assert report["settings"]["half"] == "tuning"
    # Of three photos, as many items as the tuning half has of each file.
    tuning = sum(half_of(f"{number:012d}.jpg") == "tuning" for number in range(3))
    (model,) = report["models"]
    subsets = model["suites"]["sugarcrepe"]["subsets"]
    assert {row["n"] for row in subsets} == {tuning} and 0 < tuning < 3
    recipe = json.loads((run / "best" / "ahnpl.json").read_text())["recipe"]
    assert recipe["eval_half"] == "tuning" and recipe["eval_suites"] == ["sugarcrepe"]


def test_a_metric_that_is_not_measured_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        best_step([step(1, 50.0)], RunConfig(best_metric="valse"))
    assert str(caught.value) == "--best-metric valse is not measured. There are: aro, aro.micro."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eval_suites": ("sugarcrep",)}, "unknown benchmark 'sugarcrep'. Did you mean"),
        ({"eval_data": "nowhere"}, "--eval-data nowhere: no such folder. Check the path."),
        (
            {"best_metric": "sugarcrepe.mean"},
            "--best-metric sugarcrepe.mean is not measured. There are: sugarcrepe, sugarcrepe.",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_training(
    options: dict[str, object], message: str, config: TrainConfig
) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(replace(config, run=replace(config.run, **options)))
    assert str(caught.value).startswith(message)
    assert not Path(config.output).exists()


def test_missing_images_of_a_suite_are_said_before_training(
    config: TrainConfig, suites: Path
) -> None:
    (suites / "val2017" / f"{1:012d}.jpg").unlink()
    with pytest.raises(BenchmarkError) as caught:
        fit(config)
    assert str(caught.value) == (
        f"{suites}/val2017/000000000001.jpg: sugarcrepe lacks 1 of its images, such as this one. "
        "Put them there, or leave the suite out of --eval-suites."
    )


def test_an_evaluation_is_told(config: TrainConfig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        report = fit(config)
    value = report.metrics[0].evaluation["sugarcrepe"]
    assert f"Step 3: sugarcrepe {value:.1f}." in caplog.messages


@pytest.mark.parametrize("method", ["keep_best", "rewrite"])
def test_a_kill_around_the_writing_of_best_loses_no_best(
    method: str, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing catches it."""

    def dying(*args: object, **options: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, method, dying)
        with pytest.raises(Killed):
            fit(config)
    report = fit(config)
    assert [step.step for step in report.metrics if step.evaluation] == [3, 6]
    best = json.loads((Path(config.output) / "best" / "ahnpl.json").read_text())
    assert best["step"] == report.best["step"]
