"""EqBen (Wang et al. 2023, Wangt-CN/EqBen): frames of videos and rendered scenes, minimal changes.

Two images and two captions, judged as Winoground (`cal_wino_score`). The published files have three
layouts: the 10 % subset and the whole annotation, a list of groups `image0, caption0, image1,
caption1`; and the list in random order, one pair of a group a line, which says in `private_info` of
which data set and group it is. YouCook2's frames are arrays (`.npy`, blue first) and are written as
PNG once.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    fetch,
    field,
    read_annotations,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.two_by_two import (
    ordered_tags,
    tag_means,
    two_by_two_suite,
)
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.files import write_atomic
from ahnpl_cli.stable_hash import stable_hash

# The files of the authors' cloud folder, the most complete first, and where their images unpack.
BUCKET = "https://storage.googleapis.com/eqben-data/eqben_subset"
FILES = (
    "private_info_global.json",
    "ann_json_finegrained_random.json",
    "eqben_subset_10percent_final.json",
)
PLACES = ("image", "image_subset", "images", "eqben_image_full", "subset_image")
ARRAY = ".npy"
PARTS = ("i0", "c0", "i1", "c1")


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the annotation file, the most complete of those that are here."""
    for name in FILES:
        for folder in folders.holding(name):
            return {"groups": folders.path(folder, name)}
    return {}


def _text(value: Any, where: str) -> str:
    """Return a caption; Action Genome's are lists, of which the first counts."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, str):
        raise BenchmarkError("a caption is no text", where=where, hint=FETCH_AGAIN)
    return value


def _of_pairs(records: list[Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the groups of the list in random order, whose every line is one image and caption."""
    groups: dict[tuple[str, int], dict[str, Any]] = {}
    for number, record in enumerate(records):
        where = f"{path}: {number}"
        info = field(record, "private_info", dict, where=where)
        data_set = field(info, "dataset", str, where=where)
        key = (data_set, field(info, "sample_cnt", int, where=where))
        # Such as c0i1: caption 0 with image 1.
        name = field(info, "name", str, where=where)
        group = groups.setdefault(key, {"dataset": data_set})
        group[name[:2]] = record.get("caption")
        group[name[2:]] = record.get("image")
    for (data_set, count), group in groups.items():
        yield f"{data_set}/{count}", group


def _of_groups(records: list[Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the groups of a list of groups, whose fields are image0 or image_0, and so on."""
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise BenchmarkError("not a group", where=f"{path}: {number}", hint=FETCH_AGAIN)
        group = {"dataset": record.get("dataset")}
        for short, long in (("i", "image"), ("c", "caption")):
            for index in "01":
                value = record.get(f"{long}{index}", record.get(f"{long}_{index}"))
                group[f"{short}{index}"] = value
        yield str(number), group


def read_groups(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the key and the four parts of each group, in any of the published layouts.

    Raises:
        BenchmarkError: it has none of them.
    """
    records = read_annotations(path)
    if not isinstance(records, list) or not records:
        raise BenchmarkError("not a list of groups", where=str(path), hint=FETCH_AGAIN)
    is_flat = isinstance(records[0], dict) and "private_info" in records[0]
    yield from _of_pairs(records, path) if is_flat else _of_groups(records, path)


def _as_png(ref: ImageRef, folder: Path) -> ImageRef:
    """Return an array of pixels as an image file, written once.

    Raises:
        BenchmarkError: it is no array of a picture.
    """
    name = f"{stable_hash(str(ref.path.resolve())):016x}.png"
    if not (folder / name).is_file():
        try:
            # Blue comes first, as OpenCV has it; `eqben_eval_CLIP.py` turns it round as well.
            pixels = np.load(ref.path, allow_pickle=False)[:, :, [2, 1, 0]]
            picture = Image.fromarray(pixels, "RGB")
        except (ValueError, IndexError, TypeError, OSError, EOFError) as error:
            where = str(ref.path)
            raise BenchmarkError("not an image as an array", where=where) from error
        content = io.BytesIO()
        picture.save(content, "PNG")
        write_atomic(folder / name, content.getvalue())
    return ImageRef(folder / name)


def load(copy: LocalCopy) -> Suite:
    """Read the groups; images are looked for by their whole path below the image folder.

    Raises:
        BenchmarkError: a group lacks an image or a caption.
    """
    path = copy.files["groups"]
    roots = [*copy.folders.named(*PLACES), path.parent]
    images = copy.image_finder(())
    items = []
    for key, group in copy.limited(list(read_groups(path))):
        where = f"{path}: {key}"
        if any(group.get(part) is None for part in PARTS):
            raise BenchmarkError("a group lacks a part", where=where, hint=FETCH_AGAIN)
        refs = []
        for part in ("i0", "i1"):
            ref = images.below(roots, field(group, part, str, where=where))
            is_here = ref.path not in images.missing
            if is_here and ref.path.suffix == ARRAY and not copy.options.peek:
                ref = _as_png(ref, copy.options.cache / copy.name)
            refs.append(ref)
        texts = (_text(group["c0"], where), _text(group["c1"], where))
        # Without a name of its own, the first folder of an image's path is the data set.
        data_set = group["dataset"] or str(group["i0"]).split("/")[0]
        items.append(Item(key, tuple(refs), texts, (data_set,), cluster=key))
    data_sets = ordered_tags(items)
    copy.count("groups", len(items), None)
    return two_by_two_suite(copy, items, tags=data_sets, averages=tag_means(data_sets, "sets"))


BENCHMARK = Benchmark(
    name="eqben",
    measures="which of two frames or renderings goes with which of two captions",
    source="github.com/Wangt-CN/EqBen: the 10 % subset (eqben_subset_10percent_final.json, 10 GB "
    "of images), or all of it (100 GB)",
    license="code MIT; images of Action Genome, YouCook2, GEBC, Kubric, Stable Diffusion",
    files=f"{FILES[2]} + image_subset/, or {FILES[0]} + image/",
    size="the 10 % subset: 10 GB packed, and as much again unpacked",
    download=fetch(f"{BUCKET}/subset_image.tar.gz", "eqben/images.tar.gz")
    + " && tar -xzf data/eqben/images.tar.gz -C data/eqben && "
    + fetch(f"{BUCKET}/{FILES[2]}", f"eqben/{FILES[2]}"),
    find=find,
    load=load,
)
