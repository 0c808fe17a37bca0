"""Whether images are those that a run has seen, without reading all of their bytes.

A run keeps the fingerprints and names of its images in `images.txt`, so that an evaluation can say
which photos of a test the model was trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.archives import open_member
from ahnpl_cli.data.images import coco_number
from ahnpl_cli.data.tar_shards import Picture, TarMember
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import read_text, write_atomic
from ahnpl_cli.progress import Track, silent

SAMPLE = 1 << 14  # bytes read at the start, in the middle and at the end
UNREADABLE = 0


@dataclass(frozen=True, slots=True)
class SeenImages:
    """The images that a model was trained on.

    Attributes:
        fingerprints: of their files.
        coco: numbers of those that are COCO's by name.
    """

    fingerprints: frozenset[int]
    coco: frozenset[str]

    def holds(self, name: str, number: int) -> bool:
        """Whether an image of this name and fingerprint is among them.

        A photo of COCO is known by its number too, since 2014 and 2017 hold the same photos and a
        copy may have been saved again.
        """
        is_same_file = number != UNREADABLE and number in self.fingerprints
        return is_same_file or coco_number(name) in self.coco


def write_seen(path: Path, pictures: Sequence[Picture], numbers: NDArray[np.int64]) -> None:
    """Write the fingerprint and the name of each image, one a line.

    Args:
        path: the file.
        pictures: distinct images.
        numbers: their fingerprints; empty where images were not looked at.
    """
    lines = []
    for place, picture in enumerate(pictures):
        number = int(numbers[place]) if len(numbers) else UNREADABLE
        name = picture.name if isinstance(picture, TarMember) else picture.path.name
        # A name with a line break would look like two images.
        lines.append(f"{number & (1 << 64) - 1:016x} {' '.join(name.split())}\n")
    write_atomic(path, "".join(lines))


def read_seen(path: Path) -> SeenImages:
    """Return what `write_seen` wrote.

    Raises:
        DataError: the file is not such a list.
    """
    fingerprints_seen = set()
    coco = set()
    for line_number, line in enumerate(read_text(path).splitlines(), 1):
        digits, _, name = line.partition(" ")
        try:
            number = int.from_bytes(bytes.fromhex(digits), "big", signed=True)
        except ValueError as error:
            raise DataError("not a fingerprint", where=f"{path}:{line_number}") from error
        fingerprints_seen.add(number)
        coco_of_name = coco_number(name.rsplit("/", 1)[-1])
        if coco_of_name is not None:
            coco.add(coco_of_name)
    return SeenImages(frozenset(fingerprints_seen - {UNREADABLE}), frozenset(coco))


def image_problems(
    pictures: Sequence[Picture], *, threads: int = 8, track: Track = silent
) -> dict[int, str]:
    """Return what is wrong with which image, by its number, from the headers alone."""
    with ThreadPoolExecutor(threads) as pool:
        problems = pool.map(lambda picture: picture.problem(), pictures)
        seen = track(problems, total=len(pictures), description="Checking images", unit="images")
        return {number: problem for number, problem in enumerate(seen) if problem}


def _opened(picture: Picture) -> IO[bytes]:
    """Open an image's bytes.

    Raises:
        OSError, DataError: it is not there, or no regular file.
    """
    if isinstance(picture, TarMember):
        return picture.open()
    # Opening a FIFO would wait for somebody to write into it.
    if picture.path.is_file():
        return picture.path.open("rb")
    member = open_member(picture.path)
    if member is None:
        raise FileNotFoundError(picture.path)
    return member


def fingerprint(picture: Picture) -> int:
    """Return a number that tells an image from another: its size and samples of its bytes.

    A copy of a file has the same number, whatever its date; `UNREADABLE` if it cannot be read.
    """
    try:
        with _opened(picture) as file:
            size = file.seek(0, 2)
            digest = hashlib.blake2b(str(size).encode(), digest_size=8)
            last = max(0, size - SAMPLE)
            # Headers of one camera agree; the middle and the end do not.
            for place in (0, last // 2, last):
                file.seek(place)
                digest.update(file.read(min(SAMPLE, size)))
    except (OSError, DataError):
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
