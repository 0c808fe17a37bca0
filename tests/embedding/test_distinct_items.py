"""Distinct items are numbered in order, and memory does not grow with the input."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.config import EmbedConfig
from ahnpl_cli.embedding.distinct_items import DistinctItems, RecordRows
from ahnpl_cli.embedding.shards import blocks
from ahnpl_cli.embedding.sources import open_source, read_source
from ahnpl_cli.records import CaptionRecord, Edit, Negative


def records(count: int) -> Iterator[CaptionRecord]:
    for i in range(count):
        negative = Negative("object", f"negative {i}", (Edit(0, 1, "a", "b"),), "swap")
        yield CaptionRecord(str(i), f"{i // 5}.png", f"caption {i}", (negative,))


def peak(path: Path, count: int) -> int:
    """Most bytes of Python objects at once while `count` records are taken in and read back."""
    tracemalloc.start()
    distinct = DistinctItems(path)
    distinct.add_all(records(count))
    total = sum(len(block) for block in blocks(distinct.records(), 100))
    distinct.close()
    assert total == 0  # Their images were never found.
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size


def test_memory_is_flat_in_the_input(tmp_path: Path) -> None:
    peak(tmp_path / "warm", 10)
    assert peak(tmp_path / "large", 5000) < 1.5 * peak(tmp_path / "small", 500) + 100_000


def test_items_are_numbered_in_order_of_first_sight(tmp_path: Path) -> None:
    distinct = DistinctItems(tmp_path / "distinct")
    distinct.add_all(
        CaptionRecord(str(i), "", caption) for i, caption in enumerate(["b", "a", "b", "c"])
    )
    assert [item.content for item in distinct.items("text", 0, 2)] == ["b", "a"]
    assert [item.content for item in distinct.items("text", 2, 4)] == ["c"]
    assert [(row.image, row.text) for row in distinct.records()] == [
        (-1, 0),
        (-1, 1),
        (-1, 0),
        (-1, 2),
    ]
    distinct.close()


def test_a_block_is_bounded_by_its_records_and_by_its_negatives() -> None:
    rows = [
        RecordRows(str(i), 0, 0, [0] * count, [0] * count)
        for i, count in enumerate([3, 3, 1, 0, 9])
    ]
    found = [[row.id for row in block] for block in blocks(iter(rows), 4)]
    # 3 + 3 is more than 4; 3 + 1 + 0 is not; 9 alone cannot be parted.
    assert found == [["0"], ["1", "2", "3"], ["4"]]


def test_images_come_in_the_order_of_their_folders_and_names(tmp_path: Path) -> None:
    names = [f"{a}/{b}.png" for a in "qwertzuiop" for b in "yx"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source = open_source([tmp_path], EmbedConfig())
    records = read_source(source, tmp_path / "extracted")
    assert [record.id for record in records] == sorted(names)
