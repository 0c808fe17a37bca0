"""Data on stdout, everything else on stderr."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.config import ConsoleConfig
from ahnpl_cli.files import to_json
from ahnpl_cli.progress import duration
from ahnpl_cli.reporting.tables import Table

LOG = logging.getLogger("ahnpl_cli.tests")


@dataclass(frozen=True)
class Report:
    n: int
    where: Path
    parts: tuple[str, ...] = ("a",)


TABLE = Table("Title", ("name", "value"), (("x [bold]", 1.25),))


def test_dataclasses_paths_and_tuples_become_json() -> None:
    assert to_json({1: Report(2, Path("p"))}) == {"1": {"n": 2, "where": "p", "parts": ["a"]}}


def test_json_is_one_object_and_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(ConsoleConfig(json=True)) as screen:
        screen.show(Report(2, Path("p")), [TABLE])
    assert json.loads(capsys.readouterr().out)["n"] == 2


def test_a_table_prints_what_users_fed_in_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(ConsoleConfig()) as screen:
        screen.show(None, [TABLE])
    shown = capsys.readouterr()
    assert "x [bold]" in shown.out
    assert shown.err == ""


def test_notes_of_the_library_are_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(ConsoleConfig()):
        LOG.info("read 3 [captions]")
        LOG.debug("not this")
    assert capsys.readouterr().err == "read 3 [captions]\n"


def test_quiet_leaves_only_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(ConsoleConfig(quiet=True)) as screen:
        screen.note("hello")
        LOG.info("read")
        LOG.warning("careful")
        assert list(screen.track([1, 2])) == [1, 2]
    assert capsys.readouterr().err == "careful\n"


def test_a_command_inside_a_command_says_a_note_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(ConsoleConfig()):
        with Screen(ConsoleConfig()):
            LOG.info("inner")
        LOG.info("outer")
    assert capsys.readouterr().err == "inner\nouter\n"


def test_track_yields_its_items_through_nested_bars() -> None:
    with Screen(ConsoleConfig()) as screen:
        pairs = [
            (a, b)
            for a in screen.track("xy", total=2, description="outer", unit="things")
            for b in screen.track([1, 2], description="inner")
        ]
    assert pairs == [("x", 1), ("x", 2), ("y", 1), ("y", 2)]


def test_a_screen_leaves_the_logger_as_it_was() -> None:
    logger = logging.getLogger("ahnpl_cli")
    before = logger.level, list(logger.handlers)
    with Screen(ConsoleConfig(quiet=True)):
        logger.setLevel(logging.ERROR)
    assert (logger.level, list(logger.handlers)) == before


def test_a_line_is_never_broken_so_that_a_command_can_be_copied(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    line = "ahnpl " + "--option value " * 10
    with Screen(ConsoleConfig()) as screen:
        screen.note(line)
    assert line.strip() in capsys.readouterr().err


def test_without_a_terminal_a_long_piece_of_work_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 30.0, 61.0, 62.0, 130.0])
    monkeypatch.setattr("ahnpl_cli.progress.time.monotonic", lambda: next(clock))
    with Screen(ConsoleConfig()) as screen:
        list(screen.track(range(4), description="Tagging", unit="captions", done=6, total=10))
    first, second = capsys.readouterr().err.splitlines()
    assert first[9:] == "Tagging: 8 of 10 captions, 30.5 s/caption, 61 s left"
    assert second[9:] == "Tagging: 10 of 10 captions, 32.5 s/caption, 0 s left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(40, "40 s"), (725, "12 min"), (11_100, "3 h 05 min"), (198_000, "2 d 7 h")],
)
def test_a_time_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
