"""What `ahnpl scenes` writes beside captions: image negatives, its manifest and its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ahnpl_cli.records.captions import SCHEMA, Kind

SCENES_MANIFEST = "scenes.json"  # by which a folder of drawn scenes is known


@dataclass(frozen=True, slots=True)
class ImageNegativeRecord:
    """One line of `image_negatives.jsonl`: a caption and its image, both with one exact edit.

    Attributes:
        id: unique in its file.
        image: path relative to the file's folder.
        caption: what holds of `image` and not of `negative_image`.
        negative_image: the image painted again with the edit.
        negative_caption: what holds of `negative_image` and not of `image`.
        kind: the kind of hard negative that the edit is.
    """

    id: str
    image: str
    caption: str
    negative_image: str
    negative_caption: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class ScenesManifest:
    """The content of `scenes.json`.

    Attributes:
        schema: version of this layout.
        train: training images.
        test: items of each test file.
        seed: of everything random.
        version: of ahnpl.
        files: records per file, by path relative to the folder; empty until all are written.
    """

    schema: int = field(default=SCHEMA, init=False)
    train: int
    test: int
    seed: int
    version: str
    files: dict[str, int] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """Return what decides the bytes of all other files."""
        return {
            "train": self.train,
            "test": self.test,
            "seed": self.seed,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class ScenesReport:
    """What a folder of scenes consists of.

    Attributes:
        folder: where it is.
        files: records per file, by path relative to `folder`.
        is_new: whether it was written now; otherwise it existed already.
    """

    folder: str
    files: dict[str, int]
    is_new: bool
