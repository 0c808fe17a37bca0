"""SugarCrepe++ (Dumpala et al. 2024, Sri-Harsha/scpp): two true captions and a foil.

ITT: the image prefers both true captions to the foil (chance 1/3). TOT, without the image: the true
captions are nearer to each other than either is to the foil. Strict `>` throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from ahnpl_cli.evaluation.benchmarks.sugarcrepe import TELLTALES
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict
from ahnpl_cli.evaluation.scoring.statistics import Average, mean, pool

PUBLISHED = {
    "replace_obj": 1652,
    "replace_att": 788,
    "replace_rel": 1406,
    "swap_obj": 245,
    "swap_att": 666,
}
FIELDS = ("caption", "caption2", "negative_caption")
ITT, TOT = "ITT", "TOT"
HALVES = ("Image-P1-Neg", "Image-P2-Neg")


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the five files, of a folder that is not SugarCrepe's."""
    names = {subset: f"{subset}.json" for subset in PUBLISHED}
    for folder in folders.holding_any(names.values()):
        if not folders.contents[folder].keys() & set(TELLTALES):
            return folders.files(folder, names)
    return {}


def read_items(path: Path, subset: str, images: ImageFinder) -> list[Item]:
    """Return an item with the image and one of texts alone for each row.

    Raises:
        BenchmarkError: the file is not SugarCrepe++'s.
    """
    items = []
    for number, record in read_entries(path, list):
        where = f"{path}: {number}"
        name = field(record, "filename", str, where=where)
        texts = tuple(field(record, text, str, where=where) for text in FIELDS)
        refs = (images.ref(name),)
        key = f"{subset}/{number}"
        with_image = Item(f"{key}/{ITT}", refs, texts, (subset,), positives=2, cluster=name)
        alone = Item(f"{key}/{TOT}", refs, texts, (subset,), cluster=name, text_only=True)
        items += [with_image, alone]
    return items


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """ITT with its two halves, or TOT."""
    (subset,) = item.subsets
    if item.text_only:
        together, *apart = scores
        outcomes = {f"{subset} {TOT}": judging.beats(together, max(apart))}
    else:
        first, second, foil = scores
        outcomes = {
            f"{subset} {ITT}": judging.choose(scores, 2),
            f"{subset} {HALVES[0]}": judging.beats(first, foil),
            f"{subset} {HALVES[1]}": judging.beats(second, foil),
        }
    yield judging.verdict(item, scores, outcomes)


def subsets(item: Item) -> list[str]:
    """Return the subsets that the verdict of an item counts in."""
    (subset,) = item.subsets
    tasks = [TOT] if item.text_only else [ITT, *HALVES]
    return [f"{subset} {task}" for task in tasks]


def load(copy: LocalCopy) -> Suite:
    """Read the files that `find` found."""
    folder = next(iter(copy.files.values())).parent
    images = copy.image_finder([*copy.folders.image_folders("val2017"), folder], coco=True)
    items: list[Item] = []
    for subset, path in copy.files.items():
        subset_items = read_items(path, subset, images)
        copy.count(subset, len(subset_items) // 2, PUBLISHED[subset])
        limit = copy.options.limit
        # Every record is two items, one of them without its image.
        items += subset_items if limit is None else subset_items[: 2 * limit]
    copy.note_absent("files", PUBLISHED)
    itt = [f"{subset} {ITT}" for subset in PUBLISHED]
    tot = [f"{subset} {TOT}" for subset in PUBLISHED]
    averages: dict[str, Average] = {
        # Both tasks have averages of their own: a text tower alone answers TOT.
        "macro_5_itt": mean(*itt),
        "macro_5_tot": mean(*tot),
        "micro_itt": pool(*itt),
        "micro_tot": pool(*tot),
    }
    return copy.item_suite(
        items, averages, main_subsets=[*itt, *tot], judge=judging.Judge(judge, subsets)
    )


BENCHMARK = Benchmark(
    name="sugarcrepe++",
    measures="two ways of saying the same above a foil, with the image (ITT) and without (TOT)",
    source="github.com/Sri-Harsha/scpp data/*.json; images.cocodataset.org/zips/val2017.zip",
    license="annotations CC BY 4.0; images COCO's terms (Flickr licenses)",
    files="replace_obj.json swap_att.json ... without add_obj.json + val2017/",
    size="1 MB, and COCO val2017: 0.8 GB",
    download=f"{clone('Sri-Harsha/scpp', 'scpp')} && {COCO_VAL2017}",
    find=find,
    load=load,
)
