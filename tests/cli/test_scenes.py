"""The world is written where the user says, in either way of saying it."""

from pathlib import Path

from typer.testing import CliRunner

from ahnpl_cli.cli.app import app

SMALL = ["--train", "2", "--test", "0", "--workers", "1", "-q"]


def test_argument_and_option_name_the_same_folder(tmp_path: Path) -> None:
    for words in ([str(tmp_path / "a")], ["--out", str(tmp_path / "b")]):
        result = CliRunner().invoke(app, ["scenes", *words, *SMALL])
        assert result.exit_code == 0, result.stderr
    loud = CliRunner().invoke(app, ["scenes", str(tmp_path / "a"), *SMALL[:-1], "--force"])
    assert f"Next: ahnpl negatives {tmp_path / 'a' / 'captions.jsonl'}" in loud.stderr
    files = [(tmp_path / name / "captions.jsonl").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_two_folders_are_one_too_many(tmp_path: Path) -> None:
    words = ["scenes", str(tmp_path / "a"), "-o", str(tmp_path / "b"), *SMALL]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stderr == ("Error: the folder is named twice. Give OUT or --output, not both.\n")
