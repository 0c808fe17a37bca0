"""Files are whole or not there, and a refusal says which."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from ahnpl_cli.data.files import atomic_path, database_errors, write_whole


@pytest.mark.parametrize(("content", "bytes_"), [("a\nß", b"a\n\xc3\x9f"), (b"\x00\n", b"\x00\n")])
def test_text_and_bytes_are_written_as_they_are(
    tmp_path: Path, content: str | bytes, bytes_: bytes
) -> None:
    write_whole(tmp_path / "new" / "folder" / "x", content)
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
        write_whole(tmp_path / "file" / "below" / "x", "")
    assert str(caught.value.filename).startswith(str(tmp_path / "file"))


def test_a_database_on_a_full_disk_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.sqlite"
    database = sqlite3.connect(path)
    # A database that may not grow answers as on a full disk.
    database.execute("PRAGMA max_page_count = 2")
    with pytest.raises(OSError, match="No space left") as caught, database_errors(path):
        for name in "abcdef":
            database.execute(f"CREATE TABLE {name}(content TEXT)")
    assert caught.value.filename == str(path)
    with pytest.raises(sqlite3.OperationalError, match="syntax"), database_errors(path):
        database.execute("SELEKT")
    database.close()


def test_a_place_that_may_not_be_written_is_named_and_not_the_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, content: bytes) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(PermissionError) as caught:
        write_whole(tmp_path / "x", "")
    assert caught.value.filename == str(tmp_path / "x")
