"""Reads and writes photos so that a painted one cannot be told by its file.

A picture is written with the format, size, mode, JPEG tables and subsampling of its original; only
its metadata say that it was edited, how and by what.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image as Images
from PIL import JpegImagePlugin
from PIL.Image import Image

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import DataError
from ahnpl_cli.version import __version__

DESCRIPTION, SOFTWARE = 0x010E, 0x0131  # EXIF tags
_PALETTE_MODES = ("P", "1")
PLAIN_MODES = ("RGB", "RGBA", "L", "LA", "CMYK", "YCbCr")


@dataclass(frozen=True, slots=True)
class Original:
    """A photo, and how its file was made.

    Attributes:
        image: the pixels as RGB.
        format: of the file, as Pillow names it.
        mode: of its pixels, as Pillow names it.
        suffix: of the file's name.
        options: what Pillow needs to write another one alike.
        alpha: its transparency; None without.
        exif: its metadata.
    """

    image: Image
    format: str
    mode: str
    suffix: str
    options: dict[str, Any]
    alpha: Image | None = None
    exif: Images.Exif = field(default_factory=Images.Exif)


def read_original(path: Path) -> Original:
    """Return a photo and all that is needed to write another one like it.

    Raises:
        DataError: it is missing or broken.
    """
    pixels = ImageRef(path).load()
    try:
        with Images.open(path) as image:
            alpha = image.getchannel("A") if "A" in image.getbands() else None
            return Original(
                image=pixels,
                # Phones join several JPEGs in one file; what we see is the first.
                format="JPEG" if image.format == "MPO" else image.format or "PNG",
                mode=image.mode,
                suffix=path.suffix.lower() or ".png",
                options=_options(image),
                alpha=alpha,
                exif=image.getexif(),
            )
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"cannot be decoded ({error})", where=str(path)) from error


def _options(image: Image) -> dict[str, Any]:
    """What the file tells of how it was packed."""
    options: dict[str, Any] = {}
    if profile := image.info.get("icc_profile"):
        options["icc_profile"] = profile
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        # The tables are the quality; the number that people call so is in no file.
        options["qtables"] = image.quantization
        sampling = JpegImagePlugin.get_sampling(image)
        if sampling >= 0:
            options["subsampling"] = sampling
        options["progressive"] = bool(image.info.get("progressive"))
        options["optimize"] = True
    elif image.format == "WEBP":
        # Lossless or not stands in the file; the quality does not.
        options["lossless"] = _is_lossless_webp(image)
    if dpi := image.info.get("dpi"):
        options["dpi"] = dpi
    return options


def _is_lossless_webp(image: Image) -> bool:
    stream = getattr(image, "fp", None)
    if stream is None:
        return False
    stream.seek(0)
    return b"VP8L" in stream.read(64)


def encode(picture: Image, original: Original, provenance: dict[str, Any]) -> bytes:
    """Return the bytes of a picture's file.

    Args:
        picture: RGB, of the original's size.
        original: what it was painted over.
        provenance: what the metadata say of how it was made.
    """
    buffer = io.BytesIO()
    note = json.dumps({"edited": True, **provenance})
    exif = Images.Exif()
    exif.load(original.exif.tobytes())
    exif[SOFTWARE], exif[DESCRIPTION] = f"ahnpl {__version__}", note
    options = dict(original.options)
    options["comment" if original.format == "GIF" else "exif"] = (
        note if original.format == "GIF" else exif
    )
    if original.format == "BMP":
        options = {}  # has room for pixels only
    _in_mode(picture, original).save(buffer, format=original.format, **options)
    return buffer.getvalue()


def _in_mode(picture: Image, original: Original) -> Image:
    """The picture in the mode of the original's pixels."""
    if original.mode in _PALETTE_MODES:
        return picture.quantize(256)
    if original.alpha is not None:
        picture = picture.copy()
        picture.putalpha(original.alpha)
    if original.mode in PLAIN_MODES:
        return picture if picture.mode == original.mode else picture.convert(original.mode)
    # Gray of 16 bits or floats was read as 8 bits, and is written so; rarer modes become RGB.
    return picture.convert("L") if original.mode.startswith(("I", "F")) else picture


def provenance_of(path: Path) -> dict[str, Any] | None:
    """Return what a picture's metadata say of how it was made; None of an unedited one."""
    with Images.open(path) as image:
        note = image.getexif().get(DESCRIPTION) or image.info.get("comment")
    if isinstance(note, bytes):
        note = note.decode("utf-8", "replace")
    try:
        read = json.loads(note) if note else None
    except ValueError:
        return None
    return read if isinstance(read, dict) and read.get("edited") else None
