"""A data set of labeled images in memory, its class names and its prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.backbones.openclip.imagenet import CLASSES, imagenet_prompts
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions
from ahnpl_cli.files import read_text

DEFAULT_TEMPLATES: tuple[str, ...] = ("a photo of a {}.",)
_WORDNET_ID = re.compile(r"n\d{8}")


@dataclass(frozen=True, slots=True)
class LabeledImage:
    """An image and what is on it.

    Attributes:
        id: unique in its data set: the path that the data set knows it by.
        image: the file.
        labels: class numbers; exactly one unless the data set is multi-label.
        ignored: class numbers that do not count on this image (VOC's difficult objects).
    """

    id: str
    image: ImageRef
    labels: tuple[int, ...]
    ignored: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassData:
    """One data set of labeled images.

    Attributes:
        name: short, for subsets and averages.
        classes: names as put into the prompts.
        templates: prompts, with {} for the class name.
        test: what is reported on.
        train: what a linear probe learns from; empty if there is none.
        multi: whether an image may have several labels, or none.
        files: what was read beside the images.
        missing: images that are not here.
        published: number of test images, None if unknown.
        notes: what a reader has to know of it.
    """

    name: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    test: Sequence[LabeledImage]
    train: Sequence[LabeledImage]
    multi: bool
    files: Sequence[Path] = ()
    missing: frozenset[Path] = frozenset()
    published: int | None = None
    notes: Sequence[str] = ()

    def here(self, rows: Sequence[LabeledImage]) -> list[LabeledImage]:
        """Return the images that are on this disk."""
        return [row for row in rows if row.image.path not in self.missing]


@dataclass(frozen=True, slots=True)
class Prompts:
    """Class names and templates of a data set, and the files they were read from."""

    classes: tuple[str, ...]
    templates: tuple[str, ...]
    files: list[Path]


def _lines(path: Path) -> tuple[str, ...]:
    """Return the lines of a text file that are not blank; none without a file."""
    if not path.is_file():
        return ()
    lines = read_text(path, error=BenchmarkError).split("\n")
    return tuple(line.strip() for line in lines if line.strip())


def _is_imagenet(class_ids: Sequence[str]) -> bool:
    """Whether classes are the WordNet ids of ImageNet, all of them."""
    return len(class_ids) == CLASSES and all(_WORDNET_ID.fullmatch(name) for name in class_ids)


def read_prompts(
    home: Path,
    class_ids: Sequence[str],
    options: LoadOptions,
) -> Prompts:
    """Return class names and templates: as named, beside the images, or by default.

    ImageNet's default is CLIP's: its names of the 1,000 classes, and 80 templates.

    Args:
        home: where `classnames.txt` and `templates.txt` are looked for.
        class_ids: what the data set calls its classes, in order, such as the folders' names.
        options: may name both files.

    Raises:
        BenchmarkError: another number of names than classes, or a template without {}.
    """
    names_file = options.classnames or home / "classnames.txt"
    templates_file = options.templates or home / "templates.txt"
    # A folder's name is the best guess at what its class is called.
    default_names = tuple(name.replace("_", " ") for name in class_ids)
    default_templates = DEFAULT_TEMPLATES
    if _is_imagenet(class_ids):
        default_names, default_templates = imagenet_prompts()
    # What the user names wins over what lies beside the images, and that over defaults.
    names = _lines(names_file) or default_names
    templates = _lines(templates_file) or default_templates
    if len(names) != len(class_ids):
        what = f"{len(names)} class names for {len(class_ids)} classes"
        raise BenchmarkError(what, where=str(names_file))
    for template in templates:
        if "{}" not in template:
            raise BenchmarkError(f"no {{}} in {template!r}", where=str(templates_file))
    files = [path for path in (names_file, templates_file) if path.is_file()]
    return Prompts(names, templates, files)
