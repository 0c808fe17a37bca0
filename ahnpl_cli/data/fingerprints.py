"""Whether images are still those that a run has seen, without reading all of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.tar_shards import Picture, TarMember
from ahnpl_cli.progress import Track, silent

SAMPLE = 1 << 14  # bytes read at the start, in the middle and at the end
UNREADABLE = 0


def fingerprint(picture: Picture) -> int:
    """Return a number that tells an image from another: its size and samples of its bytes.

    A copy of a file has the same number, whatever its date; `UNREADABLE` if it cannot be read.
    """
    try:
        # Opening a FIFO would wait for somebody to write into it.
        if not picture.path.is_file():
            return UNREADABLE
        with picture.path.open("rb") as file:
            start = picture.offset if isinstance(picture, TarMember) else 0
            size = picture.size if isinstance(picture, TarMember) else file.seek(0, 2)
            digest = hashlib.blake2b(str(size).encode(), digest_size=8)
            last = max(0, size - SAMPLE)
            # Headers of one camera agree; the middle and the end do not.
            for place in (0, last // 2, last):
                file.seek(start + place)
                digest.update(file.read(min(SAMPLE, size)))
    except OSError:
        return UNREADABLE
    return int.from_bytes(digest.digest(), "big", signed=True)


def fingerprints(
    pictures: Sequence[Picture], *, threads: int = 8, track: Track = silent
) -> NDArray[np.int64]:
    """Return the fingerprint of each image, in order."""
    numbers = np.empty(len(pictures), np.int64)
    with ThreadPoolExecutor(threads) as pool:
        seen = track(
            pool.map(fingerprint, pictures),
            total=len(pictures),
            description="Fingerprinting images",
            unit="images",
        )
        for place, number in enumerate(seen):
            numbers[place] = number
    return numbers
