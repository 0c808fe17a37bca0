"""A data set of labeled images in memory, its class names and its prompts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.openclip.imagenet import CLASSES, imagenet_prompts
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions
from ahnpl_cli.evaluation.benchmarks.retention_sets import known_set, plain_name
from ahnpl_cli.files import read_json, read_text

PUBLISHED_PROMPTS = Path(__file__).parent / "data" / "elevater_prompts.json"
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
    """Class names and templates of a data set.

    Attributes:
        classes: names, in the order of the class numbers.
        templates: prompts, with {} for the class name.
        files: the user's, which they were read from.
        notes: where they come from, if not from the user.
    """

    classes: tuple[str, ...]
    templates: tuple[str, ...]
    files: Sequence[Path] = ()
    notes: Sequence[str] = ()


def _lines(path: Path) -> tuple[str, ...]:
    """Return the lines of a text file that are not blank; none without a file."""
    if not path.is_file():
        return ()
    lines = read_text(path, error=BenchmarkError).split("\n")
    return tuple(line.strip() for line in lines if line.strip())


def _is_imagenet(class_ids: Sequence[str]) -> bool:
    """Whether classes are the WordNet ids of ImageNet, all of them."""
    return len(class_ids) == CLASSES and all(_WORDNET_ID.fullmatch(name) for name in class_ids)


@functools.cache
def published_sets() -> Mapping[str, Mapping[str, Any]]:
    """Return the class names and templates of ELEVATER's twenty sets, which are CLIP's."""
    sets: Mapping[str, Mapping[str, Any]] = read_json(PUBLISHED_PROMPTS)["sets"]
    return sets


def _in_published_order(class_ids: Sequence[str], published: Mapping[str, Any]) -> bool:
    """Whether class ids are numbers or codes that the set itself gives its classes, in order."""
    # Without a pattern, orders differ between copies: CIFAR-100's 0 is an apple or a chimpanzee.
    pattern = published.get("ids")
    if pattern is None or not all(re.fullmatch(pattern, name) for name in class_ids):
        return False
    if not class_ids[0].isdecimal():
        return list(class_ids) == sorted(class_ids)
    numbers = [int(name) for name in class_ids]
    start = numbers[0]
    return start in (0, 1) and numbers == list(range(start, start + len(numbers)))


def _published_names(
    class_ids: Sequence[str], published: Mapping[str, Any]
) -> tuple[str, ...] | None:
    """Return the published name of each class, or None unless it is sure which is which."""
    names = published["classes"]
    if len(class_ids) != len(names):
        return None
    by_id = {plain_name(name): name for name in names}
    for folder, name in published.get("folders", {}).items():
        by_id[plain_name(folder)] = name
    matches = [by_id.get(plain_name(class_id)) for class_id in class_ids]
    # Each class once: two folders of one name would leave another class without its own.
    if set(matches) == set(names):
        return tuple(name for name in matches if name is not None)
    return tuple(names) if _in_published_order(class_ids, published) else None


def _default_prompts(set_name: str, class_ids: Sequence[str]) -> Prompts:
    """Return the prompts that CLIP's authors published for a set, or the names of its folders."""
    if _is_imagenet(class_ids):
        return Prompts(*imagenet_prompts())
    # A folder's name is the best guess at what its class is called.
    own_names = tuple(name.replace("_", " ") for name in class_ids)
    known = known_set(set_name)
    published = published_sets().get(known.name) if known else None
    if known is None or published is None:
        return Prompts(own_names, DEFAULT_TEMPLATES)
    names = _published_names(class_ids, published)
    if names is None:
        count = len(published["classes"])
        note = (
            f"its {len(class_ids)} classes are not, by name, the {count} of {known.name}, "
            "so their own names and one prompt stand in for CLIP's"
        )
        return Prompts(own_names, DEFAULT_TEMPLATES, notes=[note])
    templates = tuple(published["templates"])
    note = f"class names and prompts ({len(templates)}) of CLIP's authors for {known.name}"
    return Prompts(names, templates, notes=[note])


def read_prompts(
    set_name: str,
    home: Path,
    class_ids: Sequence[str],
    options: LoadOptions,
) -> Prompts:
    """Return class names and templates: as named, beside the images, or by default.

    The default of ImageNet and of ELEVATER's twenty sets is CLIP's.

    Args:
        set_name: what the data set is called.
        home: where `classnames.txt` and `templates.txt` are looked for.
        class_ids: what the data set calls its classes, in order, such as the folders' names.
        options: may name both files.

    Raises:
        BenchmarkError: another number of names than classes, or a template without {}.
    """
    names_file = options.classnames or home / "classnames.txt"
    templates_file = options.templates or home / "templates.txt"
    own_names, own_templates = _lines(names_file), _lines(templates_file)
    # What the user names wins over what lies beside the images, and that over defaults.
    default = _default_prompts(set_name, class_ids)
    names = own_names or default.classes
    templates = own_templates or default.templates
    if len(names) != len(class_ids):
        what = f"{len(names)} class names for {len(class_ids)} classes"
        raise BenchmarkError(what, where=str(names_file))
    for template in templates:
        if "{}" not in template:
            raise BenchmarkError(f"no {{}} in {template!r}", where=str(templates_file))
    files = [path for path in (names_file, templates_file) if path.is_file()]
    return Prompts(names, templates, files, [] if files else default.notes)
