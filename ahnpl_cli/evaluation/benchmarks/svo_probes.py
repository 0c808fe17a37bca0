"""SVO-Probes (Hendricks and Nematzadeh 2021, google-deepmind/svo_probes): subject, verb, object.

One sentence and two images, the second of which differs in the subject, the verb or the object.
The paper asks of each image alone whether the sentence is true of it; of models that only compare,
papers on CLIP ask which image is nearer, and so do we: the first has to be above the second.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks.base import (
    Benchmark,
    LocalCopy,
    counted,
    csv_records,
    fetch,
    raw,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.judging import IMAGE_CHOICE
from ahnpl_cli.evaluation.scoring.statistics import mean, pool

FILE = "svo_probes.csv"
# What differs in the second image, by the column that says so.
CHANGED = {"subj_neg": "subject", "verb_neg": "verb", "obj_neg": "object"}
COLUMNS = ("sentence", "pos_url", "neg_url", "pos_image_id", "neg_image_id", *CHANGED)


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the annotation file."""
    for folder in folders.holding(FILE):
        return {"sentences": folders.path(folder, FILE)}
    return {}


def _image(row: dict[str, str], side: str, images: ImageFinder, here: set[str]) -> ImageRef:
    """Return one image: downloaders call them by number, or by the end of their URL."""
    number = row[f"{side}_image_id"].strip()
    end_of_url = PurePosixPath(urlparse(row[f"{side}_url"]).path).name
    names = [f"{side}_{number}.jpg", f"{number}.jpg", end_of_url]
    return images.ref(next((name for name in names if name in here), names[1]))


def load(copy: LocalCopy) -> Suite:
    """Read the sentences; images lie in `images/` beside the file."""
    path = copy.files["sentences"]
    places = [path.parent / "images", *copy.folders.below(path.parent)]
    images = copy.image_finder(places)
    here: set[str] = set()
    for place in places:
        here.update(copy.folders.contents.get(place, ()))
    rows = csv_records(path, COLUMNS)
    items = []
    unknown = 0
    for number, (_, row) in enumerate(rows):
        # Exactly one of three columns is true in a published row.
        changed = [name for column, name in CHANGED.items() if row[column].lower() == "true"]
        if len(changed) != 1:
            unknown += 1
            continue
        refs = (_image(row, "pos", images, here), _image(row, "neg", images, here))
        cluster = refs[0].path.name
        texts = (row["sentence"].strip(),)
        items.append(Item(str(number), refs, texts, tuple(changed), cluster=cluster))
    if unknown:
        copy.notes.append(f"{counted(unknown, 'row')} with none or several changes left out")
    copy.count("sentences", len(rows), None)
    changes = list(CHANGED.values())
    return copy.item_suite(
        copy.limited(items),
        {"macro_3_changes": mean(*changes), "micro": pool(*changes)},
        main_subsets=changes,
        judge=IMAGE_CHOICE,
    )


BENCHMARK = Benchmark(
    name="svo-probes",
    measures="which of two images a sentence is true of: subject, verb or object changed",
    source="github.com/google-deepmind/svo_probes: svo_probes.csv, images by URL",
    license="annotations CC BY 4.0; images by their owners' terms",
    files=f"{FILE} + images/pos_<id>.jpg or images/<id>.jpg",
    size="a table; its images by URL, with a tool such as img2dataset",
    download=fetch(raw("google-deepmind/svo_probes", FILE), f"svo/{FILE}"),
    find=find,
    load=load,
)
