"""ARO (Yuksekgonul et al. 2023, mertyg/vision-language-models-are-bows 81fdd20): four data sets.

VG-Relation and VG-Attribution crop the box, then choose between a true and a false caption; what
papers report are macro averages, which are formed after the fact: over relations that are not
symmetric (notebook, CE-CLIP's and AHNPL's `main_aro.py`), and over attribute pairs with at least 25
items. The two Order sets are in `order.py`.

`data/aro_symmetric_relations.txt` is the list of the ARO notebook, identical in both `main_aro.py`:
157 relations. It holds some that are not symmetric ("on the back of"); it is kept as published.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks import order
from ahnpl_cli.evaluation.benchmarks.base import (
    Benchmark,
    LocalCopy,
    field,
    read_entries,
    texts_of,
)
from ahnpl_cli.evaluation.benchmarks.find_files import Box, DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict
from ahnpl_cli.evaluation.scoring.statistics import Average, Mean, mean, pool
from ahnpl_cli.files import read_text

RELATION, ATTRIBUTION = "VG-Relation", "VG-Attribution"
FILES = {RELATION: "visual_genome_relation.json", ATTRIBUTION: "visual_genome_attribution.json"}
PUBLISHED = {RELATION: 23_937, ATTRIBUTION: 28_748}
LEAST = 25  # items of an attribute pair, below which the pair is left out
BOX_FIELDS = ("bbox_x", "bbox_y", "bbox_w", "bbox_h")
VISUAL_GENOME = ("images", "VG_100K", "VG_100K_2")


@functools.cache
def symmetric_relations() -> frozenset[str]:
    """Return the relations that VG-Relation's macro average leaves out."""
    path = Path(__file__).parent / "data" / "aro_symmetric_relations.txt"
    return frozenset(read_text(path).split("\n")) - {""}


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the files of the data sets that are there."""
    files: dict[str, Path] = {}
    # The two files are two downloads and may lie apart; the fuller folder wins.
    for folder in folders.holding_any(FILES.values()):
        files = folders.files(folder, FILES) | files
    in_order = {part: files[part] for part in FILES if part in files}
    return in_order | order.find(folders)


def _key(record: Any, part: str, where: str) -> str:
    """Return the relation, or both attributes in their order, as the scripts group by."""
    if part == RELATION:
        return str(field(record, "relation_name", str, where=where))
    return "_".join(texts_of(record, "attributes", where=where))


def _box(record: Any, where: str) -> Box:
    sides = [field(record, name, (int, float), where=where) for name in BOX_FIELDS]
    if not all(math.isfinite(side) for side in sides):
        raise BenchmarkError("the box is not made of numbers", where=where)
    x, y, width, height = sides
    # The script crops (x, y, x + w, y + h) with PIL, which rounds each corner.
    left, top = round(x), round(y)
    return left, top, round(x + width) - left, round(y + height) - top


def read_items(path: Path, part: str, images: ImageFinder) -> list[tuple[str, Item]]:
    """Return (key, item) of one file; the true caption stands first in an item.

    Raises:
        BenchmarkError: the file is not ARO's.
    """
    keyed = []
    for number, record in read_entries(path, list):
        where = f"{path}: {number}"
        name = field(record, "image_path", str, where=where)
        true = field(record, "true_caption", str, where=where)
        false = field(record, "false_caption", str, where=where)
        ref = images.ref(name, _box(record, where))
        item = Item(f"{part}/{number}", (ref,), (true, false), (), cluster=name)
        keyed.append((_key(record, part, where), item))
    return keyed


def kept_keys(part: str, keys: list[str]) -> tuple[set[str], str]:
    """Return the keys that the macro average is over, and the name of that average."""
    if part == RELATION:
        return set(keys) - symmetric_relations(), "vg_relation_macro"
    frequent = {key for key, n in Counter(keys).items() if n >= LEAST}
    if frequent:
        return frequent, "vg_attribution_macro"
    # A copy too small for the official rule: another average, so another name.
    return set(keys), "vg_attribution_macro_any_n"


def _with_subsets(part: str, key: str, item: Item, kept: set[str]) -> Item:
    """Return the item with what it counts in: all rows; and if its key is kept, part and key."""
    every = f"{part} (all rows)"
    subsets = (part, every, f"{part} / {key}") if key in kept else (every,)
    return replace(item, subsets=subsets)


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """Judge Order items by all their shuffles and by each, others plainly.

    A tie wins in the Order sets alone: `argmax` over [true, 4 shuffles] takes the first index.
    """
    if order.is_order(item):
        return order.judge(item, scores, ties_win)
    return judging.choose_caption(item, scores, False)


def subsets(item: Item) -> tuple[str, ...]:
    """Return the subsets that the verdict of an item counts in."""
    return order.subsets(item) if order.is_order(item) else item.subsets


def _read_visual_genome(copy: LocalCopy) -> tuple[list[Item], dict[str, Average]]:
    """Return the items of VG-Relation and VG-Attribution, and the averages of each."""
    files = {part: path for part, path in copy.files.items() if part in FILES}
    homes = [path.parent for path in files.values()]
    beside = [home / "images" for home in homes]
    images = copy.image_finder([*beside, *copy.folders.image_folders(*VISUAL_GENOME), *homes])
    items: list[Item] = []
    averages: dict[str, Average] = {}
    for part, path in files.items():
        keyed = read_items(path, part, images)
        copy.count(part, len(keyed), PUBLISHED[part])
        keyed = list(copy.limited(keyed))
        # After the limit: a pair counts by the items that are scored.
        kept, name = kept_keys(part, [key for key, _ in keyed])
        items += [_with_subsets(part, key, item, kept) for key, item in keyed]
        averages[name] = mean(*(f"{part} / {key}" for key in sorted(kept)))
        short = name.split("_macro")[0]
        averages[f"{short}_micro"] = pool(part)
        averages[f"{short}_micro_all_rows"] = pool(f"{part} (all rows)")
    return items, averages


def _over_data_sets(averages: dict[str, Average], orders: list[str]) -> dict[str, Average]:
    """Return the averages over data sets; the papers' "ARO Avg" is the mean of both VG macros."""
    macros = {name: average for name, average in averages.items() if "_macro" in name}
    if len(macros) < 2:
        return {}
    suffix = "_any_n" if any(name.endswith("_any_n") for name in macros) else ""
    overall: dict[str, Average] = {f"macro_vg{suffix}": Mean(tuple(macros.values()))}
    if len(orders) == 2:
        order_pools = (pool(name) for name in orders)
        overall["macro_4_datasets"] = Mean((*macros.values(), *order_pools))
    return overall


def load(copy: LocalCopy) -> Suite:
    """Read the data sets that `find` found; make Order's shuffles if nobody has yet."""
    items, averages = _read_visual_genome(copy)
    orders = [part for part in copy.files if part not in FILES]
    order_items, frozen = order.read(copy, orders)
    copy.note_absent("data sets", (*FILES, *order.DATASETS))
    if "vg_attribution_macro_any_n" in averages:
        copy.notes.append(
            f"no attribute pair has {LEAST} items: vg_attribution_macro_any_n is over all"
        )
    averages |= _over_data_sets(averages, orders)
    averages |= {f"{name.lower().replace('-', '_')}_p1": pool(name) for name in orders}
    # The first of these that this copy has is what stands for ARO.
    headlines = ("macro_vg", "macro_vg_any_n", next(iter(averages)))
    return copy.item_suite(
        [*items, *order_items],
        averages,
        main_subsets=list(copy.files),
        judge=judging.Judge(judge, subsets),
        headline=next(name for name in headlines if name in averages),
        official_ties_win=True,
        files=[*copy.files.values(), *frozen],
    )


BENCHMARK = Benchmark(
    name="aro",
    measures="relations and attributes exchanged between objects; word order of captions",
    source="github.com/mertyg/vision-language-models-are-bows (Google Drive links in dataset_zoo); "
    "COCO val2014/; Flickr30k by request, forms.illinois.edu/sec/229675",
    license="code MIT; Visual Genome CC BY 4.0; COCO's terms; Flickr30k research only",
    files="visual_genome_relation.json visual_genome_attribution.json + images/; "
    "coco_karpathy_test.json + val2014/; flickr30k_test.json + flickr30k-images/",
    size="0.9 GB; COCO-Order: val2014, 6.6 GB more; Flickr30k apart",
    download="pip install gdown && mkdir -p data/aro && cd data/aro && "
    "gdown 1kX2iCHEv0CADL8dSO1nMdW-V0NqIAiP3 && gdown 13tWvOrNOLHxl3Rm9cR3geAdHx2qR3-Tw && "
    "gdown 1qaPlrwhGNMrR3a11iopZUT_GPP_LrgP9 && unzip -q vgr_vga_images.zip",
    find=find,
    load=load,
)
