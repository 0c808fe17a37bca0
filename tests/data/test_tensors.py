"""Files of tensors are whole, repeatable, and readable by anyone."""

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ahnpl_cli.data import tensors
from ahnpl_cli.data.tensors import (
    open_tensors,
    read_metadata,
    write_tensors,
)
from ahnpl_cli.errors import DataError

ARRAYS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1, 2], dtype=np.int64)}


def test_what_is_written_is_read_by_us_and_by_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.safetensors"
    write_tensors(path, ARRAYS, {"model": "m", "n": 2})
    with open_tensors(path) as reader:
        ours = {name: reader.get_tensor(name) for name in reader.keys()}  # noqa: SIM118
    for found in (ours, load_file(path)):
        assert found.keys() == ARRAYS.keys()
        assert all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)
    assert read_metadata(path) == {"model": "m", "n": 2}


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    metadata = {str(i): i for i in range(20)}
    for i in range(5):
        write_tensors(tmp_path / f"{i}", ARRAYS, dict(reversed(metadata.items())))
        write_tensors(tmp_path / "x", ARRAYS, metadata)
        assert (tmp_path / f"{i}").read_bytes() == (tmp_path / "x").read_bytes()


def test_arrays_that_are_views_are_written_as_they_look(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x", {"t": ARRAYS["b"].T})
    assert np.array_equal(load_file(tmp_path / "x")["t"], ARRAYS["b"].T)


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    write_tensors(path, ARRAYS)
    before = path.read_bytes()

    def half(content: object, filename: Path, metadata: object) -> None:
        filename.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensors, "save_file", half)
    with pytest.raises(OSError, match="No space"):
        write_tensors(path, ARRAYS)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_file_may_be_read_by_those_who_may_read_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_tensors(tmp_path / "x", ARRAYS)
    assert os.stat(tmp_path / "x").st_mode == os.stat(tmp_path / "plain").st_mode


def test_a_file_of_others_has_no_metadata_of_ours(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(ARRAYS, tmp_path / "x", metadata={"format": "pt"})
    assert read_metadata(tmp_path / "x") == {}


def test_a_file_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(DataError, match="x: no such file$"), open_tensors(path):
        pass
    path.write_bytes(b"{}")
    with pytest.raises(DataError) as caught:
        read_metadata(path)
    assert str(caught.value).startswith(f"{path}: not a safetensors file (")
    assert str(caught.value).endswith("Delete it and run the command that wrote it again.")


def test_a_full_disk_is_the_system_s_error_with_the_file_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: object, filename: Path, metadata: object) -> None:
        # As safetensors 0.8 puts it.
        text = "Error while serializing: I/O error: No space left on device (os error 28)"
        raise SafetensorError(text)

    monkeypatch.setattr(tensors, "save_file", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_tensors(tmp_path / "x", ARRAYS)
    assert (caught.value.errno, caught.value.filename) == (28, str(tmp_path / "x"))
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_safetensors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError, match="something else"), tensors.disk_errors(tmp_path):
        raise SafetensorError("something else")
