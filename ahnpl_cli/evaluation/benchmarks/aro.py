"""ARO (Yuksekgonul et al. 2023, mertyg/vision-language-models-are-bows 81fdd20): four data sets.

VG-Relation and VG-Attribution crop the box, then choose between a true and a false caption; what
papers report are macro averages, which are formed after the fact: over relations that are not
symmetric (notebook, CE-CLIP's and AHNPL's `main_aro.py`), and over attribute pairs with at least 25
items. The two Order sets are in `order.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.evaluation.benchmarks import order
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, field, limited, read_entries
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.symmetric import SYMMETRIC
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.averages import Average, Mean, mean, pool
from ahnpl_cli.evaluation.scoring.items import Count, Item, ItemSuite, Verdict

RELATION, ATTRIBUTION = "VG-Relation", "VG-Attribution"
FILES = {RELATION: "visual_genome_relation.json", ATTRIBUTION: "visual_genome_attribution.json"}
PUBLISHED = {RELATION: 23_937, ATTRIBUTION: 28_748}
LEAST = 25  # items of an attribute pair, below which the pair is left out
BOX = ("bbox_x", "bbox_y", "bbox_w", "bbox_h")


def find(shelf: DataFolders, options: Options) -> dict[str, Path]:
    """Return the files of the data sets that are there."""
    found: dict[str, Path] = {}
    for folder in shelf.holding_any(FILES.values()):
        for part, name in FILES.items():
            if name in shelf.folders[folder]:
                found.setdefault(part, folder / name)
    return found | order.find(shelf)


def _key(record: Any, part: str, where: str) -> str:
    """Return the relation, or both attributes in their order, as the scripts group by."""
    if part == RELATION:
        return str(field(record, "relation_name", str, where=where))
    return "_".join(field(record, "attributes", list, where=where))


def read_items(path: Path, part: str, pictures: ImageFinder) -> list[tuple[str, Item]]:
    """Return (key, item) of one file; the true caption stands first in an item.

    Raises:
        BenchmarkError: the file is not ARO's.
    """
    made = []
    for number, record in read_entries(path, list):
        where = f"{path}: {number}"
        name = field(record, "image_path", str, where=where)
        x, y, w, h = (int(field(record, f, (int, float), where=where)) for f in BOX)
        texts = [field(record, f, str, where=where) for f in ("true_caption", "false_caption")]
        ref = pictures.ref(name, (x, y, w, h))
        item = Item(f"{part}/{number}", (ref,), tuple(texts), (), cluster=name)
        made.append((_key(record, part, where), item))
    return made


def rows(part: str, keyed: Sequence[tuple[str, Item]], kept: set[str]) -> list[Item]:
    """Return the items with the rows they count in: all, those kept, their key."""

    def of(key: str) -> tuple[str, ...]:
        everything = f"{part} (all rows)"
        return (part, everything, f"{part} / {key}") if key in kept else (everything,)

    return [
        Item(item.id, item.images, item.texts, of(key), cluster=item.cluster) for key, item in keyed
    ]


def kept_keys(part: str, keys: Sequence[str]) -> tuple[set[str], str]:
    """Return the keys that the macro average is over, and the name of that average."""
    if part == RELATION:
        return set(keys) - SYMMETRIC, "vg_relation_macro"
    frequent = {key for key, n in Counter(keys).items() if n >= LEAST}
    if frequent:
        return frequent, "vg_attribution_macro"
    # A copy too small for the official rule: another average, so another name.
    return set(keys), "vg_attribution_macro_any_n"


def judge(item: Item, scores: tuple[float, ...], ties_win: bool) -> Iterator[Verdict]:
    """Judge Order items by all their shuffles and by each, others plainly.

    A tie wins in the Order sets alone: `argmax` over [true, 4 shuffles] takes the first index.
    """
    if len(item.texts) > 2:
        return order.judge(item, scores, ties_win)
    return judging.choose(item, scores, False)


def _read_vg(
    shelf: DataFolders, files: dict[str, Path], options: Options
) -> tuple[list[Item], list[Count], dict[str, Average], ImageFinder]:
    items: list[Item] = []
    counts: list[Count] = []
    averages: dict[str, Average] = {}
    here = [path.parent for path in files.values()]
    pictures = ImageFinder([*(folder / "images" for folder in here), *shelf.named("images"), *here])
    for part, path in files.items():
        keyed = read_items(path, part, pictures)
        counts.append(Count(part, len(keyed), PUBLISHED[part]))
        keyed = list(limited(keyed, options.limit))
        kept, name = kept_keys(part, [key for key, _ in keyed])
        items += rows(part, keyed, kept)
        averages[name] = mean(*(f"{part} / {key}" for key in sorted(kept)))
        short = name.split("_macro")[0]
        averages[f"{short}_micro"] = pool(part)
        averages[f"{short}_micro_all_rows"] = pool(f"{part} (all rows)")
    return items, counts, averages, pictures


def _overall(averages: dict[str, Average], orders: list[str]) -> tuple[dict[str, Average], str]:
    """Add the averages over data sets; the papers' "ARO Avg" is the mean of the two VG macros."""
    macros = {name: a for name, a in averages.items() if "_macro" in name}
    made = dict(averages)
    if len(macros) == 2:
        suffix = "_any_n" if any(name.endswith("_any_n") for name in macros) else ""
        made = {f"macro_vg{suffix}": Mean(tuple(macros.values())), **made}
        if len(orders) == 2:
            made["macro_4_datasets"] = Mean((*macros.values(), *(pool(o) for o in orders)))
    made |= {f"{name.lower().replace('-', '_')}_p1": pool(name) for name in orders}
    return made, next(iter(made))


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> ItemSuite:
    """Read the data sets that `find` found; make Order's shuffles if nobody has yet."""
    vg = {part: path for part, path in files.items() if part in FILES}
    items, counts, averages, pictures = _read_vg(shelf, vg, options)
    orders = {part: path for part, path in files.items() if part not in FILES}
    made = order.load(shelf, orders, options)
    averages, primary = _overall(averages, list(orders))
    absent = [part for part in (*FILES, *order.SETS) if part not in files]
    notes = [*made.notes, *([f"data sets not here: {', '.join(absent)}"] if absent else [])]
    if "vg_attribution_macro_any_n" in averages:
        notes.append(f"no attribute pair has {LEAST} items: vg_attribution_macro_any_n is over all")
    return ItemSuite(
        name="aro",
        items=[*items, *made.items],
        judge=judge,
        averages=averages,
        primary=primary,
        shown=list(files),
        counts=[*counts, *made.counts],
        notes=notes,
        files=[*files.values(), *made.frozen],
        official_ties_win=True,
        absent=frozenset(pictures.missing | made.missing),
    )


BENCHMARK = Benchmark(
    name="aro",
    measures="relations and attributes exchanged between objects; word order of captions",
    source="github.com/mertyg/vision-language-models-are-bows (Google Drive links in dataset_zoo); "
    "COCO val2014/; Flickr30k by request, forms.illinois.edu/sec/229675",
    license="code MIT; Visual Genome CC BY 4.0; COCO's terms; Flickr30k research only",
    files="visual_genome_relation.json visual_genome_attribution.json + images/; "
    "coco_karpathy_test.json + val2014/; flickr30k_test.json + flickr30k-images/",
    find=find,
    load=load,
)
