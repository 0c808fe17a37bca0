"""What every loss is computed from: the features of one batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ahnpl_cli.similarity import similarity


@dataclass(frozen=True)
class Features:
    """Features of N image-caption pairs with K slots of negatives each, all L2-normalised.

    Attributes:
        image_features: e_I (N, D).
        text_features: e_T (N, D).
        negative_features: e_Tn (N, K, D); whatever stands in an invalid slot is not used, except
            by the released forms.
        valid: which slots hold a negative (N, K), bool.
        logit_scale: 1/tau, a scalar.
        image_ids: number of each pair's image (N,); equal numbers, same image.
        concreteness: rating 1 to 5 of the word that each negative changed (N, K); NaN if unrated.
    """

    image_features: Tensor
    text_features: Tensor
    negative_features: Tensor
    valid: Tensor
    logit_scale: Tensor
    image_ids: Tensor
    concreteness: Tensor

    @cached_property
    def positive(self) -> Tensor:
        """S(I, T) of each pair: (N,)."""
        return similarity(self.image_features, self.text_features)

    @cached_property
    def negative(self) -> Tensor:
        """S(I, T_n) of each slot: (N, K)."""
        return similarity(self.image_features.unsqueeze(1), self.negative_features)

    @cached_property
    def text_negative(self) -> Tensor:
        """S(T, T_n) of each slot: (N, K)."""
        return similarity(self.text_features.unsqueeze(1), self.negative_features)

    @property
    def packed_negatives(self) -> Tensor:
        """Features of the valid negatives alone: (P, D)."""
        return self.negative_features[self.valid]

    @property
    def same_image(self) -> Tensor:
        """Where two different pairs show one image: (N, N), bool, False on the diagonal."""
        same = self.image_ids.unsqueeze(0) == self.image_ids.unsqueeze(1)
        return same.fill_diagonal_(False)
