"""README and CHANGELOG are held to the code: what they show runs, what exists is shown."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from ahnpl_cli.cli.app import COMMANDS, app
from ahnpl_cli.records import KINDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = typer.main.get_command(app)
# A code block may be marked on the line before it: `<!-- run -->` is run by a test here,
# `<!-- ci: NAME -->` by .ci/run, `<!-- needs: WHAT -->` says what a reader has to bring.
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.S)


def blocks(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield (mark, code) of every fenced block of a language."""
    for match in BLOCK.finditer(text):
        if match["language"] == language:
            yield match["mark"] or "", match["code"]


def ahnpl_lines(code: str) -> Iterator[list[str]]:
    """Yield the arguments of every `ahnpl` call in a shell snippet."""
    for line in code.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|", line):
            words = shlex.split(part, comments=True)
            if "ahnpl_cli" in words:
                yield words[words.index("ahnpl_cli") + 1 :]
            elif words and words[0] == "ahnpl":
                yield words[1:]


def check_arguments(words: list[str]) -> None:
    """Parse a call as the program would, without running it."""
    if not words or words[0].startswith("-"):
        return
    name, *rest = words
    command = PROGRAM.get_command(None, name)  # type: ignore[attr-defined]
    assert command is not None, f"no command {name}"
    if "--help" not in rest:
        command.make_context(name, rest)


SHELL = list(blocks(README, "bash"))


@pytest.mark.parametrize(("mark", "code"), SHELL)
def test_every_shell_block_says_who_runs_it(mark: str, code: str) -> None:
    assert re.match(r"run$|ci: \w+$|needs: .+", mark), f"unmarked block:\n{code}"


@pytest.mark.parametrize("code", [code for _, code in SHELL])
def test_every_command_shown_has_arguments_that_exist(code: str) -> None:
    for words in ahnpl_lines(code):
        check_arguments(words)


def test_the_argument_check_can_fail() -> None:
    with pytest.raises(Exception, match="No such option"):
        check_arguments(["eval", "--no-such-option"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    shown = {words[0] for _, code in SHELL for words in ahnpl_lines(code) if words}
    assert command in shown


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_negative_is_documented(kind: str) -> None:
    assert f"`{kind}`" in README


def test_the_map_of_the_house_names_what_is_there() -> None:
    package = ROOT / "ahnpl_cli"
    there = {p.name for p in package.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    (tree,) = [code for _, code in blocks(README, "text") if code.startswith("ahnpl_cli/")]
    named = set(re.findall(r"^  (\w+(?:\.py)?)/?", tree, re.M))
    assert named == there - {"__init__.py", "__main__.py"}


def test_the_quickstart_is_quoted_as_it_stands() -> None:
    script = (ROOT / "examples" / "quickstart.sh").read_text(encoding="utf-8")
    body = script.split("\n\n", 1)[1].strip()
    assert body in README


def test_the_quickstart_runs_as_it_stands(tmp_path: Path) -> None:
    run_script((ROOT / "examples" / "quickstart.sh").read_text(encoding="utf-8"), tmp_path)
    assert (tmp_path / "results.json").is_file()


def run_script(code: str, folder: Path) -> None:
    """Run a shell snippet in a folder with this interpreter's `ahnpl`."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_changelog_opens_with_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## .*", text, re.M)
    assert headings[0] == "## [Unreleased]"


def test_nothing_beyond_the_design_at_the_top_level() -> None:
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    top = {Path(line).parts[0] for line in done.stdout.splitlines()}
    allowed = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
    folders = {"ahnpl_cli", "tests", "examples"}
    assert {name for name in top if not name.startswith(".")} <= allowed | folders
