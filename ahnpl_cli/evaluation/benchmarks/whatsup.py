"""What'sUp (Kamath et al. 2023, amitakamath/whatsup_vlms 7c1f255): where one thing is, of another.

Controlled images: a photo, or a rendering, of two objects and four captions that differ in the
preposition; COCO and GQA photos of one or two objects with two captions. The first caption is the
right one in every file, so `argmax` gives ties away; here a tie is wrong. Beside the share of
photos, `pairs` counts both photos of a pair of opposite places right, and `sets` all four of two
objects (`Controlled_Images.evaluate_scores` of `dataset_zoo/aro_datasets.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    field,
    read_entries,
    texts_of,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import metrics
from ahnpl_cli.evaluation.scoring.items import Item, Suite, Verdict
from ahnpl_cli.evaluation.scoring.metrics import DerivedMetric
from ahnpl_cli.evaluation.scoring.statistics import mean

# File and number of photos by subset; None where the authors print none that we read.
FILES = {
    "controlled A": ("controlled_images_dataset.json", 412),
    "controlled B": ("controlled_clevr_dataset.json", 408),
    "COCO one": ("coco_qa_one_obj.json", None),
    "COCO two": ("coco_qa_two_obj.json", None),
    "GQA one": ("vg_qa_one_obj.json", None),
    "GQA two": ("vg_qa_two_obj.json", None),
}
CONTROLLED = ("controlled A", "controlled B")
# Opposite places, as file names have them: beer-bottle_left_of_armchair.jpeg.
OPPOSITES = (("left", "right"), ("on", "under"), ("in-front", "behind"))


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the annotation files that are here, by subset."""
    files: dict[str, Path] = {}
    for subset, (name, _) in FILES.items():
        for folder in folders.holding(name)[:1]:
            files[subset] = folders.path(folder, name)
    return files


def _controlled(
    subset: str, key: str, record: Any, where: str, roots: Sequence[Path], images: ImageFinder
) -> Item:
    """Return a photo with its four captions; the id says which two objects and which place."""
    path = field(record, "image_path", str, where=where)
    texts = texts_of(record, "caption_options", where=where)
    if len(texts) < 2:
        raise BenchmarkError("fewer than two captions", where=where, hint=FETCH_AGAIN)
    # The names of photos hold what is compared: mug_left_of_table.jpeg.
    parts = PurePosixPath(path).stem.split("_")
    if len(parts) < 3:
        raise BenchmarkError(f"no place in the name {path!r}", where=where, hint=FETCH_AGAIN)
    objects, place = f"{parts[0]}+{parts[-1]}", parts[1]
    # The file names paths of the authors' own disk, `data/controlled_images/...`.
    inner = "/".join(PurePosixPath(path).parts[-2:])
    ref = images.below(roots, inner)
    item_id = f"{subset}/{objects}/{place}/{key}"
    # Photos of the same two objects are resampled together, since a set is right or wrong as one.
    cluster = f"{subset} {objects}"
    return Item(item_id, (ref,), tuple(texts), (subset, f"{subset} / {place}"), cluster=cluster)


def _natural(subset: str, key: str, record: Any, where: str, images: ImageFinder) -> Item:
    """Return `[image id, true caption, false caption]`."""
    good = isinstance(record, list) and len(record) == 3
    if not good or not all(isinstance(text, str) for text in record[1:]):
        raise BenchmarkError("not [id, caption, caption]", where=where, hint=FETCH_AGAIN)
    number, *texts = record
    name = f"{str(number).zfill(12)}.jpg" if subset.startswith("COCO") else f"{number}.jpg"
    ref = images.ref(name)
    return Item(f"{subset}/{key}", (ref,), tuple(texts), (subset,), cluster=ref.path.name)


def read_items(subset: str, copy: LocalCopy) -> list[Item]:
    """Return the items of one file.

    Raises:
        BenchmarkError: the file is not What'sUp's.
    """
    path = copy.files[subset]
    entries = read_entries(path, list)
    if subset in CONTROLLED:
        roots = [path.parent, *copy.folders.roots]
        images = copy.image_finder(())
        items = []
        for key, record in entries:
            items.append(_controlled(subset, key, record, f"{path}: {key}", roots, images))
        return items
    places = ["val2017"] if subset.startswith("COCO") else ["vg_images", "VG_100K", "VG_100K_2"]
    candidates = [path.parent / places[0], *copy.folders.image_folders(*places)]
    images = copy.image_finder(candidates, coco=subset.startswith("COCO"))
    return [_natural(subset, key, r, f"{path}: {key}", images) for key, r in entries]


def load(copy: LocalCopy) -> Suite:
    """Read every file that `find` found."""
    items: list[Item] = []
    for subset in copy.files:
        of_file = read_items(subset, copy)
        copy.count(subset, len(of_file), FILES[subset][1])
        items += copy.limited(of_file)
    copy.note_absent("files", FILES)
    return copy.item_suite(
        items,
        {f"macro_{len(FILES)}_files": mean(*FILES)},
        main_subsets=list(copy.files),
        official_ties_win=True,
    )


def derived_metrics(verdicts: Sequence[Verdict]) -> Mapping[str, DerivedMetric]:
    """Return the share of pairs and of sets that are right, in percent, of the controlled images.

    Of a set that lacks a photo neither counts.
    """
    # subset -> two objects -> place -> right
    sets: dict[str, dict[str, dict[str, bool]]] = {}
    for verdict in verdicts:
        subset, objects, place, *_ = (*verdict.id.split("/"), "", "")
        if subset in CONTROLLED:
            of_objects = sets.setdefault(subset, {}).setdefault(objects, {})
            of_objects[place] = verdict.correct[subset]
    derived = {}
    for subset, by_objects in sets.items():
        for name, outcomes in (("pairs", _pairs(by_objects)), ("sets", _whole(by_objects))):
            if outcomes:
                clusters = tuple(f"{subset} {objects}" for objects, _ in outcomes)
                right = np.array([100 * correct for _, correct in outcomes], dtype=np.int64)
                measure = partial(metrics.weighted_mean, right)
                derived[f"{subset} {name}"] = DerivedMetric(clusters, measure, f"{subset} {name}")
    return derived


def _pairs(by_objects: Mapping[str, Mapping[str, bool]]) -> list[tuple[str, bool]]:
    pairs = []
    for objects, places in by_objects.items():
        for one, opposite in OPPOSITES:
            if one in places and opposite in places:
                pairs.append((objects, places[one] and places[opposite]))
    return pairs


def _whole(by_objects: Mapping[str, Mapping[str, bool]]) -> list[tuple[str, bool]]:
    whole = [(objects, places) for objects, places in by_objects.items() if len(places) == 4]
    return [(objects, all(places.values())) for objects, places in whole]


BENCHMARK = Benchmark(
    name="whatsup",
    measures="left or right, on or under, in front or behind: the preposition that is true",
    source="github.com/amitakamath/whatsup_vlms (links to its drive)",
    license="MIT; photos COCO's terms, Visual Genome CC BY 4.0",
    files="controlled_images_dataset.json + controlled_images/, controlled_clevr_dataset.json + "
    "controlled_clevr/, coco_qa_*_obj.json + val2017/, vg_qa_*_obj.json + vg_images/",
    size="its own images, COCO val2017 (0.8 GB) and Visual Genome's",
    download="pip install gdown && gdown --folder "
    "https://drive.google.com/drive/folders/164q6X9hrvP-QYpi3ioSnfMuyHpG5oRkZ -O data/whatsup",
    find=find,
    load=load,
    derived_metrics=derived_metrics,
)
