"""VL-CheckList (Zhao et al. 2022, om-ai-lab/VL-CheckList): POS[0] or NEG[0], full image.

A leaf, such as Attribute/color, is the mean over its corpora (vg, vaw, ...). The script's
`MAX_NUM: 2000` scores only the first 1,000 rows of each corpus whose image exists, so papers are
not comparable; here every row counts, and `_first_1000` repeats the cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import yaml  # type: ignore[import-untyped]

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    VISUAL_GENOME,
    Benchmark,
    LocalCopy,
    clone,
    read_entries,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder, is_existing_file
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.statistics import Average, Mean, mean, pool
from ahnpl_cli.files import read_text

CAP = 1000
CAPPED = " (first 1000)"
ASPECTS = ("Attribute", "Object", "Relation")
PUBLISHED_CORPORA = 56
LARGEST_YAML = 1 << 16  # bytes; the published ones have 500


def find(folders: DataFolders) -> dict[str, Path]:
    """Return every corpus file by its place: `Attribute/color/vg`, `Object/Size/large/hake`."""
    for folder in folders.named("corpus"):
        root = folder / "v1"
        if (root / "Attribute").is_dir():
            paths = sorted(root.rglob("*.yaml"))
            return {path.relative_to(root).with_suffix("").as_posix(): path for path in paths}
    return {}


def _home(corpus_file: Path) -> Path:
    """Return the folder that holds `corpus/` and `data/`."""
    return next(parent for parent in corpus_file.parents if parent.name == "corpus").parent


def _annotations(path: Path) -> tuple[Path, str]:
    """Return the annotation file of a corpus, and the folder of its images."""
    hint = "It has to say ANNO_PATH and IMG_ROOT."
    text = read_text(path, error=BenchmarkError, hint=hint, most=LARGEST_YAML)
    try:
        tree = yaml.safe_load(text)
        return _home(path) / str(tree["ANNO_PATH"]), str(tree["IMG_ROOT"]).strip("/")
    # yaml raises ValueError for a date that is none.
    except (yaml.YAMLError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise BenchmarkError("not a corpus file", where=str(path), hint=hint) from error


class _Images:
    """Images by root and folder: `vg` + `VG_100K/1.jpg`, below the checklist or anywhere."""

    def __init__(self, copy: LocalCopy, home: Path) -> None:
        self._copy = copy
        self._home = home
        self._finders: dict[tuple[str, PurePosixPath], ImageFinder] = {}

    def of(self, root: str, name: str) -> ImageFinder:
        inner = PurePosixPath(name).parent
        if (root, inner) not in self._finders:
            named = self._copy.folders.image_folders
            roots = [self._home / root, *named(PurePosixPath(root).name)]
            candidates = [*(folder / inner for folder in roots), *named(inner.name)]
            self._finders[root, inner] = self._copy.image_finder(candidates)
        return self._finders[root, inner]


def _first_text(pair: Any, side: str, where: str) -> str:
    texts = pair.get(side) if isinstance(pair, dict) else None
    if not isinstance(texts, list) or not texts or not isinstance(texts[0], str):
        raise BenchmarkError(f"{side} is not a list of texts", where=where, hint=FETCH_AGAIN)
    return texts[0]


def read_items(corpus: str, path: Path, root: str, images: _Images, copy: LocalCopy) -> list[Item]:
    """Return the items of one corpus.

    Raises:
        BenchmarkError: the file is not VL-CheckList's.
    """
    items: list[Item] = []
    capped = 0
    for number, record in copy.limited(read_entries(path, list)):
        where = f"{path}: {number}"
        if not isinstance(record, list) or len(record) != 2 or not isinstance(record[0], str):
            raise BenchmarkError("not [image, {POS, NEG}]", where=where, hint=FETCH_AGAIN)
        name, pair = record
        texts = (_first_text(pair, "POS", where), _first_text(pair, "NEG", where))
        finder = images.of(root, name)
        ref = finder.ref(name)
        subsets: tuple[str, ...] = (corpus,)
        # The script drops rows without their image before it counts to 1,000.
        if ref.path not in finder.missing and capped < CAP:
            capped += 1
            subsets = (corpus, f"{corpus}{CAPPED}")
        items.append(Item(f"{corpus}/{number}", (ref,), texts, subsets, cluster=name))
    return items


def _leaves(corpora: Iterable[str], suffix: str = "") -> dict[str, Mean]:
    """Return each leaf, `Aspect/sub`, as the mean of its corpora."""
    leaves: dict[str, list[str]] = {}
    for corpus in corpora:
        leaf = "/".join(corpus.split("/")[:2])
        leaves.setdefault(leaf, []).append(corpus + suffix)
    return {leaf: mean(*rows) for leaf, rows in leaves.items()}


def _aspects(leaves: dict[str, Mean]) -> dict[str, Mean]:
    """Return each aspect as the mean of its leaves."""
    aspects = {}
    for aspect in ASPECTS:
        of_aspect = [average for leaf, average in leaves.items() if leaf.startswith(f"{aspect}/")]
        if of_aspect:
            aspects[aspect] = mean(*of_aspect)
    return aspects


def averages(corpora: list[str]) -> dict[str, Average]:
    """Return leaves, aspects, and the two overall averages that papers print, with and without cap.

    `macro_9_leaves` is CE-CLIP's, `macro_3_aspects` vl_compo's.
    """
    named: dict[str, Average] = {}
    for suffix, ending in (("", ""), (CAPPED, "_first_1000")):
        leaves = _leaves(corpora, suffix)
        aspects = _aspects(leaves)
        named[f"macro_{len(leaves)}_leaves{ending}"] = mean(*leaves.values())
        named[f"macro_{len(aspects)}_aspects{ending}"] = mean(*aspects.values())
        if not suffix:
            named |= {**aspects, **leaves}
    named["micro"] = pool(*corpora)
    return named


def load(copy: LocalCopy) -> Suite:
    """Read the corpora that `find` found and whose annotations are there."""
    home = _home(next(iter(copy.files.values())))
    images = _Images(copy, home)
    items: list[Item] = []
    annotations: dict[str, Path] = {}
    absent = []
    for corpus, path in copy.files.items():
        target, root = _annotations(path)
        if not is_existing_file(target):
            absent.append(corpus)
            continue
        annotations[corpus] = target
        items += read_items(corpus, target, root, images, copy)
    if not annotations:
        hint = "Unpack data/ beside corpus/."
        raise BenchmarkError("no annotation file of any corpus", where=str(home), hint=hint)
    if absent:
        copy.notes.append(f"annotations not here: {', '.join(absent)}")
    copy.count("corpora", len(annotations), PUBLISHED_CORPORA)
    return copy.item_suite(
        items,
        averages(list(copy.files)),
        main_subsets=list(annotations),
        files=list(annotations.values()),
    )


BENCHMARK = Benchmark(
    name="vl-checklist",
    measures="objects by place and size, attributes, relations: a true or a false phrase",
    source="github.com/om-ai-lab/VL-CheckList corpus/ and data/ (DATASETS.md); images of Visual "
    "Genome, SWiG and HAKE",
    license="no license file seen; images under each source's terms",
    files="corpus/v1/**/*.yaml + data/**/*.json + vg/ swig/ hake/",
    size="annotations, and Visual Genome: 15 GB; SWiG and HAKE apart",
    download=f"{clone('om-ai-lab/VL-CheckList', 'vl-checklist')} && {VISUAL_GENOME}",
    find=find,
    load=load,
)
