"""SPEC (Peng et al. 2024, wjpoom/SPEC): size, position, existence and count, both ways.

Image to text: an image and its candidate texts; text to image: a text and candidate images. The
headline is the mean of both directions, each the unweighted mean over subsets (`spec/eval.py`). The
right candidate is any of them, and `argmax` takes the first of equal ones; here a tie is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    field,
    from_hub,
    read_entries,
    texts_of,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict
from ahnpl_cli.evaluation.scoring.statistics import mean

SUBSETS = (
    "absolute_size",
    "relative_size",
    "absolute_spatial",
    "relative_spatial",
    "existence",
    "count",
)
# Our name of a direction and the file of it, in the folder of each subset.
FILES = {"I2T": "image2text.json", "T2I": "text2image.json"}


def find(folders: DataFolders) -> dict[str, Path]:
    """Return both files of every subset that is here."""
    files: dict[str, Path] = {}
    for subset in SUBSETS:
        for folder in folders.named(subset):
            for way, name in FILES.items():
                if name in folders.contents[folder]:
                    files.setdefault(f"{subset} {way}", folders.path(folder, name))
    return files


def _right_first(record: Any, where: str) -> list[str]:
    """Return the candidates, the right one first."""
    keys = texts_of(record, "keys", where=where)
    label = field(record, "label", int, where=where)
    if not 0 <= label < len(keys) or len(keys) < 2:
        raise BenchmarkError("label names no candidate", where=where, hint=FETCH_AGAIN)
    return [keys[label], *keys[:label], *keys[label + 1 :]]


def read_items(role: str, path: Path, images: ImageFinder) -> list[Item]:
    """Return the items of one file; its images lie below the folder of the file.

    Raises:
        BenchmarkError: the file is not SPEC's.
    """
    items = []
    for key, record in read_entries(path, list):
        where = f"{path}: {key}"
        query = field(record, "query", str, where=where)
        candidates = _right_first(record, where)
        refs: tuple[ImageRef, ...] = (images.below([path.parent], query),)
        texts = tuple(candidates)
        # Images of subsets share names, so each is looked up below its own file's folder.
        if role.endswith("T2I"):
            refs = tuple(images.below([path.parent], name) for name in candidates)
            texts = (query,)
        items.append(Item(f"{role}/{key}", refs, texts, (role,), cluster=refs[0].path.name))
    return items


def judge(item: Item, scores: Scores, ties_win: bool) -> list[Verdict]:
    """Choose a text for the image, or an image for the text: the right one is the first."""
    choose = judging.choose_caption if len(item.images) == 1 else judging.choose_image
    return list(choose(item, scores, ties_win))


def load(copy: LocalCopy) -> Suite:
    """Read every file that `find` found."""
    images = copy.image_finder(())
    items: list[Item] = []
    for role, path in copy.files.items():
        of_file = read_items(role, path, images)
        copy.count(role, len(of_file), None)
        items += copy.limited(of_file)
    ways = {way: mean(*(f"{subset} {way}" for subset in SUBSETS)) for way in FILES}
    copy.note_absent("files", (f"{subset} {way}" for subset in SUBSETS for way in FILES))
    return copy.item_suite(
        items,
        {"mean_both_ways": mean(*ways.values()), **{f"macro_6_{way}": ways[way] for way in ways}},
        main_subsets=list(copy.files),
        judge=judging.Judge(judge, lambda item: item.subsets, judging.guess_choice),
    )


BENCHMARK = Benchmark(
    name="spec",
    measures="size, position, existence and count: text for an image, and image for a text",
    source="huggingface.co/datasets/wjpoom/SPEC: data.zip",
    license="as its page says",
    files="absolute_size/image2text.json, text2image.json and their images; six such folders",
    size="one archive of six subsets",
    download=from_hub("wjpoom/SPEC", "spec", "data.zip")
    + " && unzip -q data/spec/data.zip -d data/spec",
    find=find,
    load=load,
)
