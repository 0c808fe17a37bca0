"""Two pairs made one: images side by side, captions joined, a word exchanged across (CLIC).

Peleg et al. 2025 take a word of each caption of the same part of speech. Here the edits of the
records' negatives say which words are of one kind, so that training parses nothing: "a red cube"
and "a blue ring" exchange their colors, since each has a negative of the kind attribute there.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from ahnpl_cli.data.draw import Ints
from ahnpl_cli.data.inputs import Tokenize, TokenTable
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.records import CaptionRecord, Edit, apply_edits
from ahnpl_cli.stable_hash import stable_rng

EXCHANGE = "swap"  # the kind that a negative with exchanged words counts as
TRIED = 10  # partners, until one has a word to exchange
FURTHER = 2  # true texts beside the two orders of the captions, as in CLIC's code
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class JoinedDraw:
    """Some pairs, each joined with another one.

    Attributes:
        left: image on the left (N,).
        right: image on the right (N,).
        tokens: of all their texts.
        text: both captions, as a row of the tokens (N,).
        positive: the same in the other order, then other captions of both images (N, P); -1 where
            the images have none.
        negative: the captions with a word exchanged (N, 1); -1 where none fits.
    """

    left: Ints
    right: Ints
    tokens: TokenTable
    text: Ints
    positive: Ints
    negative: Ints


class _Joined(NamedTuple):
    """One pair joined with another: left and right image, true texts, and a false one."""

    images: list[int]
    caption: str
    positives: list[str | None]
    negative: str | None


class Joiner:
    """Captions with the words that may be exchanged, and what a step draws of them."""

    def __init__(self, tokenize: Tokenize, pad_id: int) -> None:
        """Begin without any.

        Args:
            tokenize: returns ids (N, L), padded at the end.
            pad_id: the id that they are padded with.
        """
        self._tokenize, self._pad_id = tokenize, pad_id
        self._captions: list[str] = []
        self._words: list[list[tuple[str, int, int]]] = []

    @property
    def pairs_with_words(self) -> int:
        """How many captions have a word to exchange."""
        return sum(1 for words in self._words if words)

    def add(self, record: CaptionRecord) -> None:
        """Take the caption of the next row, and the words that its negatives change."""
        words: dict[tuple[str, int, int], None] = {}
        for negative in record.negatives:
            if len(negative.edits) == 1 and negative.edits[0].old.isalpha():
                edit = negative.edits[0]
                words[negative.kind, edit.start, edit.end] = None
        self._captions.append(record.caption)
        self._words.append(list(words))

    def settle(self, picture_of: Ints) -> None:
        """Take each row's image, once all rows are there."""
        self._picture_of = picture_of
        self._rows_of: dict[int, list[int]] = defaultdict(list)
        for row, picture in enumerate(picture_of.tolist()):
            self._rows_of[picture].append(row)

    def columns(self) -> list[Ints]:
        """Return what a hash of the data has to cover beside the captions."""
        places = [(start, end) for words in self._words for _, start, end in words]
        return [np.array(places, np.int64), np.array([len(words) for words in self._words])]

    def draw(
        self, rows: Ints, used: Ints, ids: Sequence[str], *, seed: int, epoch: int
    ) -> JoinedDraw:
        """Join each of some pairs with another one, by a hash of its id.

        Args:
            rows: numbers of N pairs.
            used: numbers of all pairs that may be a partner.
            ids: of all pairs.
            seed: of the run.
            epoch: number of the pass, from 0.
        """
        joined = []
        for row in rows.tolist():
            rng = stable_rng(seed, epoch, ids[row], "joined")
            joined.append(self._join(row, used, rng))
        numbers: dict[str, int] = {}

        def number(text: str | None) -> int:
            # -1 stands for no text.
            return -1 if text is None else numbers.setdefault(text, len(numbers))

        text = np.array([number(pair.caption) for pair in joined], np.int64)
        negative = np.array([[number(pair.negative)] for pair in joined], np.int64)
        positive = np.full((len(rows), 1 + FURTHER), -1, np.int64)
        for place, pair in enumerate(joined):
            positive[place] = [number(further) for further in pair.positives]
        tokens = TokenTable(list(numbers), self._tokenize, pad_id=self._pad_id)
        # An exchange behind the end of the context is none for the model.
        same = tokens.hashes[negative[:, 0]] == tokens.hashes[text]
        negative[same] = -1
        left, right = np.array([pair.images for pair in joined], np.int64).T
        return JoinedDraw(left, right, tokens, text, positive, negative)

    def _join(self, row: int, used: Ints, rng: random.Random) -> _Joined:
        """Return a pair joined with a partner drawn for it."""
        partner, exchanges = self._partner(row, used, rng)
        images = [int(self._picture_of[each]) for each in (row, partner)]
        own, other = self._captions[row], self._captions[partner]
        positives: list[str | None] = [_text(other, own)]
        for _ in range(FURTHER):
            said = [self._captions[rng.choice(self._rows_of[image])] for image in images]
            rng.shuffle(said)
            # The two captions are there already, in both orders.
            is_new = sorted(said) != sorted((own, other))
            positives.append(_text(*said) if is_new else None)
        negative = None
        if exchanges:
            false = list(rng.choice(exchanges))
            rng.shuffle(false)
            negative = _text(*false)
        # Which image comes first says nothing about the captions.
        rng.shuffle(images)
        return _Joined(images, _text(own, other), positives, negative)

    def _partner(
        self, row: int, used: Ints, rng: random.Random
    ) -> tuple[int, list[tuple[str, str]]]:
        """Return a pair of another image, and what can be exchanged with it."""
        partner = row
        for _ in range(TRIED):
            candidate = int(used[rng.randrange(len(used))])
            if self._picture_of[candidate] == self._picture_of[row]:
                continue
            partner = candidate
            exchanges = list(self._exchanges(row, candidate))
            if exchanges:
                return partner, exchanges
        # True texts teach without a negative too.
        return partner, []

    def _exchanges(self, row: int, partner: int) -> Iterator[tuple[str, str]]:
        """Yield both captions with a word of one kind exchanged, in every way that is false."""
        own, other = self._captions[row], self._captions[partner]
        own_words = set(_WORD.findall(own.lower()))
        other_words = set(_WORD.findall(other.lower()))
        for kind, start, end in self._words[row]:
            for other_kind, other_start, other_end in self._words[partner]:
                word, other_word = own[start:end], other[other_start:other_end]
                # A word that both captions have would stay true where it goes.
                shared = word.lower() in other_words or other_word.lower() in own_words
                if kind == other_kind and not shared:
                    yield (
                        apply_edits(own, (Edit(start, end, word, other_word),)),
                        apply_edits(other, (Edit(other_start, other_end, other_word, word),)),
                    )


def _text(first: str, second: str) -> str:
    """Return two captions as two sentences, as CLIC's code joins them."""
    sentences = []
    for caption in (first, second):
        text = caption.rstrip()
        sentences.append(text if text.endswith(".") else f"{text}.")
    return " ".join(sentences)


def side_by_side(loaded: Loaded, pairs: int) -> Loaded:
    """Make one image of two: each at half its width, the second right of the first.

    CLIC's code halves width or height, whichever is larger, of the images as they are; here they
    are squares already, as the model takes them, and halved in width.

    Args:
        loaded: the left images of N pairs, then their right ones.
        pairs: N.
    """
    place_of = {place: position for position, place in enumerate(loaded.kept.tolist())}
    whole = [p for p in range(pairs) if p in place_of and pairs + p in place_of]
    pixels = loaded.pixels
    # Checked when the run was built: other models take patches, which have no sides.
    assert isinstance(pixels, torch.Tensor)
    width = pixels.shape[-1]
    halves = []
    for first, columns in ((0, width - width // 2), (pairs, width // 2)):
        images = pixels[[place_of[first + p] for p in whole]]
        shape = (pixels.shape[-2], columns)
        halves.append(torch.nn.functional.interpolate(images, shape, mode="area"))
    return Loaded(torch.cat(halves, dim=-1), torch.tensor(whole), loaded.problems)
