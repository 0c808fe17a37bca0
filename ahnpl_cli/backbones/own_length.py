"""Whether texts may be encoded at their own length: measured once, and said where they may not."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

# Texts of different lengths, to compare features at own and at full length.
PROBES = ("a cat", "a red cube left of a blue ball on a table, and two dogs asleep behind it")
# Exact in exact arithmetic; kernels add in other orders at other lengths.
TOLERANCE = 1e-4


def is_exact(name: str, context_length: int, gap: float | None) -> bool:
    """Return whether own length gives the features of full length; warn once if it does not.

    Args:
        name: of the model, for the warning.
        context_length: what texts are padded to otherwise.
        gap: how far the features of `PROBES` differ; None if the tower sees its padding anyway.
    """
    if gap is None:
        logger.warning(
            "The text tower of %s is not causal: texts are padded to %d tokens, which is slow.",
            name,
            context_length,
        )
        return False
    if gap <= TOLERANCE:
        return True
    logger.warning(
        "Texts of %s are padded to %d tokens, which is slow: at their own length features "
        "differ by %.1g.",
        name,
        context_length,
        gap,
    )
    return False
