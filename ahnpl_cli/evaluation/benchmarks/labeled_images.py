"""A data set of labelled images in memory, its class names and its prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Options

DEFAULT_TEMPLATES = ("a photo of a {}.",)


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
    """One data set of labelled images.

    Attributes:
        name: short, for rows and averages.
        classes: names as put into the prompts.
        templates: prompts, with {} for the class name.
        test: what is reported on.
        train: what a linear probe learns from; empty if there is none.
        multi: whether an image may have several labels, or none.
        files: what was read beside the images.
        missing: images that are not here.
        published: number of test images, None if unknown.
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


def _lines(path: Path | None) -> tuple[str, ...] | None:
    """Return the lines of a text file that are not blank, or None without a file."""
    if path is None or not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def prompts(
    home: Path, defaults: Sequence[str], options: Options
) -> tuple[tuple[str, ...], tuple[str, ...], list[Path]]:
    """Return class names and templates: as named, beside the images, or by default.

    Args:
        home: where `classnames.txt` and `templates.txt` are looked for.
        defaults: class names in order, such as the folders' names.
        options: may name both files.

    Raises:
        BenchmarkError: another number of names than classes, or a template without {}.
    """
    paths = {
        role: options.paths.get(role, home / f"{role}.txt") for role in ("classnames", "templates")
    }
    names = _lines(paths["classnames"]) or tuple(one.replace("_", " ") for one in defaults)
    templates = _lines(paths["templates"]) or DEFAULT_TEMPLATES
    if len(names) != len(defaults):
        what = f"{len(names)} class names for {len(defaults)} classes"
        raise BenchmarkError(what, where=str(paths["classnames"]))
    bad = [one for one in templates if "{}" not in one]
    if bad:
        raise BenchmarkError(f"no {{}} in {bad[0]!r}", where=str(paths["templates"]))
    return names, templates, [path for path in paths.values() if path.is_file()]
