"""Small things of every day: a term explained, options printed, values completed, versions."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ahnpl_cli.cli.app import COMMANDS, app, load_command
from ahnpl_cli.cli.docs import terms
from ahnpl_cli.losses.recipes import OBJECTIVES
from ahnpl_cli.records import KINDS


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("macro_7", "SugarCrepe; its seven files"),
        ("Hard negative", "a caption with one small change"),
        ("vg_relation_micro_all_rows", "ARO; all items, nothing left out"),
        ("macro_7_partial", "any; the rows that have images"),
        ("relation", "negatives"),
    ],
)
def test_a_term_is_explained_from_the_manual(term: str, said: str) -> None:
    done = CliRunner().invoke(app, ["docs", term])
    assert done.exit_code == 0, done.stderr
    assert said in done.stdout and "ahnpl docs " in done.stdout


def test_every_kind_is_explained() -> None:
    assert set(KINDS) <= terms().keys()


def test_a_term_that_nobody_knows_leads_to_one_that_is() -> None:
    done = CliRunner().invoke(app, ["docs", "makro_7"])
    assert done.exit_code == 2
    assert "unknown topic or term 'makro_7'. Did you mean 'macro_7'?" in done.stderr


def test_the_options_that_a_command_would_run_with_are_a_file_for_it(tmp_path: Path) -> None:
    line = ["train", "--objective", "negclip", "--lr", "3e-6", "--print-config"]
    done = CliRunner().invoke(app, line)
    options = tomllib.loads(done.stdout)
    assert (options["objective"], options["lr"], options["batch_size"]) == ("negclip", 3e-6, 256)
    file = tmp_path / "negclip.toml"
    file.write_text(done.stdout)
    again = CliRunner().invoke(app, ["train", "--config", str(file), "--print-config"])
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("ahnpl train --objective a", [name for name in OBJECTIVES if name.startswith("a")]),
        ("ahnpl negatives x --kinds swap,obj", ["swap,object"]),
        ("ahnpl eval sugarcrepe+", ["sugarcrepe++"]),
    ],
)
def test_a_shell_completes_values(line: str, values: list[str]) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "ahnpl_cli"],
        env={**os.environ, **words, "_AHNPL_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == values, done.stderr


def test_the_version_says_all_that_a_report_of_a_bug_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path))
    lines = CliRunner().invoke(app, ["--version", "-v"]).stdout.splitlines()
    names = [line.partition(":")[0] for line in lines[1:]]
    assert {"python", "torch", "open_clip_torch", "device", "cache", "data", "runs"} <= set(names)
    assert f"cache: {tmp_path}, 0.0 MB" in lines


def test_a_list_of_suites_may_be_of_one() -> None:
    done = CliRunner().invoke(app, ["eval", "--list", "valse", "--json"])
    assert [suite["name"] for suite in json.loads(done.stdout)] == ["valse"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_eighty_columns_uncut(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in done.stdout
    flags = [flag for option in load_command(command).params for flag in option.opts]
    words = done.stdout.replace(",", " ").split()
    assert [flag for flag in flags if flag.startswith("-") and flag not in words] == []


def test_help_says_choices_defaults_and_bounds_in_words() -> None:
    shown = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "80"}).stdout
    assert "--fidelity paper|released" in shown
    assert "  --steps N\n      Take this many steps instead of --epochs. (at least 1)" in shown
    assert "(default: on)" in shown
