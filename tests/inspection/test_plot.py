"""Curves of several runs as one picture."""

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ahnpl_cli.cli.app import app
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import to_json, write_atomic, write_json
from ahnpl_cli.inspection.plot import check_plot, draw, ends_table, read_runs
from ahnpl_cli.records import StepReport
from ahnpl_cli.reporting.visible import dump_json


def step(number: int, loss: float) -> StepReport:
    return StepReport(
        *(number, 1, loss, {"contrastive": loss}, {"contrastive": 1.0}, {}, 0.9, {}),
        *(0.5, {"object": 0.4}, 1.0, 100.0, 1e-5, 1.0, 7.5, 900.0),
    )


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of three logged steps."""
    folders = []
    for name, loss in (("a", 3.0), ("b", 2.0)):
        folder = tmp_path / "runs" / name
        write_json(folder / "start.json", {})
        steps = [step(number, loss / number) for number in (1, 2, 3)]
        lines = "".join(dump_json(to_json(report), indent=None) + "\n" for report in steps)
        write_atomic(folder / "metrics.jsonl", lines)
        folders.append(folder)
    return folders


def test_a_folder_of_runs_stands_for_all_of_them(runs: list[Path]) -> None:
    table = ends_table(read_runs([runs[0].parent]))
    assert table.rows == (
        ("a", 1, 3, 1.0, 0.5, pytest.approx(0.1), 7.5),
        ("b", 1, 3, pytest.approx(2 / 3), 0.5, pytest.approx(0.1), 7.5),
    )


def test_what_is_no_run_is_refused(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="other: not a training run"):
        read_runs([*runs, tmp_path / "other"])


def test_a_picture_needs_its_ending_and_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match=r"curves.gif is not the name of a picture. Write a name"):
        check_plot(Path("curves.gif"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"--plot needs matplotlib. Run: pip install matplotlib"):
        check_plot(Path("curves.png"))


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_ending_decides_the_format(
    runs: list[Path], tmp_path: Path, ending: str, start: bytes
) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / f"curves{ending}"
    draw(read_runs(runs), picture)
    assert picture.read_bytes().startswith(start)


def test_runs_are_shown_side_by_side(runs: list[Path]) -> None:
    done = CliRunner().invoke(app, ["inspect", *map(str, runs), "--format", "csv"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == 'run,epoch,step,loss,"S(I,T)",gap,images/s'
    assert [line[:6] for line in done.stdout.splitlines()[1:3]] == ["a,1,3,", "b,1,3,"]
