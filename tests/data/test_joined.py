"""Pairs made of two: which texts are true, which word is exchanged, and the image."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from ahnpl_cli.data.inputs import trim
from ahnpl_cli.data.joined import Joiner, side_by_side
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.records import CaptionRecord, Edit, Negative

WORDS: dict[str, int] = {}


def tokenize(texts: Sequence[str]) -> torch.Tensor:
    """One number from 1 per word, ten at most."""
    rows = [[WORDS.setdefault(w, len(WORDS) + 1) for w in text.split()][:10] for text in texts]
    return torch.tensor([row + [0] * (10 - len(row)) for row in rows], dtype=torch.long)


def read_back(tokens: torch.Tensor) -> str:
    names = {number: word for word, number in WORDS.items()}
    return " ".join(names[int(number)] for number in tokens if number)


def record(name: str, image: str, caption: str, **words: str) -> CaptionRecord:
    """A caption whose words of some kinds have a negative each."""
    negatives = []
    for kind, word in words.items():
        start = caption.index(word)
        edit = Edit(start, start + len(word), word, "x")
        text = caption.replace(word, "x", 1)
        negatives.append(Negative(kind, text, (edit,)))
    return CaptionRecord(name, image, caption, tuple(negatives))


RECORDS = [
    record("a", "1", "a red cube", attribute="red", object="cube"),
    record("b", "2", "one blue ring.", attribute="blue", object="ring"),
    record("c", "1", "the cube"),
]
PICTURES = np.array([0, 1, 0])


@pytest.fixture
def joiner() -> Joiner:
    made = Joiner(tokenize, 0)
    for one in RECORDS:
        made.add(one)
    made.settle(PICTURES)
    return made


def drawn(joiner: Joiner, rows: list[int], epoch: int) -> list[dict[str, object]]:
    ids = [one.id for one in RECORDS]
    used = np.arange(len(RECORDS))
    draw = joiner.draw(np.array(rows), used, ids, seed=0, epoch=epoch)
    pairs = []
    for i in range(len(rows)):
        texts = [int(draw.text[i]), *draw.positive[i].tolist(), *draw.negative[i].tolist()]
        shown = []
        for text in texts:
            tokens = draw.tokens.padded(np.array([text])) if text >= 0 else None
            shown.append("" if tokens is None else read_back(trim(tokens, 0)[0]))
        pairs.append({"texts": shown, "images": (int(draw.left[i]), int(draw.right[i]))})
    return pairs


def test_both_captions_are_true_and_a_word_of_one_kind_is_exchanged(joiner: Joiner) -> None:
    false, images, further = set(), set(), set()
    for epoch in range(60):
        (pair,) = drawn(joiner, [0], epoch)
        caption, turned, *others, negative = pair["texts"]
        assert (caption, turned) == ("a red cube. one blue ring.", "one blue ring. a red cube.")
        false.add(negative)
        images.add(pair["images"])
        further.update(others)
    # A color for a color, or a thing for a thing, in either order.
    assert false == {
        "a blue cube. one red ring.",
        "one red ring. a blue cube.",
        "a red ring. one blue cube.",
        "one blue cube. a red ring.",
    }
    assert images == {(0, 1), (1, 0)}
    # The first image has another caption; joined with itself the second adds nothing.
    assert further == {"", "the cube. one blue ring.", "one blue ring. the cube."}


def test_a_pair_without_a_word_has_no_negative_and_still_its_texts(joiner: Joiner) -> None:
    (pair,) = drawn(joiner, [2], 0)
    assert pair["texts"][:2] == ["the cube. one blue ring.", "one blue ring. the cube."]
    assert pair["texts"][-1] == ""
    assert joiner.pairs_with_words == 2


def test_words_that_both_captions_have_are_not_exchanged() -> None:
    made = Joiner(tokenize, 0)
    made.add(record("a", "1", "a red cube", attribute="red"))
    made.add(record("b", "2", "a blue ring on a Red mat", attribute="blue"))
    made.settle(np.array([0, 1]))
    draw = made.draw(np.array([0]), np.arange(2), ["a", "b"], seed=0, epoch=0)
    assert draw.negative.tolist() == [[-1]]


def test_a_draw_depends_on_nothing_but_seed_epoch_and_id(joiner: Joiner) -> None:
    for epoch in range(5):
        assert drawn(joiner, [2, 0, 1], epoch)[1] == drawn(joiner, [0], epoch)[0]


def test_an_exchange_behind_the_end_of_the_context_is_none() -> None:
    made = Joiner(tokenize, 0)
    long = "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 red"
    made.add(record("a", "1", long, attribute="red"))
    made.add(record("b", "2", "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 blue", attribute="blue"))
    made.settle(np.array([0, 1]))
    draw = made.draw(np.array([0]), np.arange(2), ["a", "b"], seed=0, epoch=0)
    assert draw.negative.tolist() == [[-1]]


@pytest.mark.parametrize("width", [4, 5])
def test_images_stand_side_by_side_at_half_their_width(width: int) -> None:
    left = torch.arange(float(width)).expand(1, 1, 3, width)
    right = 10 + left
    # The second pair has lost an image.
    loaded = Loaded(torch.cat([left, left, right]), torch.tensor([0, 1, 2]), {3: "broken"})
    joined = side_by_side(loaded, 2)
    assert joined.kept.tolist() == [0]
    assert joined.pixels.shape == (1, 1, 3, width)
    row = joined.pixels[0, 0, 0].tolist()
    if width == 4:
        assert row == [0.5, 2.5, 10.5, 12.5]
    assert row == sorted(row) and row[-3] < 5 < 10 < row[-2]
