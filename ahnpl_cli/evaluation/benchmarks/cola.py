"""COLA, multi-object (Ray et al. 2023, arijitray1993/COLA 1fa52fb): 210 pairs of images.

Each caption has to choose its image (`ColaMultiObjAcc` of their `scripts/eval.py`, strict `>`,
chance 25), which is our `image`. The text and group scores are no part of the benchmark.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    fetch,
    raw,
    read_entries,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.two_by_two import IMAGE, two_by_two_suite
from ahnpl_cli.evaluation.scoring.items import Item, Suite

FILE = "COLA_multiobjects_matching_benchmark.json"
PUBLISHED = 210
PLACES = ("vg_gqa_images", "VG_100K", "VG_100K_2")


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the file of the multi-object part."""
    for folder in folders.holding(FILE):
        return {"pairs": folders.path(folder, FILE)}
    return {}


def read_item(key: str, record: Any, images: ImageFinder, where: str) -> Item:
    """Return one pair: `[url of image 1, caption 1, url of image 2, caption 2]`.

    Raises:
        BenchmarkError: it is not four texts.
    """
    # No keys in this file: only the places of four texts tell what they are.
    texts = record if isinstance(record, list) else []
    if len(texts) != 4 or not all(isinstance(text, str) for text in texts):
        raise BenchmarkError("not [url, caption, url, caption]", where=where, hint=FETCH_AGAIN)
    # The base name of a URL is the photo's number in Visual Genome.
    refs = (images.ref(texts[0]), images.ref(texts[2]))
    return Item(key, refs, (texts[1], texts[3]), (), cluster=key)


def load(copy: LocalCopy) -> Suite:
    """Read the pairs; photos lie in a folder of Visual Genome, or beside the file."""
    path = copy.files["pairs"]
    entries = read_entries(path, list)
    images = copy.image_finder([*copy.folders.image_folders(*PLACES), path.parent])
    items = []
    for key, record in copy.limited(entries):
        items.append(read_item(key, record, images, f"{path}: {key}"))
    copy.count("pairs", len(entries), PUBLISHED)
    return two_by_two_suite(copy, items, headline=IMAGE)


BENCHMARK = Benchmark(
    name="cola",
    measures="which of two photos a caption of several objects with attributes is true of",
    source="github.com/arijitray1993/COLA data/; photos by the URLs in the file, or Visual Genome",
    license="annotations MIT; Visual Genome CC BY 4.0",
    files=f"{FILE} + vg_gqa_images/ or VG_100K/",
    size="57 kB, and 218 photos by URL",
    download=fetch(raw("arijitray1993/COLA", f"data/{FILE}"), f"cola/{FILE}")
    + f" && grep -oh 'https[^\"]*jpg' data/cola/{FILE} | sort -u "
    "| wget -nc -P data/cola/vg_gqa_images -i -",
    find=find,
    load=load,
)
