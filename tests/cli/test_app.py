"""The program itself: version, unknown names, errors as lines with exit codes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ahnpl_cli import __version__, errors
from ahnpl_cli.cli.app import COMMANDS, ErrorLines, app


def program_raising(error: BaseException) -> typer.Typer:
    program = typer.Typer(cls=ErrorLines, pretty_exceptions_enable=False)

    @program.callback()
    def root() -> None:
        pass

    @program.command()
    def fail() -> None:
        raise error

    return program


def test_version_is_the_package_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"ahnpl {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"ahnpl {command}" in result.stdout.split("Usage", 1)[1].split("\n", 1)[1]


def test_commands_come_in_the_order_of_the_work() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout.split("Commands:")[1].split("\n\n")[0]
    listed = [line.split()[0] for line in shown.splitlines() if re.match(r"  \w", line)]
    assert listed == list(COMMANDS)


def test_an_unknown_command_gets_a_suggestion() -> None:
    result = CliRunner().invoke(app, ["negatvies"])
    assert result.exit_code == 2
    assert "Did you mean 'negatives'?" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.AhnplError("it broke"), 1, "Error: it broke\n"),
        (errors.ConfigError("no", hint="Say yes."), 2, "Error: no. Say yes.\n"),
        (errors.DataError("bad", where="a.jsonl:3"), 3, "Error: a.jsonl:3: bad\n"),
        (errors.ModelError("no weights"), 4, "Error: no weights\n"),
        (errors.BenchmarkError("absent"), 5, "Error: absent\n"),
        (errors.TrainingError("loss is NaN"), 6, "Error: loss is NaN\n"),
        (
            OSError(28, "No space left on device", "out.jsonl"),
            3,
            "Error: out.jsonl: no space left on device. "
            "Free some space and run the same command again: it resumes.\n",
        ),
        (
            PermissionError(13, "Permission denied", "/x"),
            3,
            "Error: /x: permission denied. "
            "Choose another place with --output, or change the permissions.\n",
        ),
        (KeyboardInterrupt(), 130, "Interrupted. Run the same command again to resume.\n"),
    ],
)
def test_each_mistake_is_one_line_and_an_exit_code(
    error: BaseException, code: int, line: str
) -> None:
    result = CliRunner().invoke(program_raising(error), ["fail"])
    assert (result.exit_code, result.stderr, result.stdout) == (code, line, "")


FALLING = """
import signal
import sys
import time
from ahnpl_cli.__main__ import main
from ahnpl_cli.cli import app, interrupts

class Falls:
    def __del__(self):
        raise KeyboardInterrupt

@app.app.command()
def fall():
    interrupts.during_work()
    Falls()
    time.sleep(20)
    print("went on")

# A shell's background job is born deaf to interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["ahnpl", "fall"]
main()
"""


def test_an_interrupt_that_falls_into_a_destructor_is_heeded() -> None:
    done = subprocess.run([sys.executable, "-c", FALLING], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "Interrupted. Run the same command again to resume.\n"


IMPORTING = """
import builtins
import os
import signal
from ahnpl_cli.__main__ import main

# Interrupt while the command line is being imported, as an impatient user does.
signal.signal(signal.SIGINT, signal.default_int_handler)
plain_import = builtins.__import__

def interrupted_import(name, *rest):
    if name == "typer":
        os.kill(os.getpid(), signal.SIGINT)
    return plain_import(name, *rest)

builtins.__import__ = interrupted_import
main()
"""


def test_an_interrupt_during_the_first_imports_is_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "Interrupted. Run the same command again to resume.\n"


def test_a_bug_keeps_its_traceback() -> None:
    result = CliRunner().invoke(program_raising(ZeroDivisionError("bug")), ["fail"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_the_errors_docstring_is_the_tree_of_classes() -> None:
    listed = {
        name: int(code)
        for line in (errors.__doc__ or "").splitlines()
        for name, code in [(line.strip("|`- ").split() + ["", ""])[:2]]
        if name.endswith("Error") and code.isdigit()
    }
    classes = {
        name: item.exit_code
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, errors.AhnplError)
    }
    assert listed == classes


def test_python_dash_m_is_the_same_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ahnpl_cli", "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        check=True,
    )
    assert done.stdout == f"ahnpl {__version__}\n"


def test_the_program_s_own_help_does_not_wait_for_rich() -> None:
    code = (
        "import sys; from ahnpl_cli.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Make hard negative captions" in done.stdout
    assert done.stdout.endswith("\nFalse\n")
