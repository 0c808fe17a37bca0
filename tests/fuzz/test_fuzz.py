"""Damaged files and odd options end in one clear error: no traceback, no hang, no other exception.

A case is named by its group and seed: `pytest tests/fuzz -k "results and 17"` runs one again. The
first seeds of each group run always; `-m slow` runs more than two thousand.
"""

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from groups import GROUPS, Group, prepare_models
from mutations import damage
from typer.testing import CliRunner

from ahnpl_cli.cli.app import COMMANDS, app
from ahnpl_cli.errors import AhnplError
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS

PROGRAM = typer.main.get_command(app)
FEW = 6
MANY = 120
SECONDS = 60  # no case takes one; the machine may be busy


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """One folder a group, with sound files; each case damages one and puts it back."""
    home = tmp_path_factory.mktemp("fuzz")
    prepare_models(home, tiny_model_folder)
    return home


@pytest.fixture
def folder(home: Path, request: pytest.FixtureRequest) -> Path:
    name = request.node.callspec.params["name"]
    folder = home / name
    if not folder.exists():
        folder.mkdir()
        GROUPS[name].make(folder)
    return folder


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """Stop what hangs; keep caches and the network out of it."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError("a case took too long")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("AHNPL_CACHE", str(home / "cache"))
    monkeypatch.chdir(home)
    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


ODD = (
    *("", " ", "-1", "0", "1", "2", "1e-9", "nan", "inf", "-inf", "1e400", "9" * 30, "1" * 5000),
    *("x", "²/3", "0/4", "9/2", "a\x00b", "../..", "/dev/zero", "\udcff", "true", "[1]", "é"),
)
# Arguments that end a command before its work: the options are what is tried.
ENDINGS = {
    "negatives": ["gone.jsonl"],
    "images": ["gone.jsonl"],
    "embed": ["gone.jsonl", "--model", "scenes-tiny"],
    "train": ["--data", "gone.jsonl"],
    "eval": ["no-such-suite"],
    "compare": ["gone.json", "gone.json"],
    "runs": ["gone"],
    "frontier": ["gone"],
    "clean": ["--cache", "gone"],
    "export": ["gone"],
    "inspect": ["gone.jsonl"],
    "scenes": ["file"],
    "demo": ["--out", "file"],
    "docs": ["no-such-topic"],
}


def check_options(command: str, seed: int) -> None:
    rng = random.Random(f"{command} {seed}")
    parameters = PROGRAM.get_command(None, command).params  # type: ignore[attr-defined]
    flags = sorted(flag for p in parameters for flag in p.opts if flag.startswith("--"))
    # Help and lists end a command well, and an output or a cache elsewhere would let one begin.
    ending_well = ("--help", "--list", "--print-config", "--output", "--out", "--cache")
    flags = [flag for flag in flags if flag not in ending_well]
    words = [command, *ENDINGS[command]]
    for flag in rng.sample(flags, min(len(flags), rng.randrange(1, 4))):
        words += [flag, rng.choice(ODD)]
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), words
    assert result.exit_code in range(1, 8), (words, result.output)
    assert result.stderr.splitlines()[-1].startswith("Error: "), (words, result.stderr)


@pytest.mark.parametrize("seed", range(FEW))
@pytest.mark.parametrize("command", COMMANDS)
def test_odd_options_are_refused_in_one_line(command: str, seed: int, home: Path) -> None:
    (home / "file").write_text("in the way")
    check_options(command, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, MANY))
@pytest.mark.parametrize("command", COMMANDS)
def test_many_odd_options(command: str, seed: int, home: Path) -> None:
    (home / "file").write_text("in the way")
    check_options(command, seed)


def check(group: Group, folder: Path, seed: int) -> None:
    rng = random.Random(f"{group.name} {seed}")
    files = sorted(path for path in folder.rglob(group.files) if path.is_file())
    path = rng.choice(files)
    content = path.read_bytes()
    damage(path, rng)
    try:
        group.use(folder)
    except (AhnplError, OSError) as error:
        # What the command line shows as one line.
        assert str(error)
        assert not isinstance(error, TimeoutError)
    finally:
        path.write_bytes(content)


CASES = [(name, seed) for name in GROUPS for seed in range(FEW)]
LONG = [(name, seed) for name in GROUPS for seed in range(FEW, MANY)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "seed"), CASES)
def test_a_damaged_file_is_an_error_or_read(name: str, seed: int, folder: Path) -> None:
    check(GROUPS[name], folder, seed)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "seed"), LONG)
def test_many_damaged_files(name: str, seed: int, folder: Path) -> None:
    check(GROUPS[name], folder, seed)


@pytest.mark.parametrize("name", GROUPS)
def test_sound_files_are_read(name: str, folder: Path) -> None:
    GROUPS[name].use(folder)


def test_there_are_more_than_two_thousand_cases() -> None:
    assert len(CASES) + len(LONG) > 2000
    benchmarks = {name.removeprefix("eval ") for name in GROUPS if name.startswith("eval ")}
    assert benchmarks >= set(BENCHMARKS) - {"custom", "vismin", "half-truths"}
