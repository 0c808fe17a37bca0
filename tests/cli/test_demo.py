"""The demo runs the real commands, ends in one table, and goes on where it stopped."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ahnpl_cli import demo
from ahnpl_cli.cli.app import app

TINY = demo.DemoSize(train=40, test=8, steps=2, batch_size=8, warmup=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(demo, "QUICK", TINY)
    monkeypatch.setenv("AHNPL_CACHE", str(home / "cache"))


def test_it_ends_in_a_table_of_five_models_and_says_what_it_ran(home: Path) -> None:
    result = CliRunner().invoke(
        app, ["demo", "--quick", "--out", str(home / "out")], env={"COLUMNS": "120"}
    )
    assert result.exit_code == 0, result.stderr
    for shown in (
        "│ sugarcrepe ",
        "│ aro ",
        "start",
        "negclip",
        "Table 5",
        "retention",
    ):
        assert shown in result.stdout
    assert f"ahnpl negatives {home}/out/scenes/captions.jsonl" in result.stderr
    assert "[8/8] eval: done" in result.stderr
    assert "Try next:" in result.stderr


def test_run_again_it_does_nothing_twice_and_prints_one_object(home: Path) -> None:
    before = (home / "out" / "results.json").stat().st_mtime_ns
    result = CliRunner().invoke(app, ["demo", "--quick", "--out", str(home / "out"), "--json"])
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("done before") == 8
    assert (home / "out" / "results.json").stat().st_mtime_ns == before
    report = json.loads(result.stdout)
    assert report["seconds"] > 0
    assert list(report["models"]) == ["start", "clip", "negclip", "ahnpl", "ahnpl-plus"]
    for model in report["models"].values():
        assert tuple(model["suites"]) == demo.SUITES
        *compositional, retrieval, zeroshot = model["suites"].values()
        assert model["compositional"] == pytest.approx(sum(compositional) / 7, abs=0.01)
        assert model["retention"] == pytest.approx((retrieval + zeroshot) / 2, abs=0.01)


def test_its_page_says_first_what_was_done_and_what_to_look_at(home: Path) -> None:
    page = home / "page.html"
    words = ["demo", "--quick", "--out", str(home / "out"), "--html-path", str(page), "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    html = page.read_text()
    assert "<h1>The demo of ahnpl</h1>" in html
    titles = re.findall(r"<h2>(.*?)</h2>", html)
    assert titles[:4] == ["What was done", "Three examples", "What to look at", "Results"]
    done, examples, reading = re.split(r"<h2>", html)[1:4]
    for method in ("scenes-clip:", "clip:", "negclip:", "ahnpl:", "ahnpl-plus:"):
        assert f"<b>{method}</b>" in done
    assert "40 scenes of colored shapes" in done and "2 steps of 8 pairs" in done
    assert f"ahnpl negatives {home}/out/scenes/captions.jsonl" in done
    assert examples.count("<article>") == 3 and examples.count("data:image/png") == 3
    assert examples.count("<del>") >= 3
    # The numbers that the terminal prints, model by model.
    models = json.loads(result.stdout)["models"]
    means = ", ".join(f"{name} {model['compositional']:.1f}" for name, model in models.items())
    assert means.replace("start ", "scenes-clip ") in reading


def test_its_numbers_are_those_of_the_evaluation(home: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--quick", "--out", str(home / "out"), "--json"])
    models = json.loads(result.stdout)["models"]
    written = json.loads((home / "out" / "results.json").read_text())
    for model in written["models"]:
        suites = model["suites"]
        assert models[demo.label(model["name"])]["suites"] == {
            name: round(suites[name]["headline_value"], 2) for name in demo.SUITES
        }


def test_a_demo_made_with_other_options_is_not_overwritten(home: Path) -> None:
    words = ["demo", "--quick", "--out", str(home / "out"), "--seed", "5"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "made with other options" in result.stderr
    assert "Choose another --output, or overwrite it with --force." in result.stderr


def test_a_failed_stage_stops_the_demo_with_its_own_line(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "scenes").write_text("in the way")
    result = CliRunner().invoke(app, ["demo", "--quick", "--out", str(target)])
    assert result.exit_code == 3
    assert result.stderr.count("Error:") == 1
    assert str(target / "scenes") in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not JSON"), ("{}", "not a report of `ahnpl eval`"), (None, "no such file")],
)
def test_damaged_results_are_named(home: Path, content: str | None, message: str) -> None:
    results = home / "out" / "results.json"
    kept = results.read_text()
    results.unlink() if content is None else results.write_text(content)
    result = CliRunner().invoke(app, ["demo", "--quick", "--out", str(home / "out")])
    results.write_text(kept)
    assert result.exit_code == 3
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {results}: ") and message in last
