"""What a step takes of the data: texts and pictures by their numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.inputs import TokenTable

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
