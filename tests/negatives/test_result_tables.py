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
    assert [row[:3] for row in kinds.rows] == [
        ("relation", 0, 0.0),
        ("object", 1, 0.5),
        ("all", 1, 0.5),
    ]
    assert "2 captions in 0.5 s, 4 a second." in kinds.note


def test_what_the_words_give_away_and_what_was_lost_are_said():
    lost = {"object": {"negated": 1, "synonym": 1200, "duplicate": 2, "agreement": 3}}
    made = report(
        blind={"object": 61.5, "relation": None}, plausibility={"object": -1.25}, lost=lost
    )
    *_, lost_by_kind, kinds = tables(made)
    assert kinds.rows[0][3:] == (None, None) and kinds.rows[1][3:] == (61.5, -1.25)
    assert lost_by_kind.rows == (("object", 1206, "synonym 1,200, agreement 3, duplicate 2"),)


def test_positives_and_units_are_counted():
    extra = tables(report(positives={"deletion": 1}, units={"entity": 3}))[-2]
    assert extra.rows == (("positive", "deletion", 1, 0.5), ("unit", "entity", 3, 1.5))


def test_that_a_file_of_answers_decides_the_bytes_is_said():
    made = report(language_model="tiny", answers="n.answers.sqlite", statistics="all captions")
    note = tables(made)[-1].note
    assert "Language model: tiny; its answers, in n.answers.sqlite, decide the output." in note
    assert "Statistics: of all captions." in note


def test_skipped_records_are_listed():
    made = tables(report(skipped=1, skipped_list=("c.jsonl:3: caption: missing",)))
    assert made[0].rows == (("c.jsonl:3: caption: missing",),)
    assert "1 broken records skipped." in made[-1].note


def test_a_dry_run_says_so():
    assert tables(report(dry_run=True))[-1].note.startswith("Dry run, nothing was written; of the")
