"""Is a report of `ahnpl eval` valid? Changed, cut, or without its scores."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ahnpl_cli.config import EvalConfig, InspectConfig
from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.benchmarks.base import no_derived_metrics
from ahnpl_cli.evaluation.comparison import ComparedSuite, ModelVerdicts, compare
from ahnpl_cli.evaluation.output import load_report, write_report
from ahnpl_cli.evaluation.report import EvalReport, ExampleItem, ModelReport, SuiteInfo
from ahnpl_cli.evaluation.scoring.items import SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.scoring.statistics import mean, to_json
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report
from ahnpl_cli.inspection.report import FileReport
from ahnpl_cli.inspection.results import inspect_results, shareable

AVERAGES = {"macro": mean("swap_obj", "swap_att")}
MAIN = ["swap_obj"]  # swap_att is a detail
BOOTSTRAP = Bootstrap(samples=100, seed=3)


def verdicts(right: list[bool]) -> list[Verdict]:
    """One verdict an image, half of them in each subset."""
    made = []
    for i, correct in enumerate(right):
        subset = ("swap_obj", "swap_att")[i % 2]
        made.append(Verdict(str(i), f"{i}.jpg", {subset: correct}, (), (0.25, 0.5)))
    return made


def write(folder: Path, models: dict[str, list[bool]], total: int = 12) -> Path:
    """Write a report of SugarCrepe as `ahnpl eval` does, with its scores."""
    totals = {"swap_obj": total // 2, "swap_att": total // 2}
    plan = SuitePlan(AVERAGES, "macro", MAIN, totals)
    of_models = {name: verdicts(right) for name, right in models.items()}
    reports = []
    for name, found in of_models.items():
        suite = suite_report(plan, SuiteVerdicts(found), {}, BOOTSTRAP)
        info = {"weights_sha256": name * 8}
        reports.append(ModelReport(name, info, {"sugarcrepe": suite}))
    base, *others = of_models
    suite_to_compare = ComparedSuite("sugarcrepe", AVERAGES, MAIN, no_derived_metrics)
    comparisons = [
        compare(
            ModelVerdicts(base, of_models[base]),
            ModelVerdicts(other, of_models[other]),
            suite_to_compare,
            BOOTSTRAP,
        )
        for other in others
    ]
    definitions = {name: to_json(average) for name, average in AVERAGES.items()}
    notes = ["swap_obj: 4 items; published: 245"]
    report = EvalReport(
        models=reports,
        suites={
            "sugarcrepe": SuiteInfo("swaps", definitions, [], notes, {}, 0, "macro", MAIN, totals)
        },
        comparisons=comparisons,
        settings={"tie": "strict", "bootstrap": 100, "seed": 3},
        versions={"ahnpl": "1"},
        items="r.items.jsonl",
    )
    path = folder / "r.json"
    scores = {name: {"sugarcrepe": found} for name, found in of_models.items()}
    write_report(report, scores, EvalConfig(output=str(path)))
    return path


RIGHT = [True, True, False, True, True, False, True, False, True, True, True, False]
TWO = {"a": RIGHT, "b": RIGHT[::-1]}


def texts(report: FileReport, level: str) -> list[str]:
    return [finding.text for finding in report.findings if finding.level == level]


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a report as an editor would, the checksum with it, as a forger would."""
    from ahnpl_cli.evaluation.output import checksum

    tree = json.loads(path.read_text())
    change(tree)
    tree["checksum"] = checksum(tree)
    path.write_text(json.dumps(tree))


def test_numbers_that_follow_from_the_scores_are_valid(tmp_path: Path) -> None:
    report = inspect_results(write(tmp_path, TWO))
    assert report.valid
    assert texts(report, "fine") == ["every number follows from the saved scores"]
    assert texts(report, "note") == ["sugarcrepe: swap_obj: 4 items; published: 245"]


def suite_of(tree: dict[str, Any]) -> dict[str, Any]:
    suite: dict[str, Any] = tree["models"][0]["suites"]["sugarcrepe"]
    return suite


EDITS: dict[str, Callable[[dict[str, Any]], None]] = {
    "headline": lambda tree: suite_of(tree).update(headline_value=99.9),
    "average": lambda tree: suite_of(tree)["averages"].update(macro=99.9),
    "interval": lambda tree: suite_of(tree)["intervals"].update(macro=[59.4, 70.8]),
    "subset": lambda tree: suite_of(tree)["subsets"][0].update(accuracy=99.9),
    "detail": lambda tree: suite_of(tree)["details"][0].update(n=7),
    "ties": lambda tree: suite_of(tree)["subsets"][0].update(ties=1),
    "support": lambda tree: suite_of(tree)["support"]["macro"].update(n=99),
    "coverage": lambda tree: suite_of(tree).update(coverage=50.0),
    "difference": lambda tree: tree["comparisons"][0]["differences"][0].update(difference=50.0),
    "p": lambda tree: tree["comparisons"][0]["differences"][0].update(p=0.001),
    "significance": lambda tree: tree["comparisons"][0]["differences"][0].update(significant=True),
    "items": lambda tree: tree["comparisons"][0].update(items=500),
}


@pytest.mark.parametrize("name", EDITS)
def test_every_number_is_counted_again(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, TWO)
    edit(path, EDITS[name])
    (problem,) = texts(inspect_results(path), "problem")
    assert problem.startswith("does not follow from the saved scores: ")


def test_what_follows_from_no_score_is_held_by_the_checksum(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    tree = json.loads(path.read_text())
    tree["models"][0]["info"]["weights_sha256"] = "other"
    path.write_text(json.dumps(tree))
    problems = texts(inspect_results(path), "problem")
    assert problems == ["the file was changed after it was written"]


@pytest.mark.parametrize("cut", [slice(0, -1), slice(3, None)])
def test_scores_that_were_cut_do_not_give_the_report(tmp_path: Path, cut: slice) -> None:
    path = write(tmp_path, TWO)
    lines = path.with_name("r.items.jsonl").read_text().splitlines()
    path.with_name("r.items.jsonl").write_text("\n".join(lines[cut]) + "\n")
    changed_file, counted = texts(inspect_results(path), "problem")
    assert changed_file == "r.items.jsonl was changed after it was written"
    assert counted.startswith("does not follow from the saved scores: ")


def test_similarities_that_were_edited_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    scores = path.with_name("r.items.jsonl")
    scores.write_text(scores.read_text().replace("0.25", "0.75", 1))
    problems = texts(inspect_results(path), "problem")
    assert problems == ["r.items.jsonl was changed after it was written"]


def test_missing_scores_are_noted(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    path.with_name("r.items.jsonl").unlink()
    report = inspect_results(path)
    assert report.valid
    assert (
        "the scores of single items are not beside it: no paired tests, no hits and misses"
        in texts(report, "note")
    )


def test_impossible_numbers_are_problems(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    edit(path, lambda tree: suite_of(tree)["subsets"][0].update(accuracy=120.0, n=50))
    problems = texts(inspect_results(path), "problem")
    assert problems[:2] == [
        "a, sugarcrepe swap_obj: accuracy 120.0 is not a percentage",
        "a, sugarcrepe swap_obj: counts contradict each other",
    ]


def test_partial_coverage_is_noted(tmp_path: Path) -> None:
    report = inspect_results(write(tmp_path, TWO, total=24))
    assert "a, sugarcrepe: 50.0 % of the items were scored" in texts(report, "note")


def test_a_suite_without_a_verdict_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": []})
    value = load_report(path).models[0].suites["sugarcrepe"].headline_value
    assert math.isnan(value)
    assert inspect_results(path).valid


def changed(folder: Path, **fields: Any) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(write(folder, TWO).read_text())
    return {**tree, **fields}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "x"}, r"r.json: not a report of `ahnpl eval`. Name a results.json"),
        ({"models": 5}, r"r.json: models: .* was changed by hand, or cut"),
        ({"models": []}, r"r.json: models: no model. The file was changed by hand, or cut"),
        ({"suites": {}}, r"r.json: models: a: not the suites of the report"),
        ({"schema": 99}, r"r.json: written by a newer version. Update ahnpl"),
        ({"schema": "a"}, r"r.json: written by a newer version. Update ahnpl"),
    ],
)
def test_what_is_no_report_is_said(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(changed(tmp_path, **fields)))
    with pytest.raises(DataError, match=message):
        load_report(path)


def test_a_definition_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    edit(path, lambda tree: tree["suites"]["sugarcrepe"]["definitions"].update(macro={"mean": 5}))
    with pytest.raises(DataError, match=r"suites.sugarcrepe.definitions.macro: not an average"):
        load_report(path)


def test_a_list_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("[1]")
    with pytest.raises(DataError, match="r.json: not a JSON object. Name a results.json"):
        load_report(tmp_path / "r.json")


@pytest.mark.parametrize(
    "line", ["5", "{", '{"model": 5}', '{"correct": [true]}', "\xff", "[" * 9999]
)
def test_a_broken_line_of_scores_is_one_error(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, TWO)
    with path.with_name("r.items.jsonl").open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    with pytest.raises(DataError, match=r"r.items.jsonl:25"):
        inspect_results(path)


def test_a_page_of_results_shows_pictures_from_below_the_image_root_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AHNPL_DATA", raising=False)
    path = write(tmp_path / "out", {"a": [True] * 12})
    shown = [tmp_path / "data" / "a.jpg", Path("data/b.jpg"), tmp_path / "out" / "c.jpg"]
    hidden = [tmp_path.parent / "private.jpg", Path("data/../../private.jpg"), Path("/etc/x.png")]
    item = ("sugarcrepe", "id", ("swap_obj",), "missed")
    examples = [
        ExampleItem(*item, str(image), None, ("a", "b"), 1, {}) for image in (*shown, *hidden)
    ]
    report = dataclasses.replace(load_report(path), examples=examples)
    kept = [example.image for example in shareable(report, path, InspectConfig()).examples]
    assert kept == [*map(str, shown), "", "", ""]
    config = InspectConfig(image_root=str(tmp_path / "data"))
    kept = [example.image for example in shareable(report, path, config).examples]
    assert kept == [*map(str, shown[:2]), "", "", "", ""]
