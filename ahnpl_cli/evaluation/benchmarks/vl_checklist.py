"""VL-CheckList (Zhao et al. 2022, om-ai-lab/VL-CheckList): POS[0] or NEG[0], full image.

A leaf, such as Attribute/color, is the mean over its corpora (vg, vaw, ...). The script's
`MAX_NUM: 2000` scores only the first 1,000 rows of each corpus and drops rows without their image,
so papers are not comparable; here every row counts, and `_first_1000` repeats the cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import yaml  # type: ignore[import-untyped]

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, limited, read_json
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.averages import Average, Mean, mean, pool
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite

CAP = 1000
CAPPED = " (first 1000)"
ASPECTS = ("Attribute", "Object", "Relation")
PUBLISHED_CORPORA = 56


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return every corpus file by its place: `Attribute/color/vg`, `Object/Size/large/hake`."""
    for folder in shelf.named("corpus"):
        root = folder / "v1"
        if (root / "Attribute").is_dir():
            paths = sorted(root.rglob("*.yaml"))
            return {path.relative_to(root).with_suffix("").as_posix(): path for path in paths}
    return {}


def _target(path: Path) -> tuple[Path, str]:
    """Return the annotation file of a corpus, and the folder of its images."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        root = next(parent for parent in path.parents if parent.name == "corpus").parent
        return root / tree["ANNO_PATH"], str(tree["IMG_ROOT"]).strip("/")
    except (yaml.YAMLError, LookupError, TypeError) as error:
        hint = "It has to say ANNO_PATH and IMG_ROOT."
        raise BenchmarkError("not a corpus file", where=str(path), hint=hint) from error


class _Images:
    """Images by root and folder: `vg` + `VG_100K/1.jpg`, below the checklist or anywhere."""

    def __init__(self, shelf: DataFolders, home: Path) -> None:
        self._shelf, self._home = shelf, home
        self._pictures: dict[tuple[str, PurePosixPath], ImageFinder] = {}

    def of(self, root: str, name: str) -> ImageFinder:
        inner = PurePosixPath(name).parent
        if (root, inner) not in self._pictures:
            roots = [self._home / root, *self._shelf.named(PurePosixPath(root).name)]
            folders = [*(one / inner for one in roots), *self._shelf.named(inner.name)]
            self._pictures[root, inner] = ImageFinder(folders)
        return self._pictures[root, inner]

    def missing(self) -> frozenset[Path]:
        return frozenset(path for one in self._pictures.values() for path in one.missing)


def _texts(record: Any, where: str) -> tuple[str, tuple[str, str]]:
    try:
        name, pair = record
        return str(name), (str(pair["POS"][0]), str(pair["NEG"][0]))
    except (ValueError, LookupError, TypeError) as error:
        raise BenchmarkError("not [image, {POS, NEG}]", where=where) from error


def read_items(
    corpus: str, path: Path, root: str, images: _Images, limit: int | None
) -> list[Item]:
    """Return the items of one corpus.

    Raises:
        BenchmarkError: the file is not VL-CheckList's.
    """
    items = []
    for number, record in enumerate(limited(read_json(path), limit)):
        name, texts = _texts(record, f"{path}: {number}")
        rows = (corpus, f"{corpus}{CAPPED}") if number < CAP else (corpus,)
        ref = images.of(root, name).ref(name)
        items.append(Item(f"{corpus}/{number}", (ref,), texts, rows, cluster=name))
    return items


def _leaves(corpora: Iterable[str], suffix: str = "") -> dict[str, Mean]:
    """Return each leaf, `Aspect/sub`, as the mean of its corpora."""
    leaves: dict[str, list[str]] = {}
    for corpus in corpora:
        leaves.setdefault("/".join(corpus.split("/")[:2]), []).append(corpus + suffix)
    return {leaf: mean(*rows) for leaf, rows in leaves.items()}


def averages(corpora: list[str]) -> tuple[dict[str, Average], str]:
    """Return leaves, aspects, and the two overall averages that papers print, with and without cap.

    `macro_9_leaves` is CE-CLIP's, `macro_3_aspects` vl_compo's.
    """
    made: dict[str, Average] = {}
    for suffix, ending in (("", ""), (CAPPED, "_first_1000")):
        leaves = _leaves(corpora, suffix)
        of = {a: [x for n, x in leaves.items() if n.startswith(f"{a}/")] for a in ASPECTS}
        aspects = {aspect: mean(*found) for aspect, found in of.items() if found}
        made[f"macro_{len(leaves)}_leaves{ending}"] = mean(*leaves.values())
        made[f"macro_{len(aspects)}_aspects{ending}"] = mean(*aspects.values())
        if not suffix:
            made |= {**aspects, **leaves}
    return {**made, "micro": pool(*corpora)}, next(iter(made))


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the corpora that `find` found and whose annotations are there."""
    home = next(p for p in next(iter(files.values())).parents if p.name == "corpus").parent
    images, items, here = _Images(shelf, home), [], {}
    absent: list[str] = []
    for corpus, path in files.items():
        target, root = _target(path)
        if not target.is_file():
            absent.append(corpus)
            continue
        here[corpus] = target
        items += read_items(corpus, target, root, images, options.limit)
    if not here:
        hint = "Unpack data/ beside corpus/."
        raise BenchmarkError("no annotation file of any corpus", where=str(home), hint=hint)
    made, primary = averages(list(here))
    notes = [f"annotations not here: {', '.join(absent)}"] if absent else []
    return ItemSuite(
        name="vl-checklist",
        items=items,
        judge=judging.choose,
        averages=made,
        primary=primary,
        shown=list(here),
        counts=[Count("corpora", len(here), PUBLISHED_CORPORA)],
        notes=notes,
        files=list(here.values()),
        absent=images.missing(),
    )


BENCHMARK = Benchmark(
    name="vl-checklist",
    measures="objects by place and size, attributes, relations: a true or a false phrase",
    source="github.com/om-ai-lab/VL-CheckList corpus/ and data/ (DATASETS.md); images of Visual "
    "Genome, SWiG and HAKE",
    license="no license file seen; images under each source's terms",
    files="corpus/v1/**/*.yaml + data/**/*.json + vg/ swig/ hake/",
    find=find,
    load=load,
)
