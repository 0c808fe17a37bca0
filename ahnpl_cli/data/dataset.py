"""Caption records as arrays: what a training step draws its batch from.

Texts are tokenised once, each distinct one kept once. A record's negatives of one kind are its
candidates for that slot; one is drawn per epoch by a hash of (seed, epoch, record id, kind), so
that neither batch size nor worker count nor a resume changes the draw. A negative may have a
picture of its own, painted by `ahnpl images`; those are images like the others.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.draw import NONE, Draw, FurtherTexts, Ints
from ahnpl_cli.data.inputs import Tokenize, TokenTable
from ahnpl_cli.data.joined import EXCHANGE, Joiner
from ahnpl_cli.data.jsonl import duplicate_id
from ahnpl_cli.data.tar_shards import Picture, PlacedRecord, TarMember
from ahnpl_cli.errors import DataError
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, LONGER, Kind, Negative, PaintedUse
from ahnpl_cli.stable_hash import stable_hash, stable_rng

logger = logging.getLogger(__name__)


class _Columns(NamedTuple):
    """Negatives in columns: the numbers of their row, kind, text and picture, and their rating."""

    row: Ints
    kind: Ints
    text: Ints
    picture: Ints
    rating: NDArray[np.float32]

    def take(self, places: NDArray[Any]) -> _Columns:
        """Return some of the negatives, or all in another order."""
        return _Columns(*(column[places] for column in self))


class _Candidates:
    """Negatives as they are read."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.kinds: list[int] = []
        self.texts: list[int] = []
        self.pictures: list[int] = []
        self.ratings: list[float] = []

    def add(self, row: int, negative: Negative, text: int, picture: int) -> None:
        """Add a negative of a row, with the numbers of its text and of its picture."""
        self.rows.append(row)
        self.kinds.append(KINDS.index(negative.kind))
        self.texts.append(text)
        self.pictures.append(picture)
        rating = negative.concreteness
        self.ratings.append(math.nan if rating is None else rating)

    def columns(self) -> _Columns:
        """Return all that were added."""
        numbers = (self.rows, self.kinds, self.texts, self.pictures)
        row, kind, text, picture = (np.array(column, np.int64) for column in numbers)
        return _Columns(row, kind, text, picture, np.array(self.ratings, np.float32))


class TrainingSet:
    """N image-caption pairs with their negatives, in memory without padding.

    Attributes:
        ids: record ids.
        kinds: kinds of negatives that occur, in slot order; K is their number.
        is_longer: which of them say all that the caption does, and a false detail more (K,), bool.
        pictures: the distinct images.
        picture_of: each pair's image, as an index into `pictures` (N,).
        tokens: token ids of the distinct texts.
        placeholder: row of the placeholder text in `tokens`; -1 without one.
        negatives: how many negatives there are by kind.
        same_tokens: negatives left out because the model reads them as it reads their caption,
            such as those changed behind the end of the context.
        painted: how many pictures of negatives are used.
        is_painted: which pairs are a negative with its picture (N,), bool.
        further: other true texts, and units.
        rows: numbers of the pairs that are used.
    """

    def __init__(
        self,
        records: Iterable[PlacedRecord],
        tokenize: Tokenize,
        *,
        pad_id: int = 0,
        negatives: bool = True,
        painted: PaintedUse = "none",
        one_negative: bool = False,
        positives: bool = False,
        units_drawn: int = 0,
        joined: bool = False,
        placeholder: str | None = None,
        track: Track = silent,
    ) -> None:
        """Read all records.

        Args:
            records: captions with the place of their images and of their negatives' pictures.
            tokenize: returns ids (N, L), padded at the end.
            pad_id: the id that they are padded with.
            negatives: whether negatives are read at all.
            painted: what pictures of negatives are for; see `Recipe.painted`.
            one_negative: whether of all slots of a pair one is drawn.
            positives: whether other true texts are read.
            units_drawn: how many units of a pair a step takes; 0 reads none.
            joined: whether two pairs are made one, whose only negative has words exchanged.
            placeholder: a text that stands in empty slots, as in the released code.
            track: shows progress.

        Raises:
            DataError: there is no record at all, or an id stands twice.
        """
        texts: dict[str, int] = {}
        pictures: dict[Picture, int] = {}
        self.ids: list[str] = []
        captions: list[int] = []
        pictures_of: list[int] = []
        is_painted: list[bool] = []
        candidates = _Candidates()
        # Joined pairs have true texts of their own.
        self._joins_texts = positives
        self.further = FurtherTexts(positives=positives and not joined, units_drawn=units_drawn)
        self.joiner = Joiner(tokenize, pad_id) if joined else None

        def number_of(text: str) -> int:
            return texts.setdefault(text, len(texts))

        def add_pair(name: str, caption: str, picture: Picture, *, own_caption: bool) -> int:
            self.ids.append(name)
            captions.append(number_of(caption))
            pictures_of.append(pictures.setdefault(picture, len(pictures)))
            is_painted.append(not own_caption)
            return len(self.ids) - 1

        for record, where, places in track(records, description="Reading records", unit="records"):
            row = add_pair(record.id, record.caption, where, own_caption=True)
            self.further.add(row, record, number_of)
            if self.joiner:
                self.joiner.add(record)
                continue
            for number, negative in enumerate(record.negatives):
                place = None if painted == "none" else places[number]
                if painted == "pairs" and place is not None:
                    name = f"{record.id} negative {number}"
                    add_pair(name, negative.caption, place, own_caption=False)
                if not negatives or (painted == "required" and place is None):
                    continue
                text = number_of(negative.caption)
                picture = NONE
                if place is not None and painted != "pairs":
                    picture = pictures.setdefault(place, len(pictures))
                candidates.add(row, negative, text, picture)
        self._check()
        self.placeholder = NONE
        if placeholder is not None:
            self.placeholder = number_of(placeholder)
        self.pictures = list(pictures)
        self.picture_of: Ints = np.array(pictures_of, np.int64)
        self.is_painted: NDArray[np.bool_] = np.array(is_painted)
        self._caption: Ints = np.array(captions, np.int64)
        self.tokens = TokenTable(list(texts), tokenize, pad_id=pad_id, track=track)
        self._one_negative = one_negative
        self.further.settle(self.tokens, self.picture_of)
        if self.joiner:
            self.joiner.settle(self.picture_of)
        self._pack(candidates)
        self.rows: Ints = np.arange(len(self.ids))

    def __len__(self) -> int:
        return len(self.rows)

    def weigh(self, source: str, weight: float) -> None:
        """Take the pairs of a source more or less often.

        Args:
            source: its name, with which their ids begin.
            weight: how often each is seen in an epoch; of a fraction, that part of the pairs is, by
                a hash of their ids.
        """
        times = np.ones(len(self.rows), np.int64)
        for place, row in enumerate(self.rows.tolist()):
            name = self.ids[row]
            if name.startswith(f"{source}/"):
                more = stable_rng("weight", name).random() < weight % 1
                times[place] = int(weight) + int(more)
        self.rows = np.repeat(self.rows, times)

    def sha256(self) -> str:
        """Return a hash of ids and texts, as the model reads them, whatever files they are of."""
        digest = hashlib.sha256("\x1f".join(self.ids).encode("utf-8", "surrogatepass"))
        columns = [self._caption, self._start, self._texts, self.tokens.hashes]
        if self.painted:
            columns += [self.picture_of, self._painted]
        columns += self.further.columns()
        columns += self.joiner.columns() if self.joiner else []
        for numbers in columns:
            digest.update(numbers.tobytes())
        return digest.hexdigest()

    def name_of(self, picture: int) -> str:
        """Return an image and its first record, for messages."""
        place = self.pictures[picture]
        path = place.where if isinstance(place, TarMember) else str(place.path)
        return f"{path} (record '{self.record_of(picture)}')"

    def record_of(self, picture: int) -> str:
        """Return the id of the first record with an image, its own or one of its negatives'."""
        rows = np.flatnonzero(self.picture_of == picture)
        if len(rows):
            return self.ids[int(rows[0])]
        candidate = int(np.argmax(self._painted == picture))
        cell = int(np.searchsorted(self._start, candidate, side="right")) - 1
        return self.ids[cell // len(self.kinds)]

    def leave_out(self, pictures: Iterable[int]) -> None:
        """Stop using the pairs of some images; a negative whose picture it is keeps its text."""
        broken = list(pictures)
        self.rows = self.rows[~np.isin(self.picture_of[self.rows], broken)]
        self._painted[np.isin(self._painted, broken)] = NONE

    def _check(self) -> None:
        if not self.ids:
            raise DataError("no caption records to train on", hint="Check --data and --limit.")
        twice = [name for name, count in Counter(self.ids).items() if count > 1]
        if twice:
            raise duplicate_id(twice[0], "--data")

    def _pack(self, candidates: _Candidates) -> None:
        """Candidates of row r and slot k: `_texts[_start[r*K+k]:_start[r*K+k+1]]`."""
        read = candidates.columns()
        hashes = self.tokens.hashes
        differs = hashes[read.text] != hashes[self._caption[read.row]]
        self.same_tokens = int((~differs).sum())
        usable = read.take(differs)
        numbers, counts = np.unique(usable.kind, return_counts=True)
        if self.joiner:
            # Without any word to exchange there is no kind at all.
            slots = 1 if self.joiner.pairs_with_words else 0
            numbers = np.full(slots, KINDS.index(EXCHANGE))
            counts = np.full(slots, self.joiner.pairs_with_words)
        self.kinds: tuple[Kind, ...] = tuple(KINDS[number] for number in numbers)
        self.negatives: dict[str, int] = dict(zip(self.kinds, counts.tolist(), strict=True))
        self.is_longer: NDArray[np.bool_] = np.array([kind in LONGER for kind in self.kinds], bool)
        width = len(self.kinds)
        slots_of_kinds = np.searchsorted(numbers, usable.kind)
        cells = usable.row * width + slots_of_kinds
        # Stable: candidates of one slot keep the order of the file, which the draws depend on.
        by_cell = usable.take(np.argsort(cells, kind="stable"))
        self._texts = by_cell.text
        self._painted = by_cell.picture
        self._ratings = by_cell.rating
        shown = int((usable.picture >= 0).sum())
        self.painted = shown + int(self.is_painted.sum())
        # Without any, a batch has no column for them.
        self._painted_slots = width if shown else 0
        per_cell = np.bincount(cells, minlength=len(self.ids) * width)
        self._start = _starts(per_cell)
        self._find_captions(usable.text)

    def _find_captions(self, negatives: Ints) -> None:
        """Find the images that negative texts are true captions of.

        Images of text t: `_captioned[_captioned_start[t]:_captioned_start[t+1]]`.
        """
        pairs = np.stack([self._caption, self.picture_of], axis=1)
        texts, images = np.unique(pairs, axis=0).T
        is_negative = np.isin(texts, negatives)
        per_text = np.bincount(texts[is_negative], minlength=len(self.tokens.lengths))
        self._captioned: Ints = images[is_negative]
        self._captioned_start = _starts(per_text)
        self._captioned_most = int(per_text.max(initial=0))

    def draw(self, rows: Ints, *, seed: int, epoch: int, plain: bool = False) -> Draw:
        """Return the texts of some pairs, one negative per slot.

        Args:
            rows: numbers of N pairs.
            seed: of the run.
            epoch: number of the pass, from 0.
            plain: whether the pairs are taken alone, without negatives.
        """
        draw = self._draw(rows, seed, epoch)
        if plain:
            return draw.without_negatives()
        return self._join(draw, seed, epoch) if self.joiner else draw

    def _draw(self, rows: Ints, seed: int, epoch: int) -> Draw:
        shape = (len(rows), len(self.kinds))
        cells = rows[:, None] * shape[1] + np.arange(shape[1])
        first = self._start[cells]
        count = self._start[cells + 1] - first
        chosen = first.copy()
        for row, slot in np.argwhere(count > 1).tolist():
            name = f"{seed} {epoch} {self.ids[rows[row]]} {self.kinds[slot]}"
            chosen[row, slot] += stable_hash(name) % int(count[row, slot])
        valid = count > 0
        if self._one_negative:
            valid = self._one_slot(rows, valid, seed, epoch)
        negative = np.full(shape, self.placeholder, np.int64)
        negative[valid] = self._texts[chosen[valid]]
        ratings = np.full(shape, np.nan, np.float32)
        ratings[valid] = self._ratings[chosen[valid]]
        painted = np.full((len(rows), self._painted_slots), NONE, np.int64)
        if self._painted_slots:
            painted[valid] = self._painted[chosen[valid]]
        picture = self.picture_of[rows]
        units = self.further.draw_units(rows, self.ids, picture, seed=seed, epoch=epoch)
        return Draw(
            rows=rows,
            text=self._caption[rows],
            negative=negative,
            valid=valid,
            concreteness=ratings,
            caption_of=self._captioned_by(negative),
            picture=picture,
            painted=painted,
            positive=self.further.draw_positives(rows, self.ids, seed=seed, epoch=epoch),
            unit=units.unit,
            foil=units.foil,
            said=units.said,
            beside=np.zeros((len(rows), 0), np.int64),
        )

    def _join(self, draw: Draw, seed: int, epoch: int) -> Draw:
        """Return pairs each joined with another one."""
        assert self.joiner is not None
        joined = self.joiner.draw(draw.rows, self.rows, self.ids, seed=seed, epoch=epoch)
        negative = joined.negative[:, : len(self.kinds)]
        return replace(
            draw,
            text=joined.text,
            negative=negative,
            valid=negative >= 0,
            picture=joined.left,
            beside=joined.right[:, None],
            positive=joined.positive if self._joins_texts else joined.positive[:, :0],
            tokens=joined.tokens,
        )

    def _one_slot(
        self, rows: Ints, valid: NDArray[np.bool_], seed: int, epoch: int
    ) -> NDArray[np.bool_]:
        """Return `valid` (N, K) with one slot of each row that has some, drawn like the texts."""
        single = np.zeros_like(valid)
        for place in np.flatnonzero(valid.any(1)):
            slots = np.flatnonzero(valid[place])
            name = f"{seed} {epoch} {self.ids[rows[place]]} slot"
            single[place, slots[stable_hash(name) % len(slots)]] = True
        return single

    def _captioned_by(self, texts: Ints) -> Ints:
        """Return the images that texts (N, K) are captions of (N, K, M); -1 beyond their number."""
        images = np.full((*texts.shape, self._captioned_most), -1, np.int64)
        first = self._captioned_start[texts]
        end = self._captioned_start[texts + 1]
        for number in range(self._captioned_most):
            exists = (texts >= 0) & (first + number < end)
            images[exists, number] = self._captioned[first[exists] + number]
        return images


def _starts(counts: Ints) -> Ints:
    """Return where each of several runs begins that follow each other, and where the last ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
