"""A file that grows block by block: what a kill or a full disk leaves of it."""

import contextlib
import gzip
import resource

import pytest

from ahnpl_cli.engines.journal import JOURNAL, PART, Journal

BLOCKS = [["a", "b"], ["c"], ["d", "e", "f"]]


def write(folder, blocks, *, packed=False):
    """Append blocks; return the counts of all that stand there."""
    noted = []
    with Journal(folder, noted.append, packed=packed) as journal:
        for lines in blocks:
            journal.append(lines, {"lines": len(lines)})
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
    with Journal(tmp_path, lambda counts: None) as journal:
        journal.append(lines, {})
        with largest_file(6000), pytest.raises(OSError) as error:
            journal.append(lines, {})
    assert error.value.filename == str(tmp_path / PART)
