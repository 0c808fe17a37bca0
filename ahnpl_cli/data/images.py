"""Image files: named, opened, hashed; a broken one is an error that says which."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ahnpl_cli.errors import DataError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
HINT_BROKEN = "Replace the file, or pass --on-error skip."
HINT_MISSING = "Check --image-root."


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image, or a box of it.

    Attributes:
        path: the file.
        crop: (x, y, width, height) in pixels from the upper left, as ARO's files have it.
    """

    path: Path
    crop: tuple[int, int, int, int] | None = None


def open_image(ref: ImageRef) -> Image.Image:
    """Return the pixels as RGB.

    Neither EXIF orientation nor alpha is treated, as in the benchmarks' scripts.

    Raises:
        DataError: the file is missing or no image, or the crop lies outside of it.
    """
    try:
        with Image.open(ref.path) as image:
            pixels = image.convert("RGB")
    except FileNotFoundError as error:
        raise DataError("no such image", where=str(ref.path), hint=HINT_MISSING) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # The decoder's words name the file again when it cannot tell the format.
        why = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise DataError(
            f"cannot be decoded ({why.rstrip('.')})", where=str(ref.path), hint=HINT_BROKEN
        ) from error
    return pixels if ref.crop is None else _crop(pixels, ref)


def _crop(pixels: Image.Image, ref: ImageRef) -> Image.Image:
    x, y, width, height = ref.crop or (0, 0, 0, 0)
    inside = x < pixels.width and y < pixels.height and x + width > 0 and y + height > 0
    if width <= 0 or height <= 0 or not inside:
        size = f"{pixels.width}x{pixels.height}"
        raise DataError(f"crop {ref.crop} holds nothing of {size} pixels", where=str(ref.path))
    return pixels.crop((x, y, x + width, y + height))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as `sha256sum` prints it.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        why = "no such image" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise DataError(why, where=str(path), hint=HINT_MISSING) from error


def image_key(ref: ImageRef) -> str:
    """Return what identifies the pixels: the file's SHA-256, or a hash of it and the crop."""
    content = file_sha256(ref.path)
    if ref.crop is None:
        return content
    return hashlib.sha256(f"{content} {ref.crop}".encode()).hexdigest()


def text_key(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
