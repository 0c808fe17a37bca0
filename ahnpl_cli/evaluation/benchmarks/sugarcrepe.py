"""SugarCrepe (Hsieh et al. 2023, RAIVNLab/sugar-crepe 0047054): one image, a caption, a foil.

Official metric (`main_eval.py`): mean of `pos > neg` per file, fp32. One mislabeled item, key 108
of swap_obj, was removed on 2023-11-18, so papers of that year count 246 there; keys have gaps.

572 of the 7,511 pairs have the same words in another order: 164 of 245 in swap_obj, 408 of 666 in
swap_att (sugar-crepe issue 10). What they ask, word order, is not what the others ask, so both have
averages of their own: `order_only` and `other_words`.
"""

from __future__ import annotations

import re
from pathlib import Path

from ahnpl_cli.evaluation.benchmarks.base import (
    COCO_VAL2017,
    Benchmark,
    LocalCopy,
    clone,
    field,
    read_entries,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.statistics import Average, mean, pool

PUBLISHED = {
    "add_obj": 2062,
    "add_att": 692,
    "replace_obj": 1652,
    "replace_att": 788,
    "replace_rel": 1406,
    "swap_obj": 245,
    "swap_att": 666,
}
GROUPS = ("replace", "swap", "add")
# SugarCrepe++ has files of the same names, but none of added objects or attributes.
# Files that hold pairs of the same words, and the names of both parts of them.
SWAPPED = ("swap_obj", "swap_att")
ORDER_ONLY, OTHER_WORDS = "order_only", "other_words"
_WORD = re.compile(r"[a-z0-9']+")  # counts 572 pairs, as the issue does
TELLTALES = ("add_obj.json", "add_att.json")


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the seven files, those that are there."""
    # Some of the seven may be missing: then averages over them get another name.
    for folder in folders.holding_any(TELLTALES):
        return folders.files(folder, {subset: f"{subset}.json" for subset in PUBLISHED})
    return {}


def is_order_only(caption: str, foil: str) -> bool:
    """Whether a caption and its foil have the same words, each as often."""
    return sorted(_WORD.findall(caption.lower())) == sorted(_WORD.findall(foil.lower()))


def read_items(path: Path, subset: str, images: ImageFinder) -> list[Item]:
    """Return the items of one file.

    Raises:
        BenchmarkError: the file is not SugarCrepe's.
    """
    items = []
    for key, record in read_entries(path, dict):
        where = f"{path}: {key}"
        name = field(record, "filename", str, where=where)
        caption = field(record, "caption", str, where=where)
        foil = field(record, "negative_caption", str, where=where)
        ref = images.ref(name)
        part = ORDER_ONLY if is_order_only(caption, foil) else OTHER_WORDS
        subsets = [subset, part]
        if subset in SWAPPED:
            subsets.append(f"{subset} / {part}")
        texts = (caption, foil)
        items.append(Item(f"{subset}/{key}", (ref,), texts, tuple(subsets), cluster=name))
    return items


def averages() -> dict[str, Average]:
    """Return every average that papers print, CE-CLIP's and AHNPL's first.

    `macro_7`: mean of the files (CE-CLIP, AHNPL); `micro`: SugarCrepe's Table 5 (issue 3);
    `macro_groups`: mean of the group means; `macro_groups_of_micro`: vl_compo's; `order_only` and
    `other_words`: the pairs of the same words, and the rest.
    """
    groups = {group: [f for f in PUBLISHED if f.startswith(group)] for group in GROUPS}
    group_means = {group: mean(*files) for group, files in groups.items()}
    group_pools = [pool(*files) for files in groups.values()]
    return {
        "macro_7": mean(*PUBLISHED),
        **group_means,
        "macro_groups": mean(*group_means.values()),
        "macro_groups_of_micro": mean(*group_pools),
        "micro": pool(*PUBLISHED),
        ORDER_ONLY: pool(ORDER_ONLY),
        OTHER_WORDS: pool(OTHER_WORDS),
        "macro_2_order_only": mean(*(f"{subset} / {ORDER_ONLY}" for subset in SWAPPED)),
    }


def load(copy: LocalCopy) -> Suite:
    """Read the files that `find` found."""
    folder = next(iter(copy.files.values())).parent
    images = copy.image_finder([*copy.folders.image_folders("val2017"), folder], coco=True)
    items: list[Item] = []
    for subset, path in copy.files.items():
        subset_items = read_items(path, subset, images)
        copy.count(subset, len(subset_items), PUBLISHED[subset])
        items += copy.limited(subset_items)
    copy.note_absent("files", PUBLISHED)
    return copy.item_suite(items, averages(), main_subsets=list(copy.files))


BENCHMARK = Benchmark(
    name="sugarcrepe",
    measures="one object, attribute or relation replaced, swapped or added: caption or foil",
    source="github.com/RAIVNLab/sugar-crepe data/*.json; "
    "images.cocodataset.org/zips/val2017.zip as val2017/",
    license="annotations MIT; images COCO's terms (Flickr licenses)",
    files="add_obj.json swap_att.json ... + val2017/",
    size="2 MB, and COCO val2017: 0.8 GB",
    download=f"{clone('RAIVNLab/sugar-crepe', 'sugarcrepe')} && {COCO_VAL2017}",
    find=find,
    load=load,
)
