"""Eq. 4: contrast among the pairs of a batch, with or without hard negatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.margin import softmax_margin
from ahnpl_cli.losses.recipes import Recipe
from ahnpl_cli.similarity import pairwise_similarity


def contrastive_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor,
    *,
    hard_negative_logits: Tensor | None = None,
    excluded: Tensor | None = None,
) -> Tensor:
    """L_cont (Eq. 4): the sum of both directions' cross-entropies.

    -log exp(S(T_i,I_i)/tau) / sum_j exp(S(T_i,I_j)/tau)
    -log exp(S(T_i,I_i)/tau) / sum_k exp(S(T_k,I_i)/tau)

    The printed Eq. 4 has no hard negatives in its denominators. The "negatives" row of Table 3 and
    NegCLIP (Yuksekgonul et al. 2023) put those of the whole batch into the image-to-text one,
    CE-CLIP's Eq. 2 each pair's own.

    Args:
        image_features: e_I (N, D).
        text_features: e_T (N, D).
        logit_scale: 1/tau.
        hard_negative_logits: further columns of the image-to-text denominator (N, P); -inf where
            a negative does not count for a row.
        excluded: pairs (i, j) not treated as negatives (N, N), such as two captions of
            one image (ours).

    Returns:
        One value per pair: (N,).
    """
    logits = logit_scale * pairwise_similarity(image_features, text_features)
    if excluded is not None:
        logits = logits.masked_fill(excluded, -torch.inf)
    # A pair shows its own image, so the mask above leaves the diagonal.
    own = logits.diagonal()
    to_text = logits
    if hard_negative_logits is not None:
        to_text = torch.cat([logits, hard_negative_logits], dim=1)
    return (to_text.logsumexp(1) - own) + (logits.logsumexp(0) - own)


def mean_over_slots(
    valid: Tensor, loss: Callable[[Tensor, int], Tensor], *, like: Tensor
) -> Tensor:
    """Return the mean of a loss over the texts of each pair, which compete slot by slot.

    Args:
        valid: which texts there are (N, S).
        loss: of numbers of pairs (P,) and a slot that all of them have, to values (P,).
        like: of the type of the values (N,).

    Returns:
        One value per pair: (N,); 0 for a pair without any text.
    """
    total = torch.zeros_like(like)
    for slot in range(valid.shape[1]):
        pairs = valid[:, slot].nonzero().flatten()
        total = total.index_add(0, pairs, loss(pairs, slot))
    return total / valid.sum(1).clamp(min=1)


def contrastive_term(features: Features, state: TermState) -> Tensor:
    """Eq. 4 with the hard negatives that the recipe puts into its image-to-text softmax."""
    recipe = state.recipe
    return contrastive_loss(
        features.image_features,
        features.text_features,
        features.logit_scale,
        hard_negative_logits=_softmax_negatives(features, recipe),
        excluded=features.same_image if recipe.mask_same_image else None,
    )


@dataclass(frozen=True)
class SoftmaxParts:
    """Who has the rest of an image's probability in Eq. 4's image-to-text softmax (Slipform).

    The loss pulls with p / tau on a similarity: on those of the hard negatives together with p_hard
    / tau, of the other texts with p_easy / tau, and on the pair's own with the sum of both.

    Attributes:
        log_hard: log p_hard, of all hard negatives that compete (N,); None without any.
        log_easy: log p_easy, of the batch's other captions (N,).
    """

    log_hard: Tensor | None
    log_easy: Tensor


def softmax_parts(features: Features, recipe: Recipe) -> SoftmaxParts:
    """Return the parts of Eq. 4's softmax as the recipe has it."""
    logits = features.logit_scale * pairwise_similarity(
        features.image_features, features.text_features
    )
    if recipe.mask_same_image:
        logits = logits.masked_fill(features.same_image, -torch.inf)
    hard = _softmax_negatives(features, recipe)
    # Without any slot the softmax has no column for them.
    competing = hard is not None and hard.shape[1] > 0
    joined = torch.cat([logits, hard], dim=1) if hard is not None else logits
    whole = joined.logsumexp(1)
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    easy = logits.masked_fill(own, -torch.inf).logsumexp(1)
    log_hard = hard.logsumexp(1) - whole if hard is not None and competing else None
    return SoftmaxParts(log_hard, easy - whole)


def _softmax_negatives(features: Features, recipe: Recipe) -> Tensor | None:
    """Return logits of the hard negatives that join each image's softmax (N, P)."""
    margin = softmax_margin(features, recipe)
    if recipe.softmax_negatives == "batch":
        cosines = pairwise_similarity(features.image_features, features.packed_negatives)
        if margin is not None:
            cosines = cosines + margin[features.valid]
        logits = features.logit_scale * cosines
        if recipe.mask_same_image and features.also_true is not None:
            logits = logits.masked_fill(features.also_true[:, features.valid], -torch.inf)
        return logits
    if recipe.softmax_negatives == "own":
        cosines = features.negative if margin is None else features.negative + margin
        logits = features.logit_scale * cosines
        return logits.masked_fill(~features.valid, -torch.inf)
    return None
