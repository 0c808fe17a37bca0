"""Is a report of `ahnpl eval` valid? Changed, cut, or without its scores."""

import json
from pathlib import Path
from typing import Any

import pytest

from ahnpl_cli.errors import DataError
from ahnpl_cli.inspection.report import FileReport
from ahnpl_cli.inspection.results import inspect_results, load_results


def subset(n: int, accuracy: float | None) -> dict[str, Any]:
    return {
        "name": "swap_obj",
        "n": n,
        "accuracy": accuracy,
        "low": 40.0,
        "high": 60.0,
        "ties": 0,
        "total": 4,
        "coverage": 25.0 * n,
    }


def tree(n: int = 4, accuracy: float | None = 75.0) -> dict[str, Any]:
    suite = {
        "subsets": [subset(n, accuracy)],
        "details": [],
        "averages": {"macro": accuracy or 0.0},
        "intervals": {"macro": [40.0, 90.0]},
        "primary": "macro",
        "headline_value": accuracy,
        "values": {},
        "coverage": 25.0 * n,
    }
    info = {"weights_sha256": "abc"}
    measures = {
        "measures": "swaps",
        "definitions": {},
        "counts": [],
        "notes": ["swap_obj: not the published 245 items: 4"],
        "files": {},
        "missing": 0,
    }
    return {
        "models": [{"name": "m", "info": info, "suites": {"sugarcrepe": suite}}],
        "suites": {"sugarcrepe": measures},
        "comparisons": [],
        "settings": {"tie": "strict"},
        "versions": {"ahnpl": "1"},
        "items": "r.items.jsonl",
        "schema": 1,
        "kind": "ahnpl eval",
    }


def write(folder: Path, content: Any, votes: list[bool] | None = None) -> Path:
    path = folder / "r.json"
    path.write_text(json.dumps(content))
    if votes is not None:
        lines = [
            {
                "model": "m",
                "suite": "sugarcrepe",
                "id": str(i),
                "image": "x",
                "correct": {"swap_obj": vote},
                "ties": [],
                "scores": [0.1, 0.2],
            }
            for i, vote in enumerate(votes)
        ]
        (folder / "r.items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def texts(report: FileReport, level: str) -> list[str]:
    return [finding.text for finding in report.findings if finding.level == level]


def test_accuracies_that_follow_from_the_scores_are_sound(tmp_path: Path) -> None:
    report = inspect_results(write(tmp_path, tree(), [True, True, True, False]))
    assert report.valid
    assert texts(report, "fine") == ["every accuracy follows from the saved scores"]
    assert texts(report, "note") == ["sugarcrepe: swap_obj: not the published 245 items: 4"]


@pytest.mark.parametrize("votes", [[True, True, False, False], [True, True, True]])
def test_accuracies_that_do_not_follow_are_a_problem(tmp_path: Path, votes: list[bool]) -> None:
    report = inspect_results(write(tmp_path, tree(), votes))
    assert texts(report, "problem") == ["1 subsets do not follow from the saved scores"]


def test_missing_scores_are_noted(tmp_path: Path) -> None:
    report = inspect_results(write(tmp_path, tree()))
    assert report.valid
    assert (
        "the scores of single items are not beside it: no paired tests, no hits and misses"
        in texts(report, "note")
    )


def test_impossible_numbers_are_problems(tmp_path: Path) -> None:
    report = inspect_results(write(tmp_path, tree(n=5, accuracy=120.0)))
    assert texts(report, "problem") == [
        "m, sugarcrepe swap_obj: accuracy 120.0 is not a percentage",
        "m, sugarcrepe swap_obj: counts contradict each other",
    ]


def test_partial_coverage_is_noted(tmp_path: Path) -> None:
    report = inspect_results(write(tmp_path, tree(n=2, accuracy=50.0), [True, False]))
    assert "m, sugarcrepe: 50.0 % of the items were scored" in texts(report, "note")


def test_a_suite_without_a_verdict_can_be_read(tmp_path: Path) -> None:
    report = load_results(write(tmp_path, tree(n=0, accuracy=None)))
    value = report.models[0].suites["sugarcrepe"].headline_value
    assert value != value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [1],
            r"r.json: not a report of `ahnpl eval`. Name a results.json",
        ),
        (
            {**tree(), "models": 5},
            r"r.json: models: .* was changed by hand, or cut",
        ),
        ({**tree(), "schema": 99}, r"r.json: written by a newer version. Update ahnpl"),
    ],
)
def test_what_is_no_report_is_said(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_results(write(tmp_path, content))
