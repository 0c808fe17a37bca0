"""Images as the model takes them, on disk, in a byte a value and without loss.

Decoding and resizing a JPEG takes milliseconds of a core, in every epoch again. A model's transform
ends in a function of bytes, channel by channel: at most 256 different numbers. So a row holds those
numbers and a byte for each pixel, and gives the very tensor back. What another transform makes is
not kept.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.data.inputs import Pixels

logger = logging.getLogger(__name__)
_SHADES = 256
_DIGEST = 16  # bytes in front of a row, of what follows


class PixelCache:
    """Rows of one file, by number of the image; several processes read and write it at once.

    Args:
        folder: of the file.
        images: fingerprint of each image; another set of images has another file.
        preprocess: the transform, as text; likewise.
        side: pixels of an image's side.
    """

    def __init__(self, folder: Path, images: NDArray[np.int64], preprocess: str, side: int) -> None:
        key = hashlib.sha256(f"{preprocess} {side}".encode() + images.tobytes()).hexdigest()
        self.path = folder / f"pixels-{key[:16]}.bin"
        self._side = side
        self._size = 3 * side * side + 3 * _SHADES * 4
        folder.mkdir(parents=True, exist_ok=True)
        self._file = -1
        self._process = 0
        self._is_full = False

    def _open(self) -> int:
        """Return the file as this process has it: a worker must not share another's."""
        if self._process != os.getpid():
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            self._process = os.getpid()
        return self._file

    def get(self, number: int) -> Tensor | None:
        """Return an image (3, S, S), float32; None if it is not there, whole."""
        length = _DIGEST + self._size
        row = os.pread(self._open(), length, number * length)
        if len(row) < length or _digest(row[_DIGEST:], number) != row[:_DIGEST]:
            return None
        cut = _DIGEST + 3 * _SHADES * 4
        shades = np.frombuffer(row, np.float32, 3 * _SHADES, _DIGEST).reshape(3, _SHADES)
        places = np.frombuffer(row, np.uint8, offset=cut).reshape(3, -1)
        pixels = np.stack([shades[channel][places[channel]] for channel in range(3)])
        return torch.from_numpy(pixels).view(3, self._side, self._side)

    def put(self, number: int, pixels: Pixels) -> None:
        """Keep an image, if it is of the form that a row holds."""
        if self._is_full or not isinstance(pixels, Tensor):
            return
        if pixels.shape != (3, self._side, self._side) or pixels.dtype != torch.float32:
            return
        shades = np.zeros((3, _SHADES), np.float32)
        places = np.empty((3, self._side * self._side), np.uint8)
        for channel, values in enumerate(pixels.reshape(3, -1).numpy()):
            distinct, place = np.unique(values, return_inverse=True)
            if len(distinct) > _SHADES:
                return
            shades[channel, : len(distinct)] = distinct
            places[channel] = place
        content = shades.tobytes() + places.tobytes()
        row = _digest(content, number) + content
        try:
            # Whatever part of it a kill leaves has no digest that fits.
            os.pwrite(self._open(), row, number * len(row))
        except OSError as error:
            self._is_full = True
            logger.warning("%s: %s; further images are not kept.", self.path, error.strerror)


def _digest(content: bytes, number: int) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST, salt=number.to_bytes(16, "big")).digest()
