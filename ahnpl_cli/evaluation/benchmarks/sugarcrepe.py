"""SugarCrepe (Hsieh et al. 2023, RAIVNLab/sugar-crepe 0047054): one image, a caption, a foil.

Official metric (`main_eval.py`): mean of `pos > neg` per file, fp32. One mislabelled item, key 108
of swap_obj, was removed on 2023-11-18, so papers of that year count 246 there; keys have gaps.
"""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.evaluation.benchmarks.base import (
    Benchmark,
    Options,
    field,
    limited,
    read_entries,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.averages import Average, mean, pool
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite

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
IMAGES = ("val2017",)


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return the seven files; `add_obj.json` tells the folder from SugarCrepe++."""
    for folder in shelf.holding("add_obj.json", "swap_att.json"):
        return {
            name: folder / f"{name}.json"
            for name in PUBLISHED
            if f"{name}.json" in shelf.folders[folder]
        }
    return {}


def read_items(path: Path, subset: str, pictures: ImageFinder) -> list[Item]:
    """Return the items of one file.

    Raises:
        BenchmarkError: the file is not SugarCrepe's.
    """
    items = []
    for key, record in read_entries(path, dict):
        where = f"{path}: {key}"
        name = field(record, "filename", str, where=where)
        texts = [field(record, f, str, where=where) for f in ("caption", "negative_caption")]
        ref = pictures.ref(name)
        items.append(Item(f"{subset}/{key}", (ref,), tuple(texts), (subset,), cluster=name))
    return items


def averages(files: list[str]) -> tuple[dict[str, Average], str]:
    """Return every average that papers print, and the primary one: CE-CLIP's and AHNPL's.

    `macro_7`: mean of the files (CE-CLIP, AHNPL); `micro`: SugarCrepe's Table 5 (issue 3);
    `macro_groups`: mean of the group means; `macro_groups_of_micro`: vl_compo's.
    """
    overall = "macro_7" if len(files) == len(PUBLISHED) else f"macro_{len(files)}_files"
    grouped = {g: [f for f in files if f.startswith(g)] for g in GROUPS}
    grouped = {g: members for g, members in grouped.items() if members}
    made: dict[str, Average] = {overall: mean(*files)}
    made |= {g: mean(*members) for g, members in grouped.items()}
    made["macro_groups"] = mean(*(mean(*members) for members in grouped.values()))
    made["macro_groups_of_micro"] = mean(*(pool(*members) for members in grouped.values()))
    made["micro"] = pool(*files)
    return made, overall


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the files that `find` found."""
    folder = next(iter(files.values())).parent
    pictures = ImageFinder([*shelf.named(*IMAGES), folder], shelf)
    items: list[Item] = []
    counts = []
    for subset, path in files.items():
        found = read_items(path, subset, pictures)
        counts.append(Count(subset, len(found), PUBLISHED[subset]))
        items += limited(found, options.limit)
    made, primary = averages(list(files))
    return ItemSuite(
        name="sugarcrepe",
        items=items,
        judge=judging.choose,
        averages=made,
        primary=primary,
        shown=list(files),
        counts=counts,
        notes=pictures.notes(),
        files=list(files.values()),
        absent=frozenset(pictures.missing),
    )


BENCHMARK = Benchmark(
    name="sugarcrepe",
    measures="one object, attribute or relation replaced, swapped or added: caption or foil",
    source="github.com/RAIVNLab/sugar-crepe data/*.json; "
    "images.cocodataset.org/zips/val2017.zip as val2017/",
    license="annotations MIT; images COCO's terms (Flickr licences)",
    files="add_obj.json swap_att.json ... + val2017/",
    find=find,
    load=load,
)
