"""Is a file of negatives valid? Each fault made by hand, and found."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import write_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.inspection.negatives import NegativesDetails, inspect_negatives
from ahnpl_cli.inspection.report import FileReport
from ahnpl_cli.inspection.tables import tables
from ahnpl_cli.records import CaptionRecord, Edit, Kind, Negative, Positive, Unit
from ahnpl_cli.reporting.edits import word_edits

WRONG = Negative("object", "a cat", (Edit(2, 5, "dog", "cow"),), "hand")


def negative(
    caption: str, text: str, kind: Kind = "object", score: float | None = None
) -> Negative:
    return Negative(kind, text, word_edits(caption, text), "hand", score=score)


def record(name: str, caption: str, *texts: str, image: str | None = None) -> CaptionRecord:
    made = tuple(negative(caption, text) for text in texts)
    return CaptionRecord(name, image or f"{name}.png", caption, made)


def inspected(path: Path, *records: CaptionRecord) -> FileReport:
    write_records(path / "n.jsonl", records)
    return inspect_negatives(path / "n.jsonl")


def problems(report: FileReport) -> list[str]:
    return [finding.text for finding in report.findings if finding.level == "problem"]


def details_of(report: FileReport) -> NegativesDetails:
    assert isinstance(report.details, NegativesDetails)
    return report.details


def test_a_sound_file_is_called_sound(tmp_path: Path) -> None:
    report = inspected(tmp_path, record("a", "a dog", "a cat"), record("b", "a cat", "a dog"))
    assert (report.what, report.valid, problems(report)) == ("negatives", True, [])
    assert report.facts["captions"] == report.facts["negatives"] == 2


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([record("a", "a dog", "a cat")] * 2, "1 record: duplicate id"),
        ([record("a", "a dog", "A dog.")], "1 negative: equal to its caption"),
        ([record("a", "a dog", "a cat", "a cat")], "1 negative: duplicate of another negative"),
        (
            [
                record("a", "a dog", "a cat", image="x.png"),
                record("b", "a cat", "a cow", image="x.png"),
            ],
            "1 negative: said by another caption of the same image",
        ),
        (
            [CaptionRecord("a", "a.png", "a dog", (WRONG,))],
            "1 negative: edits that do not give the negative",
        ),
    ],
)
def test_each_fault_is_found(tmp_path: Path, records: list[CaptionRecord], problem: str) -> None:
    report = inspected(tmp_path, *records)
    assert not report.valid
    assert problem in problems(report)


def extended(**more: object) -> CaptionRecord:
    values = {"id": "a", "image": "a.png", "caption": "a red dog", **more}
    return CaptionRecord(**values)  # type: ignore[arg-type]


CUT = Edit(2, 6, "red ", "")
RED_TO_BLUE = Edit(2, 5, "red", "blue")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            {"positives": (Positive("caption", "A red dog."),)},
            "1 positive: positive equal to its caption",
        ),
        (
            {
                "positives": (Positive("deletion", "a dog", (CUT,)),),
                "negatives": (negative("a red dog", "a dog"),),
            },
            "1 positive: positive that is a negative too",
        ),
        (
            {"positives": (Positive("deletion", "a cat", (CUT,)),)},
            "1 positive: edits that do not give the positive",
        ),
        (
            {"units": (Unit("entity", "a red dog", "a red dog"),)},
            "1 unit: unit equal to its foil",
        ),
        (
            {"units": (Unit("entity", "a red dog", "a green dog", (RED_TO_BLUE,)),)},
            "1 unit: edits that do not give the foil",
        ),
        (
            {"units": (Unit("entity", "a red dog", "a blue dog", (RED_TO_BLUE,), 1),)},
            "1 unit: unit that is no part of its caption",
        ),
    ],
)
def test_faults_of_positives_and_units_are_found(
    tmp_path: Path, more: dict[str, object], problem: str
) -> None:
    report = inspected(tmp_path, extended(**more))
    assert problems(report) == [problem]


def test_positives_and_units_are_counted_where_there_are_some(tmp_path: Path) -> None:
    unit = Unit("entity", "a red dog", "a blue dog", (RED_TO_BLUE,), 0)
    positive = Positive("deletion", "a dog", (CUT,))
    report = inspected(tmp_path, extended(units=(unit,), positives=(positive,)))
    assert (report.facts["positives"], report.facts["units"], problems(report)) == (1, 1, [])
    assert "units" not in inspected(tmp_path, extended()).facts


def test_coverage_and_length_are_counted_by_kind(tmp_path: Path) -> None:
    first = CaptionRecord(
        "a",
        "a.png",
        "a dog",
        (
            negative("a dog", "a big dog", "attribute", -2.0),
            negative("a dog", "a red dog", "attribute", -4.0),
            negative("a dog", "a cat", "object"),
        ),
    )
    report = inspected(tmp_path, first, record("b", "a cow"))
    attribute, other = details_of(report).kinds
    assert (attribute.kind, attribute.captions, attribute.coverage) == ("attribute", 1, 50.0)
    assert (attribute.negatives, attribute.words_longer, attribute.score) == (2, 1.0, -3.0)
    # Always one word longer: who takes the shorter text is always right.
    assert attribute.blind_length == 100.0
    assert (other.kind, other.blind_length, other.score) == ("object", 50.0, None)


def test_words_that_give_negatives_away_are_noted(tmp_path: Path) -> None:
    records = [record(str(i), "a dog", "a unicorn") for i in range(40)]
    report = inspected(tmp_path, *records)
    (kind,) = details_of(report).kinds
    assert kind.blind_words == 100.0
    expected = "object: a blind model is right on 100.0 % by words alone (50 is chance)"
    assert expected in [finding.text for finding in report.findings if finding.level == "note"]
    assert details_of(report).skewed_words == (("dog", 40, 0), ("unicorn", 0, 40))


def test_swaps_give_nothing_away(tmp_path: Path) -> None:
    texts = ("a dog on a cat", "a cat on a dog")
    records = [
        # Each way as often in either half of the images.
        CaptionRecord(f"{i}{way}", f"{i}.png", texts[way], (negative(texts[way], texts[1 - way]),))
        for i in range(20)
        for way in (0, 1)
    ]
    (kind,) = details_of(inspected(tmp_path, *records)).kinds
    assert (kind.blind_words, kind.blind_length) == (50.0, 50.0)


def test_rejections_come_from_the_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "n.meta.json").write_text(
        json.dumps({"rejected": {"object": {"synonym": 3, "same lemma": 9}}})
    )
    report = inspected(tmp_path, record("a", "a dog", "a cat"))
    expected = (("object", "same lemma", 9), ("object", "synonym", 3))
    assert details_of(report).rejections == expected
    assert "Rejected candidates" in [table.title for table in tables(report)]


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    path.write_text('{"id": "a", "image": "a.png", "caption": "a dog"}\n{"id": "b"}\n')
    with pytest.raises(DataError, match=r"n.jsonl:2: image: missing"):
        inspect_negatives(path)


def test_twenty_examples_are_drawn_with_their_change(tmp_path: Path) -> None:
    report = inspected(tmp_path, *(record(str(i), "a dog", "a cat") for i in range(30)))
    examples = details_of(report).examples
    assert len(examples) == 20
    assert examples[0].others[0].edits == (Edit(2, 5, "dog", "cat"),)


def test_hardness_is_measured_with_and_without_images(
    tmp_path: Path, make_tiny: Callable[..., OpenClipBackbone]
) -> None:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    write_records(
        tmp_path / "n.jsonl", [record("a", "a dog", "a cat"), record("gone", "a cow", "a pig")]
    )
    report = inspect_negatives(tmp_path / "n.jsonl", backbone=make_tiny())
    measured = details_of(report).measured
    assert measured is not None
    (hardness,) = measured.kinds
    assert (hardness.kind, hardness.n, hardness.with_image) == ("object", 2, 1)
    assert hardness.right in (0.0, 100.0)
    assert -1 <= hardness.text_similarity <= 1


def test_similarities_are_shown_by_fifth_of_concreteness(
    tmp_path: Path, make_tiny: Callable[..., OpenClipBackbone]
) -> None:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    ratings = [4.5, None, 1.5, 2.5, 3.5, 5.0, 2.0, 3.0, 4.0, 1.0, 1.2]
    negatives = tuple(
        Negative("object", f"a cat number {place}", concreteness=rating)
        for place, rating in enumerate(ratings)
    )
    write_records(tmp_path / "n.jsonl", [CaptionRecord("0", "a.png", "a dog", negatives)])
    model = make_tiny()
    report = inspect_negatives(tmp_path / "n.jsonl", backbone=model)
    measured = details_of(report).measured
    assert measured is not None
    bounds = [(fifth.low, fifth.high) for fifth in measured.fifths]
    assert bounds == [(1.0, 1.2), (1.5, 2.0), (2.5, 3.0), (3.5, 4.0), (4.5, 5.0)]
    image = encode_images(model, [ImageRef(tmp_path / "a.png")])[0]
    for fifth in measured.fifths:
        own = [n.caption for n in negatives if n.concreteness in (fifth.low, fifth.high)]
        cosines = encode_texts(model, own) @ image
        assert fifth.n == 2
        assert fifth.negative == pytest.approx(float(cosines.mean()), abs=1e-5)
    shown = {table.title: table for table in tables(report)}
    assert shown["Similarity by concreteness"].rows[0][:2] == ("1.00 to 1.20", 2)


def test_negatives_by_hand_need_no_edits(tmp_path: Path) -> None:
    record = {"id": "0", "image": "x", "caption": "a dog on a bed"}
    record["negatives"] = [{"kind": "object", "caption": "a cat on a bed"}]  # type: ignore[assignment]
    (tmp_path / "n.jsonl").write_text(json.dumps(record) + "\n")
    report = inspect_negatives(tmp_path / "n.jsonl")
    assert report.valid
    texts = [finding.text for finding in report.findings]
    assert "1 negative without edits: where the change is, is guessed" in texts
    assert details_of(report).examples[0].others[0].edits == (Edit(2, 5, "dog", "cat"),)


def test_damaged_notes_on_how_they_were_made_are_named(tmp_path: Path) -> None:
    write_records(tmp_path / "n.jsonl", [CaptionRecord("0", "x", "a dog")])
    (tmp_path / "n.meta.json").write_text("{oops")
    with pytest.raises(DataError, match=r"n\.meta\.json: not JSON, .* Delete it, or make"):
        inspect_negatives(tmp_path / "n.jsonl")
