"""Stages are command lines that the program understands, and finished ones are kept."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from ahnpl_cli import demo
from ahnpl_cli.cli.app import app
from ahnpl_cli.config import DemoConfig
from ahnpl_cli.errors import ConfigError, DataError

PROGRAM = typer.main.get_command(app)


@pytest.mark.parametrize("quick", [True, False])
def test_every_stage_parses_as_typed(tmp_path: Path, quick: bool) -> None:
    config = DemoConfig(quick=quick, seed=7)
    lines = [stage.argv for stage in demo.stages(tmp_path, config)]
    for name, *rest in [*lines, demo.inspect_argv(tmp_path)]:
        PROGRAM.get_command(None, name).make_context(name, list(rest))
    assert all("7" in argv for argv in lines if argv[0] != "embed")


def test_an_interrupted_demo_goes_on_after_the_last_finished_stage(tmp_path: Path) -> None:
    ran: list[str] = []

    def runner(argv: Sequence[str]) -> None:
        if argv[0] == "embed" and "embed" not in ran:
            ran.append("embed")
            raise KeyboardInterrupt
        ran.append(argv[0])

    config = DemoConfig()
    with pytest.raises(KeyboardInterrupt):
        list(demo.run(tmp_path, config, runner, lambda stage: None))
    done = list(demo.run(tmp_path, config, runner, lambda stage: None))
    assert ran == ["scenes", "negatives", "embed", "embed", *["train"] * 4, "eval"]
    assert [d.resumed for d in done] == [True, True] + [False] * 6


def test_force_starts_over_and_overwrites(tmp_path: Path) -> None:
    seen: list[Sequence[str]] = []
    for config in (DemoConfig(), DemoConfig(seed=1, force=True)):
        list(demo.run(tmp_path, config, seen.append, lambda stage: None))
    assert len(seen) == 16
    assert all("--force" in argv for argv in seen[8:])
    with pytest.raises(ConfigError, match="made with other options"):
        list(demo.run(tmp_path, DemoConfig(seed=2), seen.append, lambda stage: None))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"options": {}, "stages": []}', '{"options": {}, "stages": {"a": 1}}'],
)
def test_a_damaged_state_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.json").write_text(text)
    with pytest.raises(DataError, match=r"demo.json: .*start over with --force"):
        list(demo.run(tmp_path, DemoConfig(), lambda argv: None, lambda stage: None))
