"""`--data NAME=FILE:WEIGHT` and its image roots: several sources of training pairs at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.tar_shards import Picture, PlacedRecord
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.records import CaptionRecord

_SOURCE = re.compile(r"(?:([A-Za-z][\w.-]*)=)?(.+?)(?::(\d+(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True)
class DataSource:
    """One source of training pairs.

    Attributes:
        name: what its ids begin with; empty for a source alone.
        data: a file of negatives, or a pattern of tar shards.
        root: folder that its image paths are relative to.
        weight: how often each of its pairs is seen in an epoch; 0.5 takes half of the pairs.
    """

    name: str
    data: str
    root: Path
    weight: float = 1.0


def parse_sources(data: Sequence[str], image_root: str | None) -> list[DataSource]:
    """Return what `--data` and `--image-root` name.

    Args:
        data: `FILE`, or `NAME=FILE` with a `:WEIGHT` behind it if wanted.
        image_root: a folder for all of them, or `NAME=FOLDER,NAME=FOLDER`.

    Raises:
        ConfigError: a name stands twice, a root is of no source, or a weight is of no name.
    """
    sources: list[DataSource] = []
    roots = _roots(image_root)
    for text in data:
        # A file may be called so.
        matched = None if Path(text).exists() else _SOURCE.fullmatch(text)
        name, path, weight = matched.groups() if matched else (None, text, None)
        if name is None:
            # Without a name there is nothing to weigh it against.
            sources.append(DataSource("", text, _root(roots, "", text)))
            continue
        place = _root(roots, name, path)
        sources.append(DataSource(name, path, place, float(weight or 1)))
    names = [source.name for source in sources if source.name]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"--data names two sources {twice}", hint="Give each a name of its own.")
    for name in roots:
        if name and name not in names:
            known = ", ".join(names) or "none"
            hint = f"Names given with --data: {known}."
            raise ConfigError(f"--image-root of {name}, which is no source", hint=hint)
    return sources


def _roots(image_root: str | None) -> dict[str, str]:
    """Return image roots by source; under the empty name the one for all."""
    if image_root is None:
        return {}
    parts = [part.partition("=") for part in image_root.split(",")]
    if Path(image_root).exists() or not all(separator for _, separator, _ in parts):
        return {"": image_root}
    return {name.strip(): folder for name, _, folder in parts}


def _root(roots: dict[str, str], name: str, data: str) -> Path:
    folder = roots.get(name, roots.get(""))
    return Path(folder) if folder is not None else Path(data).parent


def resolve_files(
    records: Iterable[CaptionRecord], image_root: Path, folder: Path | None = None
) -> Iterator[PlacedRecord]:
    """Join records with the image files they name.

    Args:
        records: of one file.
        image_root: folder that their images are relative to.
        folder: of the file itself, which pictures of negatives are relative to; default:
            `image_root`.
    """
    beside = image_root if folder is None else folder
    for record in records:
        painted: list[Picture | None] = []
        for negative in record.negatives:
            painted.append(ImageRef(beside / negative.image) if negative.image else None)
        yield record, ImageRef(image_root / record.image), painted
