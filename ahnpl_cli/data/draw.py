"""What a step takes of the data: texts and pictures by their numbers, and further texts of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.inputs import TokenTable
from ahnpl_cli.records import CaptionRecord
from ahnpl_cli.stable_hash import stable_hash, stable_rng

Ints = NDArray[np.int64]
NONE = -1  # where there is no text or no picture


@dataclass(frozen=True)
class Draw:
    """The texts and pictures of one batch, by their numbers.

    Attributes:
        rows: the pairs (N,).
        text: each pair's caption, as a row of the token table (N,).
        negative: each slot's negative, likewise (N, K); -1 where there is none.
        valid: which slots hold one (N, K), bool.
        concreteness: rating of each slot's changed word (N, K); NaN if unrated or empty.
        caption_of: the images that each slot's text is a true caption of, -1 beyond their number
            (N, K, M); M is the same in every batch, and mostly 0.
        picture: each pair's image (N,).
        painted: the picture of each slot's negative (N, K), -1 where there is none; (N, 0) if
            pictures of negatives are not used.
        positive: another true text of each pair (N, 1), -1 where there is none; (N, 0) if such
            texts are not used.
        unit: short texts that are true of each pair's image (N, U), -1 where there are fewer;
            (N, 0) if units are not used.
        foil: each unit's false twin (N, U).
        said: every unit of each pair's image (N, S), -1 beyond their number.
        beside: the image that each pair's image is joined with, on its right (N, 1); (N, 0) if
            images are not joined.
        tokens: of the texts of joined pairs, which their rows are of; None where they are of the
            data's.
    """

    rows: Ints
    text: Ints
    negative: Ints
    valid: NDArray[np.bool_]
    concreteness: NDArray[np.float32]
    caption_of: Ints
    picture: Ints
    painted: Ints
    positive: Ints
    unit: Ints
    foil: Ints
    said: Ints
    beside: Ints
    tokens: TokenTable | None = None

    @property
    def painted_once(self) -> Ints:
        """The distinct pictures of negatives, in order of their numbers (P,)."""
        return np.unique(self.painted[self.painted >= 0])

    @property
    def pictures(self) -> Ints:
        """What has to be loaded: an image for each pair, `beside`, `painted_once`."""
        return np.concatenate([self.picture, self.beside.ravel(), self.painted_once])

    def whole(self, kept: Ints) -> Ints:
        """Return the pairs whose image could be read, of joined ones both.

        Args:
            kept: places among `pictures` of those that could be.
        """
        pairs = np.arange(len(self.rows))
        read = np.isin(pairs, kept)
        if self.beside.shape[1]:
            read &= np.isin(pairs + len(pairs), kept)
        return pairs[read]

    def without_negatives(self) -> Draw:
        """Return the pairs alone."""
        of_slots = ["negative", "valid", "concreteness", "caption_of", "painted", "positive"]
        of_slots += ["unit", "foil", "said"]
        return replace(self, **{name: getattr(self, name)[:, :0] for name in of_slots})

    def take(self, places: Ints) -> Draw:
        """Return some of the pairs."""
        columns = {name: values for name, values in vars(self).items() if name != "tokens"}
        taken = {name: values[places] for name, values in columns.items()}
        return Draw(**taken, tokens=self.tokens)


@dataclass(frozen=True)
class UnitDraw:
    """The units of some pairs, as rows of the token table; -1 where there is none.

    Attributes:
        unit: short texts that are true of each pair's image (N, U).
        foil: each unit's false twin (N, U).
        said: every unit of each pair's image, from all its captions (N, S).
    """

    unit: Ints
    foil: Ints
    said: Ints


class FurtherTexts:
    """Other true texts and units by pair, and what a step draws of them.

    Attributes:
        positives: how many other true texts there are.
        units: how many units there are that the model can tell from their foil.
    """

    def __init__(self, *, positives: bool, units_drawn: int) -> None:
        """Begin without any.

        Args:
            positives: whether other true texts are kept.
            units_drawn: how many units of a pair a step takes at most; 0 keeps none.
        """
        self._takes_positives = positives
        self._drawn = units_drawn
        self._positives: dict[int, list[int]] = defaultdict(list)
        self._units: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._said: Ints = np.zeros((0, 0), np.int64)
        self.positives = 0
        self.units = 0

    def add(self, row: int, record: CaptionRecord, number: Callable[[str], int]) -> None:
        """Take what a record says further.

        Args:
            row: of its pair.
            record: of the data.
            number: gives a text its row in the token table.
        """
        for positive in record.positives if self._takes_positives else ():
            # A wording that is the caption's own teaches nothing.
            if positive.caption != record.caption:
                self._positives[row].append(number(positive.caption))
        for unit in record.units if self._drawn else ():
            self._units[row].append((number(unit.caption), number(unit.foil)))

    def settle(self, tokens: TokenTable, picture_of: Ints) -> None:
        """Count, leave out foils that read like their unit, and join the units of each image."""
        said: dict[int, set[int]] = defaultdict(set)
        for row, pairs in self._units.items():
            said[int(picture_of[row])].update(unit for unit, _ in pairs)
            differing = [pair for pair in pairs if len(set(tokens.hashes[list(pair)])) > 1]
            self._units[row] = differing
        self.positives = sum(map(len, self._positives.values()))
        self.units = sum(map(len, self._units.values()))
        widest = max(map(len, said.values()), default=0)
        self._said = np.full((int(picture_of.max()) + 1, widest), NONE, np.int64)
        for picture, texts in said.items():
            self._said[picture, : len(texts)] = sorted(texts)

    def columns(self) -> list[Ints]:
        """Return what a hash of the data has to cover."""
        columns = [np.array([row, *own]) for row, own in self._positives.items()]
        for row, pairs in self._units.items():
            columns.append(np.array([row, *(text for pair in pairs for text in pair)]))
        return columns

    def draw_positives(self, rows: Ints, ids: Sequence[str], *, seed: int, epoch: int) -> Ints:
        """Return another true text of each row (N, 1); (N, 0) if none has any."""
        drawn = np.full((len(rows), 1 if self.positives else 0), NONE, np.int64)
        for place, row in enumerate(rows.tolist()):
            own = self._positives.get(row)
            if own:
                name = f"{seed} {epoch} {ids[row]} positive"
                drawn[place] = own[stable_hash(name) % len(own)]
        return drawn

    def draw_units(
        self, rows: Ints, ids: Sequence[str], picture: Ints, *, seed: int, epoch: int
    ) -> UnitDraw:
        """Return units of each row; of more than a step takes, others in each epoch.

        Args:
            rows: numbers of N pairs.
            ids: of all pairs.
            picture: each pair's image (N,).
            seed: of the run.
            epoch: number of the pass, from 0.
        """
        drawn = np.full((2, len(rows), self._drawn if self.units else 0), NONE, np.int64)
        for place, row in enumerate(rows.tolist() if self.units else ()):
            own = self._units.get(row, [])
            if len(own) > self._drawn:
                own = stable_rng(seed, epoch, ids[row], "unit").sample(own, self._drawn)
            for slot, pair in enumerate(own):
                drawn[:, place, slot] = pair
        return UnitDraw(unit=drawn[0], foil=drawn[1], said=self._said[picture])
