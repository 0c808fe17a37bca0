"""Which examples are shown, and how a user's captions are compared."""

from pathlib import Path

import pytest

from ahnpl_cli.inspection.examples import (
    RecordSample,
    bundled_examples,
    draw_examples,
    draw_key,
    given_example,
)
from ahnpl_cli.records import CaptionRecord, Negative, apply_edits


def test_the_first_caption_of_a_user_is_the_true_one() -> None:
    example = given_example(Path("pets/rex.jpg"), ["a dog", "a cat", "a cow"])
    assert (example.id, example.caption) == ("rex.jpg", "a dog")
    assert [(o.caption, o.kind) for o in example.others] == [("a cat", "given"), ("a cow", "given")]


def test_bundled_examples_are_whole() -> None:
    examples = bundled_examples(10)
    assert len(examples) == 4
    for example in examples:
        assert Path(example.image).is_file()
        (other,) = example.others
        assert apply_edits(example.caption, other.edits) == other.caption


def record(number: int, image: str, kinds: tuple[str, ...] = ("relation",)) -> CaptionRecord:
    negatives = tuple(Negative(kind, "a cat", (), "hand") for kind in kinds)  # type: ignore[arg-type]
    return CaptionRecord(str(number), image, "a dog", negatives)


def test_drawn_examples_have_distinct_images_that_exist(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    records = [record(i, name) for i, name in enumerate(["a.jpg", "a.jpg", "gone.jpg", "b.jpg"])]
    drawn = draw_examples(records, tmp_path, 5, seed=0)
    assert sorted(Path(example.image).name for example in drawn) == ["a.jpg", "b.jpg"]


def test_the_draw_depends_on_the_seed_and_not_on_the_order(tmp_path: Path) -> None:
    records = [record(i, f"{i}.jpg") for i in range(50)]
    first, turned, other = (
        [e.id for e in draw_examples(r, tmp_path, 5, seed=s, need_images=False)]
        for r, s in ((records, 0), (records[::-1], 0), (records, 1))
    )
    assert first == turned
    assert first != other


def test_examples_in_turn_show_different_kinds(tmp_path: Path) -> None:
    records = [record(i, f"{i}.jpg", ("relation", "attribute")) for i in range(4)]
    drawn = draw_examples(records, tmp_path, 4, seed=0, need_images=False)
    assert [example.others[0].kind for example in drawn] == [
        "attribute",
        "relation",
        "attribute",
        "relation",
    ]


@pytest.mark.parametrize("count", [1, 5, 100])
def test_a_draw_from_a_stream_is_that_of_the_whole(count: int) -> None:
    records = [CaptionRecord(str(i), "x.png", "t") for i in range(40)]
    draw = RecordSample(count, seed=3)
    for record in records:
        draw.add(record)
    assert draw.records() == sorted(records, key=lambda r: draw_key(3, r))[:count]
