"""Files are whole or not there, and a refusal says which."""

import errno
import gzip
import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from ahnpl_cli import files
from ahnpl_cli.errors import BenchmarkError, ConfigError, DataError
from ahnpl_cli.files import (
    atomic_path,
    disk_errors,
    parse_json,
    read_json,
    read_jsonl,
    read_lines,
    read_object,
    read_text,
    read_toml,
    to_json,
    write_atomic,
    write_json,
)


@pytest.mark.parametrize(("content", "bytes_"), [("a\nß", b"a\n\xc3\x9f"), (b"\x00\n", b"\x00\n")])
def test_text_and_bytes_are_written_as_they_are(
    tmp_path: Path, content: str | bytes, bytes_: bytes
) -> None:
    write_atomic(tmp_path / "new" / "folder" / "x", content)
    assert (tmp_path / "new" / "folder" / "x").read_bytes() == bytes_


def test_nothing_is_in_place_before_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("before")
    with atomic_path(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
        assert temporary.name.startswith(".")
    assert path.read_text() == "after"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("before")
    with pytest.raises(KeyError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_refused_write_names_the_file(tmp_path: Path) -> None:
    # As a full disk answers: write(2) knows no name.
    with pytest.raises(OSError, match="No space left") as caught, atomic_path(tmp_path / "x"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "x")


def test_a_file_where_a_folder_should_be_is_refused_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="directory|exists") as caught:
        write_atomic(tmp_path / "file" / "below" / "x", "")
    assert str(caught.value.filename).startswith(str(tmp_path / "file"))


def test_a_database_on_a_full_disk_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.sqlite"
    database = sqlite3.connect(path)
    # A database that may not grow answers as on a full disk.
    database.execute("PRAGMA max_page_count = 2")
    with pytest.raises(OSError, match="No space left") as caught, disk_errors(path):
        for name in "abcdef":
            database.execute(f"CREATE TABLE {name}(content TEXT)")
    assert caught.value.filename == str(path)
    with pytest.raises(sqlite3.OperationalError, match="syntax"), disk_errors(path):
        database.execute("SELEKT")
    database.close()


def test_a_place_that_may_not_be_written_is_named_and_not_the_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, content: bytes) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(PermissionError) as caught:
        write_atomic(tmp_path / "x", "")
    assert caught.value.filename == str(tmp_path / "x")


def test_a_link_stays_a_link_and_a_mode_stays(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("before")
    real.chmod(0o600)
    (tmp_path / "link").symlink_to(real)
    write_atomic(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert real.read_text() == "after"
    assert real.stat().st_mode & 0o777 == 0o600


def test_a_device_and_a_fifo_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(DataError, match="not a regular file"):
            read_json(path)


BROKEN_JSON = {
    "not JSON, expecting value at column 6": b'{"a":}',
    "at line 2, column 1": b'{"a": 1\n',
    "not UTF-8 at byte 1 (0xff)": b'"\xff"',
    "nested too deeply": b"[" * 100_000,
    "Exceeds the limit": b"1" * 5000,
    "half of a surrogate pair, \\ud800": b'{"a": ["\\ud800"]}',
    "NaN is not a number that JSON knows": b"[NaN]",
}


@pytest.mark.parametrize("what", BROKEN_JSON)
def test_every_way_to_break_json_is_one_clear_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(BROKEN_JSON[what])
    with pytest.raises(BenchmarkError, match=re.escape(what)) as refused:
        read_json(path, error=BenchmarkError, hint="Fetch it again.")
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_a_whole_pair_of_surrogates_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('"\\ud83d\\ude00"')
    assert read_json(path) == "\N{GRINNING FACE}"


def test_constants_are_read_where_they_are_allowed() -> None:
    assert parse_json("[Infinity]", "a", constants=True) == [float("inf")]


def test_jsonl_names_the_line_and_leaves_blank_ones_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('1\n\n{"a": 2}\n\n')
    assert list(read_jsonl(path)) == [(f"{path}:1", 1), (f"{path}:3", {"a": 2})]
    path.write_text("1\n\n{\n")
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}:3: not JSON"):
        list(read_jsonl(path))


def test_a_document_and_a_line_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"1\n" + b" " * 5000))
    with pytest.raises(DataError, match="more than 100 bytes"):
        read_text(path, most=100)
    monkeypatch.setattr(files, "LONGEST_LINE", 100)
    with pytest.raises(DataError, match=r"gz:2: a line of more than"):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("text", "what"),
    [("a = ", "not TOML"), (f"a = {'[' * 50_000}", "nested too deeply"), ("a = \x00", "not TOML")],
)
def test_broken_toml_is_one_error(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=what):
        read_toml(path, error=ConfigError)


def test_an_object_is_asked_for_and_a_byte_order_mark_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_object(path) == {"a": 1}
    path.write_text("[1]")
    with pytest.raises(DataError, match="not a JSON object"):
        read_object(path)


@dataclass
class _Report:
    path: Path
    values: tuple[float, ...]


def test_reports_become_plain_json(tmp_path: Path) -> None:
    report = _Report(Path("a/b"), (1.0, float("nan"), float("inf")))
    assert to_json({"report": report}) == {"report": {"path": "a/b", "values": [1.0, None, None]}}
    write_json(tmp_path / "r.json", report, indent=None, sort_keys=True)
    assert (tmp_path / "r.json").read_text() == '{"path": "a/b", "values": [1.0, null, null]}\n'
