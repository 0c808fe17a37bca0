"""The tables of `ahnpl embed` say what is there and what was left out."""

from dataclasses import replace

from ahnpl_cli.embedding.layout import tables
from ahnpl_cli.records import EmbedReport
from ahnpl_cli.reporting.tables import markdown

REPORT = EmbedReport(
    folder="embeddings",
    model="ahnpl/last",
    dim=512,
    dtype="float32",
    records=10,
    images=2,
    texts=10,
    negatives=0,
    image_negatives=0,
    skipped=(),
    bytes=2_500_000,
    shards=3,
    kept=1,
    seconds=1.25,
)


def test_tensors_that_are_not_there_are_left_out() -> None:
    (table,) = tables(REPORT)
    assert markdown(table) == (
        "**embeddings**\n\n"
        "| tensor | of | rows |\n"
        "| --- | --- | ---: |\n"
        "| image\\_features | distinct images | 2 |\n"
        "| text\\_features | distinct captions | 10 |\n"
        "| records | each with its rows | 10 |\n\n"
        "ahnpl/last, D = 512, float32, 2.5 MB in 3 files, 1 already up to date, 1.2 s.\n"
    )


def test_a_dry_run_says_that_nothing_was_written() -> None:
    assert tables(replace(REPORT, dry_run=True))[0].note.endswith("Nothing was written.")


def test_many_skipped_records_are_counted_and_some_are_named() -> None:
    skipped = tuple((f"r{i}", f"{i}.png", "no such image") for i in range(1234))
    table = tables(replace(REPORT, skipped=skipped))[1]
    assert len(table.rows) == 20
    assert table.note == "1,234 in all; all are in index.json."
