"""A file that grows block by block: what a kill or a full disk leaves of it."""

import contextlib
import gzip
import resource

import pytest

from ahnpl_cli.engines.journal import (
    JOURNAL,
    PART,
    PARTS,
    Journal,
    part_path,
    read_part,
    write_part,
)
from ahnpl_cli.errors import DataError

BLOCKS = [["a", "b"], ["c"], ["d", "e", "f"]]


def write(folder, blocks, *, packed=False):
    """Append blocks; return the counts of all that stand there."""
    noted = []
    with Journal(folder, noted.append) as journal:
        for number, lines in enumerate(blocks):
            path = part_path(folder, number, number + 1)
            journal.append(write_part(path, [lines], {"lines": len(lines)}, packed=packed))
            # Beside the joined file, a job of days would hold all parts once more.
            assert not path.exists()
        assert journal.size == (folder / PART).stat().st_size
    return [counts["lines"] for counts in noted]


def test_blocks_follow_each_other_over_runs(tmp_path):
    assert write(tmp_path, BLOCKS[:1]) == [2]
    assert write(tmp_path, BLOCKS[1:]) == [2, 1, 3]
    assert (tmp_path / PART).read_text() == "a\nb\nc\nd\ne\nf\n"


def test_packed_blocks_are_one_gzip_file(tmp_path):
    write(tmp_path, BLOCKS, packed=True)
    assert gzip.decompress((tmp_path / PART).read_bytes()) == b"a\nb\nc\nd\ne\nf\n"


@pytest.mark.parametrize(
    ("name", "damage", "complete"),
    [
        (PART, lambda content: content + b"half a l", [2, 1]),
        (PART, lambda content: content[:-1], [2]),
        (PART, lambda content: b"", []),
        (JOURNAL, lambda content: content[:-3], [2]),
        (JOURNAL, lambda content: content[:-3] + b"\n", [2]),
        (JOURNAL, lambda content: b"", []),
    ],
)
def test_what_is_half_there_is_cut_off(tmp_path, name, damage, complete):
    write(tmp_path, BLOCKS[:2])
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    assert write(tmp_path, BLOCKS[len(complete) :]) == [*complete, *[2, 1, 3][len(complete) :]]
    assert (tmp_path / PART).read_text() == "a\nb\nc\nd\ne\nf\n"


@contextlib.contextmanager
def largest_file(size):
    """No file may grow beyond a size, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_failed_write_names_the_file(tmp_path):
    lines = ["x" * 5000]
    path = part_path(tmp_path, 0, 1)
    with Journal(tmp_path, lambda counts: None) as journal:
        journal.append(write_part(path, [lines], {}))
        part = write_part(path, [lines], {})
        with largest_file(6000), pytest.raises(OSError) as error:
            journal.append(part)
        with largest_file(4000), pytest.raises(OSError) as of_part:
            write_part(part_path(tmp_path, 1, 2), [lines], {})
    assert error.value.filename == str(tmp_path / PART)
    assert of_part.value.filename == str(part_path(tmp_path, 1, 2))


def test_a_part_is_there_whole_or_not_at_all(tmp_path):
    path = part_path(tmp_path, 3, 5)
    assert read_part(path) is None
    written = write_part(path, [["a", "b"], ["c"]], {"lines": 3})
    assert read_part(path) == (written, b"a\nb\nc\n")
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert read_part(path) is None
    with (
        pytest.raises(DataError, match="a damaged part of the work"),
        Journal(tmp_path, lambda counts: None) as journal,
    ):
        journal.append(written)


def test_parts_wait_for_a_run_that_continues_and_are_swept_by_one_that_ends(tmp_path):
    left = write_part(part_path(tmp_path, 7, 9), [["x"]], {})
    with contextlib.suppress(KeyError), Journal(tmp_path, lambda counts: None):
        raise KeyError
    assert left.path.exists()
    write(tmp_path, BLOCKS)
    assert not (tmp_path / PARTS).exists()
