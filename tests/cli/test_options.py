"""One dataclass field is one option, and a TOML file lies under what is typed."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from ahnpl_cli.cli.app import ErrorLines
from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import group, opt, parse_shard
from ahnpl_cli.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner:
    weight: float | None = opt(None, "A weight.", min=0)


@dataclass(frozen=True, kw_only=True)
class Sample:
    seed: int = opt(0, "A seed.", min=0)
    kinds: tuple[str, ...] = opt(("a", "b"), "Kinds.", metavar="KIND,...")
    checkpoint: tuple[str, ...] = opt((), "Folders.", metavar="PATH")
    margin: str | None = opt(None, "A margin.", metavar="auto|NUMBER")
    mode: Literal["slow", "fast"] = opt("slow", "Mode.")
    resume: bool = opt(True, "Resume.")
    force: bool = opt(False, "Force.")
    gelu: bool | None = opt(None, "Decide.")
    inner: Inner = group(Inner, "Inner")


seen: list[tuple[str, Sample, Screen]] = []
program = typer.Typer(cls=ErrorLines, pretty_exceptions_enable=False)


@program.callback()
def root() -> None:
    pass


@program.command()
@options_from(Sample)
def work(
    name: Annotated[str, typer.Argument()] = "nobody", *, config: Sample, screen: Screen
) -> None:
    seen.append((name, config, screen))


def run(*args: str) -> tuple[str, Sample, Screen]:
    result = CliRunner().invoke(program, ["work", *args])
    assert result.exit_code == 0, result.stderr
    return seen[-1]


def refusal(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(program, ["work", *args])
    return result.exit_code, result.stderr


def test_untouched_options_are_the_dataclass_defaults() -> None:
    assert run()[:2] == ("nobody", Sample())


def test_each_type_of_field_is_read() -> None:
    typed = ["me", "--seed", "3", "--mode", "fast", "--no-resume", "--force", "--no-gelu"]
    name, config, _ = run(*typed, "--weight", "0.5")
    expected = Sample(
        seed=3, mode="fast", resume=False, force=True, gelu=False, inner=Inner(weight=0.5)
    )
    assert (name, config) == ("me", expected)


def test_lists_repeat_and_split_at_commas_only_where_commas_are_shown() -> None:
    typed = ["--kinds", "x,y", "--kinds", "z", "--checkpoint", "a,b", "--checkpoint", "c"]
    _, config, _ = run(*typed)
    assert (config.kinds, config.checkpoint) == (("x", "y", "z"), ("a,b", "c"))


def test_bounds_hold_at_the_command_line() -> None:
    code, message = refusal("--seed", "-1")
    assert code == 2
    assert "--seed" in message


def test_what_is_typed_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('seed = 5\nmode = "fast"\nkinds = ["q"]\n[inner]\nweight = 2\n')
    _, config, _ = run("--config", str(file), "--seed", "9")
    assert config == Sample(seed=9, mode="fast", kinds=("q",), inner=Inner(weight=2.0))


def test_a_file_may_hold_a_number_where_a_word_may_stand_too(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    for text, value in (("margin = 0.5", "0.5"), ("margin = 2", "2"), ('margin = "auto"', "auto")):
        file.write_text(text)
        assert run("--config", str(file))[1].margin == value
    file.write_text("checkpoint = 2")
    assert "option checkpoint cannot be 2" in refusal("--config", str(file))[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "unknown option in {path} 'sed'. Did you mean 'seed'?"),
        ('seed = "one"', "{path}: option seed cannot be 'one'"),
        ("seed = -1", "{path}: option seed cannot be -1"),
        ("mode = 'quick'", "{path}: option mode cannot be 'quick'"),
        ("seed = ", "{path}: not TOML"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "options.toml"
    file.write_text(text)
    code, shown = refusal("--config", str(file))
    assert code == 2
    assert message.format(path=file) in shown


def test_every_command_can_be_quiet_or_speak_json() -> None:
    assert run("--json")[2].json
    assert run("-q")[2].quiet


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seed", "1000000000001"), "--seed 1000000000001 is out of range. Give 0 to 1e+12."),
        (("--seed", "1" * 400), "--seed " + "1" * 40 + " is out of range."),
        (("--weight", "inf"), "--weight inf is out of range. Give 0 to 1e+12."),
        (("--checkpoint", ""), "--checkpoint is empty. Leave it out for its default."),
        (("--kinds", " "), "--kinds is empty. Leave it out for its default."),
    ],
)
def test_a_value_that_nothing_can_mean_is_refused(arguments: tuple[str, str], message: str) -> None:
    code, shown = refusal(*arguments)
    assert code == 2
    assert message in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 1000000000001", "option seed cannot be 1000000000001"),
        ("weight = nan", "option weight cannot be nan"),
        ('kinds = ""', "--kinds is empty"),
        ('checkpoint = ["a\\u0000b"]', "--checkpoint holds a NUL character"),
        ("seed = " + "1" * 5000, "{path}: not TOML: Exceeds the limit"),
        ("kinds = " + "[" * 5000, "{path}: nested too deeply"),
        ("mode = " + "[" * 200 + "]" * 200, "option mode cannot be [[[["),
        ("seed = 1979-05-27", "option seed cannot be datetime.date"),
    ],
)
def test_a_value_of_a_file_is_held_to_the_same_bounds(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "options.toml"
    file.write_text(text)
    code, shown = refusal("--config", str(file))
    assert code == 2
    assert message.format(path=file) in shown
    assert len(shown) < 400


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/"])
def test_a_file_of_options_is_a_regular_file(path: str) -> None:
    code, shown = refusal("--config", path)
    assert code == 2
    assert shown.startswith(f"Error: {path}: ")


def test_a_pipe_is_no_file_of_options(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code, shown = refusal("--config", str(tmp_path / "pipe"))
    assert (code, shown) == (
        2,
        f"Error: {tmp_path / 'pipe'}: not a regular file. Check the path.\n",
    )


@pytest.mark.parametrize(
    "text", ["3", "2/2", "a/b", "-1/2", "1/0", "²/3", "1/" + "9" * 5000, "0/3 ", "0/٣"]
)
def test_a_shard_is_a_part_of_a_whole(text: str) -> None:
    with pytest.raises(ConfigError, match="is not I/N with I below N"):
        parse_shard(text)


def test_shards_count_from_zero() -> None:
    assert (parse_shard(None), parse_shard("1/4")) == ((0, 1), (1, 4))
