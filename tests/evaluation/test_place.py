"""The natural loop, evaluate, change, evaluate again, is never refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.evaluation.place import with_place
from ahnpl_cli.files import write_json

CONFIG = EvalConfig()
SETTINGS = {"seed": 0}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSource:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/a")
    write_json(folder / "start.json", {})
    write_json(folder / "last" / "ahnpl.json", {"weights_sha256": "old"})
    return ModelSource("a", {"checkpoint": folder / "last"})


def report(path: str, *, weights: str = "old", seed: int = 0) -> None:
    model = {"name": "a", "info": {"weights_sha256": weights}}
    tree = {"kind": "ahnpl eval", "settings": {"seed": seed}, "models": [model]}
    write_json(Path(path), tree)


def place(*sources: ModelSource, suites: tuple[str, ...] = ("aro", "my pairs.csv")) -> str | None:
    return with_place(CONFIG, suites, sources, SETTINGS).output


def test_a_report_goes_beside_the_run_and_else_under_results(run: ModelSource) -> None:
    assert place(run) == "runs/a/eval/aro-my-pairs.json"
    other = ModelSource("scenes-tiny", {"model": "scenes-tiny"})
    assert place(other) == "results/scenes-tiny-aro-my-pairs.json"
    assert place(other, run) == "runs/a/eval/aro-my-pairs.json"


def test_the_same_evaluation_again_keeps_its_place(run: ModelSource) -> None:
    report("runs/a/eval/aro.json")
    assert place(run, suites=("aro",)) == "runs/a/eval/aro.json"


def test_other_options_or_weights_get_a_number(run: ModelSource) -> None:
    report("runs/a/eval/aro.json", seed=1)
    assert place(run, suites=("aro",)) == "runs/a/eval/aro-2.json"
    report("runs/a/eval/aro-2.json", weights="older")
    assert place(run, suites=("aro",)) == "runs/a/eval/aro-3.json"
    Path("runs/a/eval/aro-3.json").write_text("somebody else's")
    assert place(run, suites=("aro",)) == "runs/a/eval/aro-4.json"


def test_a_place_that_was_named_is_kept(run: ModelSource) -> None:
    named = replace(CONFIG, output="here.json")
    assert with_place(named, ["aro"], [run], SETTINGS).output == "here.json"
    report("runs/a/eval/aro.json", seed=1)
    forced = replace(CONFIG, force=True)
    assert with_place(forced, ["aro"], [run], SETTINGS).output == "runs/a/eval/aro.json"
