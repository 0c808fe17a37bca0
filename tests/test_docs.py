"""README, manual and CHANGELOG are held to the code: what they show runs, what exists is shown."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from ahnpl_cli import errors
from ahnpl_cli.cli.app import COMMANDS, app
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS
from ahnpl_cli.losses.recipes import OBJECTIVES
from ahnpl_cli.records import KINDS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ahnpl_cli"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MANUAL = {path.stem: path.read_text(encoding="utf-8") for path in PACKAGE.glob("docs/*.md")}
DOCUMENTS = {"README": README, **MANUAL}
WORDS = 1400  # more, and nobody finds what they came for
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


SHELL = [
    pytest.param(mark, code, id=f"{name}-{number}")
    for name, text in DOCUMENTS.items()
    for number, (mark, code) in enumerate(blocks(text, "bash"))
]
PYTHON = {name: list(blocks(text, "python")) for name, text in DOCUMENTS.items()}


def written_in_code(name: str, text: str) -> bool:
    return f"`{name}`" in text


@pytest.mark.parametrize(("mark", "code"), SHELL)
def test_every_shell_block_says_who_runs_it(mark: str, code: str) -> None:
    assert re.match(r"run$|ci: \w+$|needs: .+", mark), f"unmarked block:\n{code}"


@pytest.mark.parametrize(("mark", "code"), SHELL)
def test_every_command_shown_has_arguments_that_exist(mark: str, code: str) -> None:
    for words in ahnpl_lines(code):
        check_arguments(words)


def test_the_argument_check_can_fail() -> None:
    with pytest.raises(Exception, match="No such option"):
        check_arguments(["eval", "--no-such-option"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    shown = set()
    for text in DOCUMENTS.values():
        for _, code in blocks(text, "bash"):
            shown.update(words[0] for words in ahnpl_lines(code) if words)
    mentioned = re.findall(r"`ahnpl (\w+)", "\n".join(DOCUMENTS.values()))
    assert command in shown | set(mentioned)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_negative_is_documented(kind: str) -> None:
    assert written_in_code(kind, MANUAL["negatives"])


@pytest.mark.parametrize("suite", BENCHMARKS)
def test_every_benchmark_is_documented(suite: str) -> None:
    assert written_in_code(suite, MANUAL["benchmarks"])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_is_documented(objective: str) -> None:
    assert written_in_code(objective, MANUAL["methods"])


def test_every_exit_code_is_documented() -> None:
    raised = {cls.exit_code for cls in vars(errors).values() if isinstance(cls, type)}
    table = MANUAL["formats"].split("| exit code |")[1]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)}
    assert listed == raised | {0, 130}


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.split()) <= WORDS


@pytest.mark.parametrize("topic", MANUAL)
def test_the_readme_leads_to_every_page_of_the_manual(topic: str) -> None:
    assert f"(ahnpl_cli/docs/{topic}.md)" in README


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_refers_to_is_there(document: str) -> None:
    text = DOCUMENTS[document]
    for path in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (ROOT / path).is_file()
    for topic in re.findall(r"`ahnpl docs ([a-z]+)`", text):
        assert topic in MANUAL
    for script in re.findall(r"\b(?:tests|examples)/[\w/]+\.(?:py|sh)", text):
        assert (ROOT / script).is_file(), script


def packages() -> set[str]:
    """Every package and every top file of `ahnpl_cli`, as the map names them."""
    # Two levels: what lies deeper is told by its parent.
    folders = [*PACKAGE.glob("*/__init__.py"), *PACKAGE.glob("*/*/__init__.py")]
    entries = {f"{path.parent.relative_to(PACKAGE)}/" for path in folders}
    entries |= {path.name for path in PACKAGE.glob("*.py")}
    return {"docs/", *entries} - {"__main__.py"}


def test_the_map_of_the_code_names_what_is_there() -> None:
    (tree,) = [
        code for _, code in blocks(MANUAL["extending"], "text") if code.startswith("ahnpl_cli/")
    ]
    named = set()
    parent = ""
    for line in tree.splitlines()[1:]:
        indent, entry = re.match(r"( +)(\S+)", line).groups()  # type: ignore[union-attr]
        if len(indent) == 2:
            parent = entry
        named.add(entry if len(indent) == 2 else parent + entry)
    assert named == packages()


def test_the_quickstart_is_quoted_as_it_stands() -> None:
    script = (ROOT / "examples" / "quickstart.sh").read_text(encoding="utf-8")
    body = script.split("\n\n", 1)[1].strip()
    assert body in README


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the quickstart ran, with captions, features, a run and results."""
    folder = tmp_path_factory.mktemp("quickstart")
    script = (ROOT / "examples" / "quickstart.sh").read_text(encoding="utf-8")
    run(["bash", "-euo", "pipefail", "-c", script], folder)
    return folder


def run(command: list[str], folder: Path) -> str:
    """Run a command in a folder with this interpreter's `ahnpl`, and return its stdout."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        command,
        cwd=folder,
        # PYTHONPATH: the code under test, wherever another copy is installed.
        env={"PATH": path, "HOME": str(folder), "COLUMNS": "100", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_quickstart_runs_as_it_stands(worked: Path) -> None:
    # `eval` writes beside the run, named after its suites.
    assert list(worked.glob("runs/*/eval/*.json"))


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (name, code)
        for name in MANUAL
        for mark, code in blocks(MANUAL[name], "bash")
        if mark == "run"
    ],
)
def test_the_manuals_own_examples_run_after_the_quickstart(
    worked: Path, document: str, code: str
) -> None:
    run(["bash", "-euo", "pipefail", "-c", code], worked)


@pytest.mark.parametrize("document", [name for name, codes in PYTHON.items() if codes])
def test_every_python_example_runs_after_the_quickstart(worked: Path, document: str) -> None:
    # One interpreter a document, as in a notebook: later examples use what earlier ones made.
    run([sys.executable, "-c", "\n".join(code for _, code in PYTHON[document])], worked)


def test_the_manual_is_read_in_the_terminal(worked: Path) -> None:
    listed = json.loads(run(["ahnpl", "docs", "--json"], worked))
    assert set(listed) == set(MANUAL)
    page = run(["ahnpl", "docs", "glossary"], worked)
    assert page == MANUAL["glossary"]
    assert "<!--" not in run(["ahnpl", "docs", "benchmarks"], worked)


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
