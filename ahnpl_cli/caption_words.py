"""Words of captions and folds of images: what the controls that see no image are made of."""

from __future__ import annotations

import re

from ahnpl_cli.stable_hash import stable_hash

_WORD = re.compile(r"[^\W_]+(?:'\w+)?")


def words(text: str) -> list[str]:
    """Return the words of a caption in lower case; a hyphen separates two."""
    return _WORD.findall(text.lower())


def fold_of(image: str, folds: int) -> int:
    """Return the fold of an image, the same for all its captions, so that none scores itself."""
    # By the first byte of SHA-256: printed controls rest on these folds.
    return (stable_hash(image, digest="sha256") >> 56) % folds
