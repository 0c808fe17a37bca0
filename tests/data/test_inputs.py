"""Texts tokenised once, and cut into length buckets."""

import itertools
import random

import numpy as np
import open_clip
import torch

from ahnpl_cli.data import inputs
from ahnpl_cli.data.inputs import TokenTable, length_buckets, trim

TEXTS = ["a cat", "a red cube left of a blue ball", "dog", ""]


def tokenize(texts: list[str]) -> torch.Tensor:
    return trim(open_clip.SimpleTokenizer(context_length=77)(list(texts)), 0)


def test_rows_come_back_padded_to_the_longest_of_those_asked_for() -> None:
    table = TokenTable(TEXTS, tokenize)
    for rows in ([0], [2, 0], [3, 1, 2]):
        want = tokenize([TEXTS[row] for row in rows])
        assert torch.equal(table.padded(np.array(rows)), want)


def test_lengths_count_start_and_end() -> None:
    assert TokenTable(TEXTS, tokenize).lengths.tolist() == [4, 10, 3, 2]


def test_texts_are_tokenised_in_chunks(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(inputs, "_CHUNK", 2)
    table = TokenTable(TEXTS, tokenize)
    assert torch.equal(table.padded(np.arange(4)), tokenize(TEXTS))


def test_no_text_is_no_table() -> None:
    assert len(TokenTable([], tokenize).lengths) == 0


def cost(lengths: list[int], ends: list[int], overhead: int) -> int:
    starts = [0, *ends[:-1]]
    return sum((b - a) * lengths[b - 1] + overhead for a, b in zip(starts, ends, strict=True))


def test_buckets_cost_as_little_as_any_cut() -> None:
    chance = random.Random(0)
    for _ in range(100):
        lengths = sorted(chance.choice(range(1, 12)) for _ in range(chance.randint(1, 9)))
        n, made = len(lengths), length_buckets(lengths, overhead=3)
        cuts = ([*inner, n] for k in range(4) for inner in itertools.combinations(range(1, n), k))
        assert len(made) <= 4
        assert cost(lengths, made, 3) == min(cost(lengths, cut, 3) for cut in cuts)


def test_where_starting_a_bucket_is_dear_there_is_one() -> None:
    assert length_buckets([3, 5, 40], overhead=4096) == [3]


def test_no_texts_no_buckets() -> None:
    assert length_buckets([]) == []
