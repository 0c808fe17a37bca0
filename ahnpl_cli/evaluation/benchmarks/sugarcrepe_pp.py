"""SugarCrepe++ (Dumpala et al. 2024, Sri-Harsha/scpp): two true captions and a foil.

ITT: the image prefers both true captions to the foil (chance 1/3). TOT, without the image: the true
captions are nearer to each other than either is to the foil. Strict `>` throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, field, limited, read_entries
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging, metrics
from ahnpl_cli.evaluation.scoring.averages import mean, pool
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite, Verdict

PUBLISHED = {
    "replace_obj": 1652,
    "replace_att": 788,
    "replace_rel": 1406,
    "swap_obj": 245,
    "swap_att": 666,
}
FIELDS = ("caption", "caption2", "negative_caption")


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return the five files; without `add_obj.json` the folder is not SugarCrepe's."""
    names = [f"{subset}.json" for subset in PUBLISHED]
    for folder in shelf.holding(*names):
        if "add_obj.json" not in shelf.folders[folder]:
            return {subset: folder / f"{subset}.json" for subset in PUBLISHED}
    return {}


def read_items(path: Path, subset: str, pictures: ImageFinder) -> list[Item]:
    """Return an item with the image and one of texts alone for each row.

    Raises:
        BenchmarkError: the file is not SugarCrepe++'s.
    """
    items = []
    for number, record in read_entries(path, list):
        where = f"{path}: {number}"
        name = field(record, "filename", str, where=where)
        texts = tuple(field(record, one, str, where=where) for one in FIELDS)
        refs, key = (pictures.ref(name),), f"{subset}/{number}"
        items.append(Item(f"{key}/ITT", refs, texts, (subset,), positives=2, cluster=name))
        items.append(Item(f"{key}/TOT", refs, texts, (subset,), cluster=name, text_only=True))
    return items


def judge(item: Item, scores: tuple[float, ...], ties_win: bool) -> Iterator[Verdict]:
    """ITT with its two halves, or TOT."""
    (subset,) = item.rows
    if item.text_only:
        together, *apart = scores
        outcomes = {f"{subset} TOT": metrics.beats(together, max(apart))}
    else:
        first, second, foil = scores
        outcomes = {
            f"{subset} ITT": metrics.choose(scores, 2),
            f"{subset} Image-P1-Neg": metrics.beats(first, foil),
            f"{subset} Image-P2-Neg": metrics.beats(second, foil),
        }
    yield judging.verdict(item, scores, outcomes)


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the five files."""
    folder = next(iter(files.values())).parent
    pictures = ImageFinder([*shelf.named("val2017"), folder], shelf)
    items: list[Item] = []
    counts = []
    for subset, path in files.items():
        found = read_items(path, subset, pictures)
        counts.append(Count(subset, len(found) // 2, PUBLISHED[subset]))
        items += limited(found, options.limit and 2 * options.limit)
    rows = {task: [f"{subset} {task}" for subset in files] for task in ("ITT", "TOT")}
    return ItemSuite(
        name="sugarcrepe++",
        items=items,
        judge=judge,
        averages={
            "macro_5_itt": mean(*rows["ITT"]),
            "macro_5_tot": mean(*rows["TOT"]),
            "micro_itt": pool(*rows["ITT"]),
            "micro_tot": pool(*rows["TOT"]),
        },
        primary="macro_5_itt",
        shown=[*rows["ITT"], *rows["TOT"]],
        counts=counts,
        notes=pictures.notes(),
        files=list(files.values()),
        absent=frozenset(pictures.missing),
    )


BENCHMARK = Benchmark(
    name="sugarcrepe++",
    measures="two ways of saying the same above a foil, with the image (ITT) and without (TOT)",
    source="github.com/Sri-Harsha/scpp data/*.json; images.cocodataset.org/zips/val2017.zip",
    license="annotations CC BY 4.0; images COCO's terms (Flickr licences)",
    files="replace_obj.json swap_att.json ... without add_obj.json + val2017/",
    find=find,
    load=load,
)
