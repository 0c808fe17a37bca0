from ahnpl_cli.negatives.result_tables import tables
from ahnpl_cli.records import CaptionRecord, Edit, Negative, NegativesReport
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.tables import Span

EDITS = (Edit(0, 1, "A", "An"), Edit(2, 5, "dog", "elephant"))
RECORD = CaptionRecord(
    "1",
    "a.jpg",
    "A dog runs.",
    (Negative("object", "An elephant runs.", EDITS, "corpus", 1.5),),
)


def report(**changes):
    values = {
        "output": "n.jsonl",
        "captions": 2,
        "negatives": {"relation": 0, "object": 1},
        "rejected": {"object": {"synonym": 3, "negated": 1}, "relation": {"negated": 2}},
        "filler": "corpus, as requested",
        "tagger": "en==1",
        "skipped": 0,
        "skipped_list": (),
        "options": {},
        "key": "k",
        "input_sha256": "s",
        "bytes": 9,
        "versions": {},
        "seconds": 0.5,
        "captions_per_second": 4.0,
        "examples": (RECORD,),
    }
    return NegativesReport(**(values | changes))


def test_changes_are_marked():
    assert changed(RECORD.caption, EDITS) == (
        Span("A", "old"),
        Span("An", "new"),
        Span(" "),
        Span("dog", "old"),
        Span("elephant", "new"),
        Span(" runs."),
    )


def test_kinds_and_reasons_are_counted():
    examples, reasons, kinds = tables(report())
    assert examples.rows[0][0] == "object"
    assert [row[:2] for row in reasons.rows] == [("synonym", 3), ("negated", 3)]
    assert kinds.rows == (("relation", 0, 0.0, 2), ("object", 1, 0.5, 4), ("all", 1, 0.5, 6))
    assert "2 captions in 0.5 s, 4 a second." in kinds.note


def test_skipped_records_are_listed():
    made = tables(report(skipped=1, skipped_list=("c.jsonl:3: caption: missing",)))
    assert made[0].rows == (("c.jsonl:3: caption: missing",),)
    assert "1 broken records skipped." in made[-1].note


def test_a_dry_run_says_so():
    assert tables(report(dry_run=True))[-1].note.startswith("Dry run, nothing was written; of the")
