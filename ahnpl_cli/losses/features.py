"""What every loss is computed from: the features of one batch and the state of the objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ahnpl_cli.similarity import similarity

if TYPE_CHECKING:
    from ahnpl_cli.losses.recipes import Recipe

_ABSENT = torch.empty(0)  # Stands for what was not given.


@dataclass(frozen=True)
class PaintedPairs:
    """P negatives with the pictures that show them.

    Attributes:
        image_features: e_In (P, D).
        text_features: e_Tn (P, D).
        true_of: where negative p is word for word a caption of pair i's image (N, P), bool; None if
            that is known of none.
    """

    image_features: Tensor
    text_features: Tensor
    true_of: Tensor | None


@dataclass(frozen=True)
class TeacherFeatures:
    """What a teacher makes of the same N pairs; nothing of it gets a gradient.

    Attributes:
        text_features: e_T (N, D).
        negative_features: e_Tn (N, K, D).
        logit_scale: its 1/tau, a scalar.
        image_features: e_I (N, D); None if no loss looks at them.
        logit_bias: b of a sigmoid model, a scalar; None of a softmax model.
    """

    text_features: Tensor
    negative_features: Tensor
    logit_scale: Tensor
    image_features: Tensor | None = None
    logit_bias: Tensor | None = None


@dataclass(frozen=True)
class Features:
    """Features of N image-caption pairs with K slots of negatives each, all L2-normalized.

    Attributes:
        image_features: e_I (N, D).
        text_features: e_T (N, D).
        logit_scale: 1/tau, a scalar.
        negative_features: e_Tn (N, K, D); whatever stands in an invalid slot is not used, except
            by the released forms. K is 0 by default.
        valid: which slots hold a negative (N, K), bool; all of them by default.
        image_ids: number of each pair's image (N,); equal numbers, same image. All images differ
            by default.
        concreteness: rating 1 to 5 of the word that each negative changed (N, K); NaN, as by
            default, if unrated.
        also_true: where negative k of pair j is a true caption of pair i's image (N, N, K), bool,
            so that it is no negative of pair i; None if that is known of none.
        image_negative_features: e_In of the pictures painted for the negatives (N, K, D); (N, 0, D)
            by default, where there are none.
        teachers: features of the same pairs by other models, `start` and `ema`, as far as the
            recipe looks at them.
        image_valid: which slots have such a picture (N, K), bool; (N, 0) likewise.
        positive_features: e_T' of other true texts of each pair (N, P, D); (N, 0, D) by default.
        positive_valid: which of them there are (N, P), bool; (N, 0) likewise.
        unit_features: of short texts that are true of each image (N, U, D); (N, 0, D) by default.
        foil_features: of each unit's false twin (N, U, D); (N, 0, D) likewise.
        unit_valid: which units there are (N, U), bool; (N, 0) likewise.
        unit_true: where unit u of pair j is a unit of pair i's image (N, N, U), bool, the pair's
            own among them; None if that is known of none.
        foil_true: where foil u of pair j is one, likewise.
        longer: which slots hold the caption and a false detail more (N, K), bool; none by default.
        logit_bias: b of a sigmoid model, a scalar, which chooses the sigmoid forms; None for a
            softmax model.
        match_odds: log-odds of a matching head that the pair's image matches its caption, then each
            of its negatives (N, 1 + K); None of a model without such a head.
    """

    image_features: Tensor
    text_features: Tensor
    logit_scale: Tensor
    negative_features: Tensor = _ABSENT
    valid: Tensor = _ABSENT
    image_ids: Tensor = _ABSENT
    concreteness: Tensor = _ABSENT
    also_true: Tensor | None = None
    logit_bias: Tensor | None = None
    match_odds: Tensor | None = None
    image_negative_features: Tensor = _ABSENT
    image_valid: Tensor = _ABSENT
    positive_features: Tensor = _ABSENT
    positive_valid: Tensor = _ABSENT
    teachers: Mapping[str, TeacherFeatures] = field(default_factory=dict)
    unit_features: Tensor = _ABSENT
    foil_features: Tensor = _ABSENT
    unit_valid: Tensor = _ABSENT
    unit_true: Tensor | None = None
    foil_true: Tensor | None = None
    longer: Tensor = _ABSENT
    _cosines: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        texts = self.text_features
        pairs, width = texts.shape
        if self.negative_features is _ABSENT:
            self._default("negative_features", texts.new_zeros(pairs, 0, width))
        slots = self.negative_features.shape[:2]
        if self.valid is _ABSENT:
            self._default("valid", torch.ones(slots, dtype=torch.bool, device=texts.device))
        if self.image_ids is _ABSENT:
            self._default("image_ids", torch.arange(pairs, device=texts.device))
        if self.concreteness is _ABSENT:
            self._default("concreteness", texts.new_full(slots, torch.nan))
        if self.longer is _ABSENT:
            self._default("longer", torch.zeros_like(self.valid))
        further = {
            "image_negative_features": "image_valid",
            "positive_features": "positive_valid",
            "unit_features": "unit_valid",
            "foil_features": "unit_valid",
        }
        for name, which in further.items():
            if getattr(self, name) is _ABSENT:
                self._default(name, texts.new_zeros(pairs, 0, width))
            if getattr(self, which) is _ABSENT:
                seen = getattr(self, name).shape[:2]
                self._default(which, torch.ones(seen, dtype=torch.bool, device=texts.device))

    def _default(self, name: str, value: Tensor) -> None:
        object.__setattr__(self, name, value)

    def without_negatives(self) -> Features:
        """Return the pairs alone."""
        if self.valid.shape[1] == 0:
            return self
        return replace(
            self,
            negative_features=_ABSENT,
            valid=_ABSENT,
            concreteness=_ABSENT,
            longer=_ABSENT,
            also_true=None,
        )

    def teacher(self, name: str) -> TeacherFeatures:
        """Return the features of a teacher.

        Raises:
            ValueError: they were not given.
        """
        if name not in self.teachers:
            raise ValueError(f"the recipe looks at a teacher '{name}', and Features has none")
        return self.teachers[name]

    @property
    def positive(self) -> Tensor:
        """S(I, T) of each pair: (N,)."""
        return self._cosine("positive", self.image_features, self.text_features)

    @property
    def negative(self) -> Tensor:
        """S(I, T_n) of each slot: (N, K)."""
        return self._cosine("negative", self.image_features.unsqueeze(1), self.negative_features)

    @property
    def positive_logits(self) -> Tensor:
        """S(I, T) / tau of each pair, without a sigmoid model's bias: (N,)."""
        return self.logit_scale * self.positive

    @property
    def negative_logits(self) -> Tensor:
        """S(I, T_n) / tau of each slot, without a sigmoid model's bias: (N, K)."""
        return self.logit_scale * self.negative

    @property
    def gaps(self) -> Tensor:
        """S(I, T) - S(I, T_n) of the valid slots: (P,)."""
        return (self.positive.unsqueeze(1) - self.negative)[self.valid]

    @property
    def text_negative(self) -> Tensor:
        """S(T, T_n) of each slot: (N, K)."""
        texts = self.text_features.unsqueeze(1)
        return self._cosine("text_negative", texts, self.negative_features)

    def _cosine(self, name: str, anchors: Tensor, others: Tensor) -> Tensor:
        """Return a similarity that several terms share, computed once."""
        cosines = self._cosines.get(name)
        tracked = anchors.requires_grad or others.requires_grad
        if cosines is None or (tracked and not cosines.requires_grad):
            # Not kept for good after a first look without gradients: a later loss needs them.
            cosines = similarity(anchors, others)
            self._cosines[name] = cosines
        return cosines

    @property
    def packed_negatives(self) -> Tensor:
        """Features of the valid negatives alone: (P, D)."""
        return self.negative_features[self.valid]

    @property
    def painted(self) -> PaintedPairs:
        """The negatives that have a picture, as pairs of their own."""
        own = self.image_valid
        if own.shape[1] == 0:
            return PaintedPairs(self.packed_negatives[:0], self.packed_negatives[:0], None)
        true_of = None if self.also_true is None else self.also_true[:, own]
        return PaintedPairs(self.image_negative_features[own], self.negative_features[own], true_of)

    @property
    def same_image(self) -> Tensor:
        """Where two different pairs show one image: (N, N), bool, False on the diagonal."""
        # Only in-batch pairs: the diagonal is the positive itself.
        same = self.image_ids.unsqueeze(0) == self.image_ids.unsqueeze(1)
        return same.fill_diagonal_(False)


class TermState(Protocol):
    """What a term may read of the objective.

    Attributes:
        recipe: the switches.
        a: Eq. 8's learnable scalar.
        spread: what a margin that is `auto` is, in cosine.
        margin: M^t of Eq. 10 (K,), in cosine, or in logits in the released form.
        threshold: Th^t of CE-CLIP's Eq. 7 (K,), in logits.
    """

    recipe: Recipe
    a: Tensor
    spread: Tensor
    margin: Tensor
    threshold: Tensor
