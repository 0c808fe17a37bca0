"""The drawn scene behind a picture of `ahnpl scenes`, drawn again from the world's seed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import read_object
from ahnpl_cli.records import SCENES_MANIFEST, CaptionRecord
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.parts import CAPTIONS_PER_IMAGE
from ahnpl_cli.scenes.redraw import training_scene
from ahnpl_cli.scenes.world import Scene


class DrawnScenes:
    """Gives scenes of a world by picture.

    Args:
        root: the world's folder, with its `scenes.json`.

    Raises:
        DataError: no world is there.
    """

    def __init__(self, root: Path) -> None:
        hint = "Name the folder that `ahnpl scenes` wrote as --image-root."
        seed = read_object(root / SCENES_MANIFEST, hint=hint).get("seed")
        if not isinstance(seed, int):
            raise DataError(
                "not the report of a world", where=str(root / SCENES_MANIFEST), hint=hint
            )
        # A picture's captions follow each other, and so ask for the same scene.
        self._draw = lru_cache(64)(lambda index: training_scene(seed, index, CAPTIONS_PER_IMAGE))

    def scene(self, image: str) -> Scene | None:
        """Return the scene of a training picture; None for any other."""
        drawn = self._of(image)
        return drawn[0] if drawn else None

    def caption(self, record: CaptionRecord) -> tuple[Scene, Caption] | None:
        """Return scene and caption of a record; None where they are not of this world."""
        drawn = self._of(record.image)
        if drawn is None:
            return None
        scene, captions = drawn
        for caption in captions:
            if caption.text == record.caption:
                return scene, caption
        return None

    def _of(self, image: str) -> tuple[Scene, list[Caption]] | None:
        path = PurePosixPath(image)
        if path.parent.name != "images" or not path.stem.isdigit():
            return None
        drawn: tuple[Scene, list[Caption]] = self._draw(int(path.stem))
        return drawn


def is_world(root: Path) -> bool:
    """Whether a folder holds a world of scenes."""
    return (root / SCENES_MANIFEST).is_file()
