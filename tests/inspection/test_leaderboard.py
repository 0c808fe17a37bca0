"""Every run in one table, and what the cache holds."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import write_atomic, write_json
from ahnpl_cli.inspection.cache import empty, measure
from ahnpl_cli.inspection.leaderboard import leaderboard, leaderboard_table


def make_run(name: str, steps: int, scores: dict[str, float], when: int) -> None:
    run = Path("runs") / name
    write_json(run / "start.json", {})
    write_atomic(run / "config.toml", 'objective = "ahnpl"\nfidelity = "released"\n')
    write_json(run / "last" / "ahnpl.json", {"weights_sha256": name, "step": steps})
    os.utime(run / "last" / "ahnpl.json", (when, when))
    for suite, value in scores.items():
        found = {"headline": "macro", "headline_value": value, "coverage": 50.0}
        found["intervals"] = {"macro": [value - 2, value + 2]}
        model = {"name": name, "info": {"weights_sha256": name}, "suites": {suite: found}}
        other = {"name": "start", "info": {"weights_sha256": "x"}, "suites": {suite: found}}
        tree = {"kind": "ahnpl eval", "settings": {}, "models": [other, model]}
        write_json(run / "eval" / f"{suite}.json", tree)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run("old", 20, {"aro": 60.0, "retrieval": 30.0}, 1_700_000_000)
    make_run("new", 40, {"aro": 55.0}, 1_700_100_000)
    write_json(Path("runs/new/eval/note.json"), {"kind": "mine"})
    write_json(Path("runs/begun/start.json"), {})


def test_the_newest_run_comes_first_unless_a_column_is_named(runs: None) -> None:
    assert [row.run for row in leaderboard()] == ["runs/new", "runs/old", "runs/begun"]
    assert [row.run for row in leaderboard(sort="aro")][0] == "runs/old"
    assert [row.run for row in leaderboard(sort="retention")][0] == "runs/old"
    with pytest.raises(ConfigError, match="unknown column 'arro'. Did you mean 'aro'"):
        leaderboard(sort="arro")


def test_what_a_checkpoint_was_chosen_by_is_no_score_of_it(runs: None) -> None:
    path = Path("runs/new/eval/aro.json")
    tree = json.loads(path.read_text())
    write_json(path, {**tree, "settings": {"half": "tuning"}})
    assert [row.scores for row in leaderboard() if row.run == "runs/new"] == [{}]


def test_gain_and_retention_stand_beside_each_other_with_coverage(runs: None) -> None:
    table = leaderboard_table(leaderboard(sort="run"))
    assert table.columns[3:] == ("aro", "retrieval", "compositional", "retention", "date")
    assert table.rows[2][:7] == (
        *("old", "ahnpl (released)", 20, "60.0 ±2.0 [50 %]", "30.0 ±2.0 [50 %]"),
        *(60.0, 30.0),
    )


@pytest.mark.parametrize("width", ["80", "100"])
def test_no_date_and_no_name_is_broken_in_a_narrow_terminal(runs: None, width: str) -> None:
    make_run("a-long-name-of-a-run", 40, {"sugarcrepe": 55.0, "valse": 60.0}, 1_700_000_000)
    done = CliRunner().invoke(app, ["runs"], env={"COLUMNS": width})
    for whole in ("a-long-name-of-a-run", "sugarcrepe", "compositional"):
        assert whole in done.stdout, done.stdout
    # Whole, or not at all.
    assert len(re.findall(r"2023", done.stdout)) == len(re.findall(r"2023-11-1\d", done.stdout))
    assert all(len(line) <= int(width) for line in done.stdout.splitlines()[:-2])


def test_the_command_prints_numbers_for_other_programs(runs: None) -> None:
    done = CliRunner().invoke(app, ["runs", "--csv", "--sort", "aro"])
    lines = done.stdout.splitlines()
    assert lines[0].startswith("run,recipe,steps,aro,aro_low,aro_high,retrieval")
    assert lines[1].startswith("runs/old,ahnpl (released),20,60.0,58.0,62.0,30.0")


def test_no_run_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"runs: no training run here. Train one: ahnpl train."):
        leaderboard()


def test_the_cache_is_listed_and_emptied_but_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    model = "0123456789abcdef"
    write_atomic(cache / "features" / model / "0.safetensors", b"12345")
    write_atomic(cache / "gnm" / "1.jpg", b"12")
    # A variable may name a folder that holds more than ours, such as a home.
    others = ["thesis.tex", "features/extract.py", "src/main.py", "features/notes/a.md"]
    for name in others:
        write_atomic(cache / name, b"mine")
    (cache / "orders").symlink_to(tmp_path)
    monkeypatch.setenv("AHNPL_CACHE", str(cache))
    listed = CliRunner().invoke(app, ["clean"])
    assert f"features/{model}" in listed.stdout and "clean --yes" in listed.stderr
    entries = [(entry.what, entry.bytes) for entry in measure()]
    assert entries == [(f"features/{model}", 5), ("gnm", 2)]
    assert CliRunner().invoke(app, ["clean", "--yes"]).exit_code == 0
    assert measure() == []
    assert all((cache / name).read_bytes() == b"mine" for name in others)
    assert (cache / "orders").is_symlink()
    with pytest.raises(DataError, match="gone: no such folder"):
        empty(tmp_path / "gone")
