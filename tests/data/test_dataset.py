"""Records as arrays, and the negatives that are drawn of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.data.fingerprints import image_problems
from ahnpl_cli.data.tar_shards import resolve_files
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import CaptionRecord, Kind, Negative, Positive, Unit

ROOT = Path("images")
WORDS: dict[str, int] = {}


def tokenize(texts: Sequence[str]) -> torch.Tensor:
    """One number from 1 per word."""
    rows = [[WORDS.setdefault(w, len(WORDS) + 1) for w in text.split()] for text in texts]
    longest = max((len(row) for row in rows), default=0)
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.long)


def make(name: str, image: str, caption: str, *negatives: tuple[Kind, str]) -> CaptionRecord:
    made = tuple(
        Negative(kind, text, (), "test", concreteness=2.0 if kind == "object" else None)
        for kind, text in negatives
    )
    return CaptionRecord(name, image, caption, made)


RECORDS = [
    make("a", "1.png", "a cat", ("object", "a dog"), ("object", "a cow"), ("object", "a pig")),
    make("b", "1.png", "the cat", ("relation", "cat the")),
    make("c", "2.png", "a dog"),
]


def read(records: Sequence[CaptionRecord] = RECORDS, **options: object) -> TrainingSet:
    return TrainingSet(resolve_files(records, ROOT), tokenize, **options)  # type: ignore[arg-type]


def painted(*images: str | None) -> list[CaptionRecord]:
    """Two records; the negatives of the first have these pictures, the second's the first again."""
    kinds: tuple[Kind, ...] = ("relation", "object", "object")
    made = []
    for number, (kind, image) in enumerate(zip(kinds, images, strict=True)):
        made.append(Negative(kind, f"text {number}", image=image))
    again = Negative("object", "text 1", image=images[0])
    return [
        CaptionRecord("a", "1.png", "a cat", tuple(made)),
        CaptionRecord("b", "2.png", "a dog", (again,)),
    ]


def test_negatives_come_with_their_pictures_below_the_folder_of_their_file() -> None:
    records = resolve_files(painted("x.png", None, "z.png"), ROOT, Path("painted"))
    data = TrainingSet(records, tokenize, painted="slots")
    names = [str(picture.path) for picture in data.pictures]
    assert names == ["images/1.png", "painted/x.png", "painted/z.png", "images/2.png"]
    assert data.painted == 3
    seen = set()
    for epoch in range(20):
        draw = data.draw(data.rows, seed=0, epoch=epoch)
        assert draw.valid.tolist() == [[True, True], [False, True]]
        (text,) = texts(data, draw.negative[:1, 1])
        shown = int(draw.painted[0, 1])
        # The candidate without a picture has none in its slot either.
        seen.add((text[-1], shown))
        assert draw.painted[0, 0] == draw.painted[1, 1] == 1
        assert draw.painted[1, 0] == -1
        once = sorted({1, shown} - {-1})
        assert draw.painted_once.tolist() == once
        assert draw.pictures.tolist() == [0, 3, *once]
    words = tokenize(["1 2"])[0].tolist()
    assert seen == {(words[0], -1), (words[1], 2)}


def test_pictures_that_are_not_used_are_not_looked_at() -> None:
    plain, shown = read(painted(None, None, None)), read(painted("x.png", "y.png", "z.png"))
    assert len(shown.pictures) == 2
    assert shown.painted == 0
    assert shown.draw(shown.rows, seed=0, epoch=0).painted.shape == (2, 0)
    assert shown.sha256() == plain.sha256()
    used = read(painted("x.png", "y.png", "z.png"), painted="slots")
    assert used.sha256() != plain.sha256()


def test_a_method_of_painted_pairs_takes_negatives_with_a_picture_only() -> None:
    data = read(painted(None, "y.png", None), painted="required")
    assert data.kinds == ("object",)
    assert data.negatives == {"object": 1}
    draw = data.draw(data.rows, seed=0, epoch=0)
    assert draw.valid.tolist() == [[True], [False]]
    assert draw.painted.tolist() == [[1], [-1]]


def test_a_picture_and_its_negative_can_be_a_pair_of_their_own() -> None:
    data = read(painted("x.png", None, "z.png"), painted="pairs", negatives=False)
    assert data.ids == ["a", "a negative 0", "a negative 2", "b", "b negative 0"]
    assert data.is_painted.tolist() == [False, True, True, False, True]
    draw = data.draw(data.rows, seed=0, epoch=0)
    captions = ["a cat", "text 0", "text 2", "a dog", "text 1"]
    assert [row[-1] for row in texts(data, draw.text)] == [
        tokenize([caption])[0, -1].item() for caption in captions
    ]
    assert draw.picture.tolist() == [0, 1, 2, 3, 1]
    assert draw.pictures.tolist() == draw.picture.tolist()


def test_one_negative_a_pair_is_drawn_among_its_slots() -> None:
    data = read(painted("x.png", "y.png", "z.png"), painted="slots", one_negative=True)
    slots = []
    for epoch in range(40):
        draw = data.draw(data.rows, seed=0, epoch=epoch)
        assert draw.valid.sum(1).tolist() == [1, 1]
        assert ((draw.painted >= 0) == draw.valid).all()
        slots.append(int(draw.valid[0].argmax()))
        # Of the order of work it does not depend.
        alone = data.draw(np.array([0]), seed=0, epoch=epoch)
        assert alone.valid[0].tolist() == draw.valid[0].tolist()
    assert 8 < sum(slots) < 32


def test_a_broken_picture_is_named_and_leaves_the_text_of_its_negative(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "z.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    data = TrainingSet(
        resolve_files(painted("x.png", None, "z.png"), tmp_path), tokenize, painted="slots"
    )
    assert image_problems(data.pictures) == {1: "no such image"}
    assert data.name_of(1) == f"{tmp_path / 'x.png'} (record 'a')"
    assert data.name_of(2) == f"{tmp_path / 'z.png'} (record 'a')"
    data.leave_out([1])
    assert len(data) == 2
    draw = data.draw(data.rows, seed=0, epoch=0)
    assert draw.valid.tolist() == [[True, True], [False, True]]
    assert draw.painted[:, 0].tolist() == [-1, -1]
    assert 1 not in draw.pictures


def texts(data: TrainingSet, rows: np.ndarray) -> list[list[int]]:
    return [r[r != 0].tolist() for r in data.tokens.padded(rows)]


def test_slots_are_the_kinds_that_occur_in_the_order_of_slots() -> None:
    data = read()
    assert data.kinds == ("relation", "object")
    assert data.negatives == {"relation": 1, "object": 3}
    draw = data.draw(data.rows, seed=0, epoch=0)
    assert draw.valid.tolist() == [[False, True], [True, False], [False, False]]
    assert (draw.negative >= 0).tolist() == draw.valid.tolist()


def test_a_draw_gives_captions_negatives_and_ratings_of_the_rows_asked_for() -> None:
    data = read()
    draw = data.draw(np.array([2, 1]), seed=0, epoch=0)
    assert texts(data, draw.text) == tokenize(["a dog", "the cat"]).tolist()
    assert texts(data, draw.negative[1, :1]) == tokenize(["cat the"]).tolist()
    assert np.isnan(draw.concreteness).all()
    assert data.draw(np.array([0]), seed=0, epoch=0).concreteness[0, 1] == 2.0


def test_equal_texts_and_images_are_kept_once() -> None:
    data = read()
    assert len(data.pictures) == 2
    assert data.picture_of.tolist() == [0, 0, 1]
    assert len(data.tokens.lengths) == 6  # "a dog" is both a caption and a negative
    draw = data.draw(data.rows, seed=0, epoch=0)
    dogs = {int(draw.text[2])}
    drawn = {int(data.draw(data.rows, seed=0, epoch=e).negative[0, 1]) for e in range(30)}
    assert dogs < drawn


def test_the_draw_depends_on_seed_epoch_id_and_kind_only() -> None:
    data, reordered = read(), read(RECORDS[::-1])
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        one = data.draw(data.rows, seed=seed, epoch=epoch)
        alone = data.draw(np.array([0]), seed=seed, epoch=epoch)
        other = reordered.draw(np.array([2]), seed=seed, epoch=epoch)
        assert one.negative[0].tolist() == alone.negative[0].tolist()
        assert texts(data, one.negative[0, 1:]) == texts(reordered, other.negative[0, 1:])


def test_every_candidate_is_drawn_about_equally_often() -> None:
    data = read()
    drawn = [int(data.draw(np.array([0]), seed=0, epoch=e).negative[0, 1]) for e in range(300)]
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == 3
    assert counts.min() > 75


def test_a_placeholder_stands_in_empty_slots() -> None:
    data = read(placeholder="###")
    draw = data.draw(data.rows, seed=0, epoch=0)
    empty = draw.negative[~draw.valid]
    assert (empty == data.placeholder).all()
    assert texts(data, empty[:1]) == tokenize(["###"]).tolist()


def test_a_method_without_negatives_keeps_none() -> None:
    data = read(negatives=False)
    assert data.kinds == ()
    assert data.draw(data.rows, seed=0, epoch=0).negative.shape == (3, 0)


def test_no_record_is_an_error() -> None:
    with pytest.raises(DataError) as caught:
        read([])
    assert str(caught.value) == "no caption records to train on. Check --data and --limit."


def test_an_id_that_stands_twice_is_an_error() -> None:
    with pytest.raises(DataError) as caught:
        read([*RECORDS, RECORDS[0]])
    assert str(caught.value) == (
        "--data: id: duplicate 'a'. Ids name records, so each may be used once."
    )


def test_missing_and_broken_images_are_found_by_their_headers(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"not an image")
    records = [*RECORDS, make("d", "3.png", "a pig")]
    data = TrainingSet(resolve_files(records, tmp_path), tokenize)
    assert image_problems(data.pictures) == {
        1: "cannot be decoded (not an image)",
        2: "no such image",
    }
    assert data.name_of(2) == f"{tmp_path / '3.png'} (record 'd')"
    data.leave_out([1, 2])
    assert [data.ids[row] for row in data.rows] == ["a", "b"]
    assert data.pictures[0].load().size == (4, 4)


def test_another_true_text_is_drawn_where_there_is_one() -> None:
    others = tuple(Positive("rewrite", text) for text in ("the one cat", "cat", "a cat"))
    records = [
        CaptionRecord("a", "1.png", "a cat", positives=others),
        CaptionRecord("b", "2.png", "a dog"),
    ]
    data = read(records, positives=True)
    # A wording that is the caption's own is none.
    assert data.further.positives == 2
    seen = set()
    for epoch in range(30):
        draw = data.draw(np.array([1, 0]), seed=0, epoch=epoch)
        assert draw.positive[0, 0] == -1
        (text,) = texts(data, draw.positive[1])
        seen.add(tuple(text))
        alone = data.draw(np.array([0]), seed=0, epoch=epoch)
        assert alone.positive[0, 0] == draw.positive[1, 0]
    assert seen == {tuple(row) for row in texts_of("the one cat", "cat")}
    plain = read(records)
    assert plain.draw(plain.rows, seed=0, epoch=0).positive.shape == (2, 0)
    assert plain.sha256() != data.sha256()


def texts_of(*captions: str) -> list[list[int]]:
    return [tokenize([caption])[0].tolist() for caption in captions]


def test_units_are_drawn_with_their_foils_and_known_of_the_whole_image() -> None:
    made = [Unit("entity", f"thing {i}", f"foil {i}") for i in "1234"]
    same = Unit("entity", "thing 5", "thing 5")
    records = [
        CaptionRecord("a", "1.png", "a cat", units=tuple(made[:3])),
        CaptionRecord("b", "1.png", "the cat", units=(made[3], same)),
        CaptionRecord("c", "2.png", "a dog"),
    ]
    data = read(records, units_drawn=2)
    # A foil that reads like its unit is none.
    assert data.further.units == 4
    seen = set()
    for epoch in range(30):
        draw = data.draw(data.rows, seed=0, epoch=epoch)
        assert (draw.unit >= 0).tolist() == [[True, True], [True, False], [False, False]]
        assert ((draw.foil >= 0) == (draw.unit >= 0)).all()
        for unit, foil in zip(draw.unit[0], draw.foil[0], strict=True):
            assert texts(data, unit[None])[0][1:] == texts(data, foil[None])[0][1:]
        seen.add(frozenset(draw.unit[0].tolist()))
        alone = data.draw(np.array([0]), seed=0, epoch=epoch)
        assert alone.unit[0].tolist() == draw.unit[0].tolist()
    assert sorted(map(len, seen)) == [2, 2, 2]
    expected = sorted(map(tuple, texts_of("thing 1", "thing 2", "thing 3", "thing 4", "thing 5")))
    for row in (0, 1):
        assert sorted(map(tuple, texts(data, draw.said[row]))) == expected
    assert (draw.said[2] == -1).all()
    plain = read(records)
    assert plain.draw(plain.rows, seed=0, epoch=0).unit.shape == (3, 0)
    assert plain.sha256() != data.sha256()


def test_a_longer_false_text_is_known_by_its_kind() -> None:
    data = read([make("a", "1.png", "a cat", ("object", "a dog"), ("addition", "a cat and dog"))])
    assert dict(zip(data.kinds, data.is_longer.tolist(), strict=True)) == {
        "object": False,
        "addition": True,
    }
    assert read(negatives=False).is_longer.dtype == bool


def test_a_joined_pair_is_whole_with_both_of_its_images() -> None:
    records = [make("a", "1.png", "a cat"), make("b", "2.png", "a dog")]
    data = read(records, joined=True)
    # None of the captions has a word to exchange.
    assert (data.kinds, data.negatives) == ((), {})
    joined = data.draw(np.array([0, 1]), seed=0, epoch=0)
    assert joined.pictures.tolist() == [*joined.picture, *joined.beside[:, 0]]
    assert {*joined.picture} | {*joined.beside[:, 0]} == {0, 1}
    assert joined.whole(np.array([0, 1, 2])).tolist() == [0]
    assert joined.whole(np.array([0, 1])).tolist() == []
    plain = data.draw(np.array([0, 1]), seed=0, epoch=0, plain=True)
    assert plain.pictures.tolist() == [0, 1]
