"""Image files: found, opened, hashed; a broken one is an error that says which.

Every image that comes from outside is decoded by `decode`, and by nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
import stat
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from ahnpl_cli.data.archives import exists, open_member
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import CaptionRecord

logger = logging.getLogger(__name__)

# Formats that Pillow decodes itself, with their endings. It hands others, such as EPS and WMF, to
# Ghostscript and the like, whatever the file is called. TGA is last, since it has no signature.
_FORMATS = {
    "JPEG": ".jpg .jpeg .jpe .jfif",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "DIB": ".dib",
    "TIFF": ".tif .tiff",
    "AVIF": ".avif .avifs",
    "JPEG2000": ".jp2 .j2k .jpc .jpf .jpx .j2c",
    "MPO": ".mpo",
    "PPM": ".ppm .pgm .pbm .pnm .pfm",
    "ICO": ".ico",
    "PCX": ".pcx",
    "PSD": ".psd",
    "QOI": ".qoi",
    "SGI": ".sgi .rgb .rgba .bw",
    "SUN": ".ras",
    "TGA": ".tga",
}
SUFFIXES = frozenset(" ".join(_FORMATS.values()).split())
# Decoded and converted, this takes at most 1 GB; cameras end at about 100 million.
MOST_PIXELS = 120_000_000
# A model's transform scales the shorter side up to 224 pixels or more, and the longer one with it:
# a strip of 1 x 100,000 pixels, small as a file, would take 15 GB.
MOST_STRETCHED = 1000
HINT_BROKEN = "Replace the file, or pass --on-error skip."
HINT_MISSING = "Check --image-root."
TRIED = 20  # records; a wrong folder lacks the images of all
DEPTH = 3  # folders down that are looked into for another root
MOST_FOLDERS = 2000  # that are looked into for the right one
# What operating systems and editors leave in folders: never data, whatever its ending.
_CLUTTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", ".ipynb_checkpoints"})


# COCO's photos have one number under all of their names: 000000000139.jpg of 2017,
# COCO_val2014_000000000139.jpg of 2014.
_COCO_NAME = re.compile(r"(?:COCO_(?:val|train)2014_)?(\d{12})\.jpe?g")


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image, or a box of it.

    Attributes:
        path: the file.
        crop: (x, y, width, height) in pixels from the upper left, as ARO's files have it.
    """

    path: Path
    crop: tuple[int, int, int, int] | None = None

    def load(self) -> Image.Image:
        """Return the pixels of the file, or of the box of it, as RGB; see `decode`.

        Raises:
            DataError: the file is missing or no image, or the crop has no pixel, or too many.
        """
        pixels = decode(_source(self.path), str(self.path))
        return pixels if self.crop is None else _crop(pixels, self)

    def problem(self) -> str | None:
        """Return what is wrong with the image by its header; None if nothing is."""
        return header_problem(self.path)


def coco_number(name: str) -> str | None:
    """Return COCO's number of a photo by the name of its file, or None."""
    match = _COCO_NAME.fullmatch(name)
    return match[1] if match else None


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return those of `_FORMATS` that this Pillow was built with."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def is_below(path: Path, root: Path) -> bool:
    """Whether a path stays below a folder; a link in that folder may lead anywhere."""
    inner = os.path.abspath(path)  # resolves `..`, and no links
    outer = os.path.abspath(root)
    return os.path.commonpath([inner, outer]) == outer


def is_clutter(path: PurePath) -> bool:
    """Whether a path, relative to a folder of data, is something that a system left there.

    macOS puts `._photo.png` beside photo.png on other disks, and `__MACOSX/` into archives.
    """
    return any(part in _CLUTTER or part.startswith("._") for part in path.parts)


def find_images(folder: Path) -> Iterator[Path]:
    """Yield the image files below a folder, in order of path.

    Clutter is left alone; other files are counted in a note, and folders that cannot be read are
    named in a warning.
    """

    def warn(error: OSError) -> None:
        logger.warning("Skipped %s: %s.", error.filename, error.strerror)

    others = 0
    example = ""
    for place, folders, files in os.walk(folder, onerror=warn):
        folders[:] = sorted(name for name in folders if not is_clutter(PurePath(name)))
        for name in sorted(files):
            if is_clutter(PurePath(name)):
                continue
            if Path(name).suffix.lower() in SUFFIXES:
                yield Path(place) / name
            else:
                others += 1
                example = example or name
    if others:
        note = "%s: %d files are no images by their endings, such as %s."
        logger.info(note, folder, others, example)


def check_image_root(records: Iterable[CaptionRecord], root: Path) -> None:
    """Refuse a folder that holds none of the first images, and name the one that does.

    Single missing images are left to whoever opens them all.

    Args:
        records: read no further than `TRIED`; those without an image are passed over.
        root: where their image paths begin.

    Raises:
        DataError: no image of the first records is there.
    """
    named = [record for record in islice(records, TRIED) if record.image]
    if not named or any(exists(root / record.image) for record in named):
        return
    first = named[0]
    place = find_root(first.image, root)
    hint = "Check --image-root, or leave them out with --on-error skip."
    if first.image.startswith(("http://", "https://")):
        hint = "Images by address are not fetched: get them with img2dataset, and name its shards."
    if place is not None:
        hint = f"It is in another folder: pass --image-root {place}"
    where = f"{root / first.image} (record '{first.id}')"
    raise DataError("no such image", where=where, hint=hint)


def find_root(image: str, near: Path) -> Path | None:
    """Return a folder around another below which a path names an image; None if none does."""
    for folder in (near, *_nearby(near)):
        if exists(folder / image):
            return folder
    return None


def _nearby(root: Path) -> Iterator[Path]:
    """Yield folders around one: those above it, then those below it and below this one."""
    yield from (root.parent, root.parent.parent)
    waiting = deque((folder, 0) for folder in dict.fromkeys((root, Path())) if folder.is_dir())
    for _ in range(MOST_FOLDERS):
        if not waiting:
            return
        folder, depth = waiting.popleft()
        yield folder
        if depth == DEPTH:
            continue
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir())
        except OSError:
            continue
        waiting.extend((path, depth + 1) for path in inner if not path.name.startswith("."))


def _check_regular(path: Path) -> None:
    """Refuse what is no regular file: a FIFO or a device could be read without end.

    Raises:
        DataError: it is missing or something else.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: NUL inside
        raise DataError("no such image", where=str(path), hint=HINT_MISSING) from error
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise DataError(what, where=str(path), hint=HINT_MISSING) from error
    if not stat.S_ISREG(mode):
        what = "cannot be read (is a folder)" if stat.S_ISDIR(mode) else "not a regular file"
        raise DataError(what, where=str(path), hint=HINT_MISSING)


def _source(path: Path) -> Path | IO[bytes]:
    """Return what an image is decoded from: its file, or the member of an archive.

    Raises:
        DataError: it is missing, or no regular file.
    """
    # Few images lie in archives, so that the file is looked for first.
    member = None if path.is_file() else open_member(path)
    if member is not None:
        return member
    _check_regular(path)
    return path


def _open(source: Path | IO[bytes], where: str) -> Image.Image:
    """Read an image's header.

    Raises:
        DataError: it is no image of a known format, or has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on; ours is the limit that counts.
            warnings.simplefilter("ignore")
            image = Image.open(source, formats=_formats())
    except UnidentifiedImageError as error:
        # The decoder's words name the file again when it cannot tell the format.
        raise _undecodable("not an image", where) from error
    except Image.DecompressionBombError as error:
        raise _undecodable("more pixels than any camera takes", where) from error
    except Exception as error:
        # Decoders raise nearly anything on damaged bytes.
        raise _undecodable(str(error), where) from error
    if image.width * image.height > MOST_PIXELS:
        image.close()
        size = f"{image.width:,} x {image.height:,} pixels"
        raise _undecodable(f"{size}, more than {MOST_PIXELS:,}", where)
    if max(image.size) > MOST_STRETCHED * min(image.size):
        image.close()
        size = f"{image.width:,} x {image.height:,} pixels"
        raise _undecodable(f"{size}, a strip of more than {MOST_STRETCHED:,} to 1", where)
    return image


def _undecodable(why: str, where: str) -> DataError:
    what = f"cannot be decoded ({why.rstrip('.')})" if why else "cannot be decoded"
    return DataError(what, where=where, hint=HINT_BROKEN)


def decode(source: Path | IO[bytes], where: str) -> Image.Image:
    """Return the pixels of an image as RGB.

    Neither EXIF orientation nor alpha is treated, as in the benchmarks' scripts. Gray of 16 bits
    or of floats is scaled to 8 bits, since converting alone would cut it off at white.

    Args:
        source: a regular file, or an open one.
        where: what the image is called in messages.

    Raises:
        DataError: it is no image, is damaged, or has too many pixels.
    """
    with _open(source, where) as image:
        try:
            if image.mode.startswith("I;16") or image.mode in ("I", "F"):
                return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
            return image.convert("RGB")
        except MemoryError:
            raise
        except Exception as error:
            raise _undecodable(str(error), where) from error


def _eight_bits(gray: np.ndarray) -> np.ndarray:
    """Return gray values (H, W) as 8 bits.

    Raises:
        ValueError: it is not known what is white.
    """
    low, high = float(gray.min()), float(gray.max())
    if np.issubdtype(gray.dtype, np.floating):
        if not (low >= 0 and high <= 255):
            raise ValueError(f"gray from {low:g} to {high:g}; floats go from 0 to 1, or to 255")
        white = 1.0 if high <= 1 else 255.0
    else:
        # A PNG of 16 bits may be opened with 32.
        if low < 0 or high > 65535:
            raise ValueError(f"gray from {low:g} to {high:g}, more than 16 bits hold")
        white = 65535.0
    return np.round(gray.astype(np.float32) * np.float32(255 / white)).astype(np.uint8)


def header_problem(source: Path | IO[bytes]) -> str | None:
    """Return what is wrong with an image by its header alone; None if nothing is."""
    try:
        if isinstance(source, Path):
            source = _source(source)
        with _open(source, ""):
            return None
    except DataError as error:
        return error.what


def _crop(pixels: Image.Image, ref: ImageRef) -> Image.Image:
    x, y, width, height = ref.crop or (0, 0, 0, 0)
    if width <= 0 or height <= 0:
        raise DataError(f"crop {ref.crop} has no pixel", where=str(ref.path))
    if width * height > MOST_PIXELS:
        what = f"crop {ref.crop} has more than {MOST_PIXELS:,} pixels"
        raise DataError(what, where=str(ref.path))
    if max(width, height) > MOST_STRETCHED * min(width, height):
        what = f"crop {ref.crop} is a strip of more than {MOST_STRETCHED:,} to 1"
        raise DataError(what, where=str(ref.path))
    inside = x < pixels.width and y < pixels.height and x + width > 0 and y + height > 0
    if not inside:
        # The benchmarks' scripts crop with PIL, which fills with black what the picture has not.
        return Image.new("RGB", (width, height))
    return pixels.crop((x, y, x + width, y + height))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as `sha256sum` prints it.

    Raises:
        DataError: the file cannot be read.
    """
    member = None if path.is_file() else open_member(path)
    if member is not None:
        return hashlib.file_digest(member, "sha256").hexdigest()
    _check_regular(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise DataError(what, where=str(path), hint=HINT_MISSING) from error


def image_key(ref: ImageRef) -> str:
    """Return what identifies the pixels: the file's SHA-256, or a hash of it and the crop."""
    content = file_sha256(ref.path)
    if ref.crop is None:
        return content
    return hashlib.sha256(f"{content} {ref.crop}".encode()).hexdigest()


def text_key(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
