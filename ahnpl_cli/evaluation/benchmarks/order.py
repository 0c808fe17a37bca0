"""COCO-Order and Flickr30k-Order of ARO: the caption among four shuffles of its words.

The official code shuffles at load time. Here the shuffles are made once, seeded, and frozen to a
file beside the annotations (or in the cache when that folder cannot be written), which is read ever
after; its first line says with what they were made.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ahnpl_cli.data.images import file_sha256
from ahnpl_cli.english import load_spacy
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    LoadOptions,
    LocalCopy,
    field,
    read_entries,
    texts_of,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.word_order import KINDS, clean, shuffles
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Verdict
from ahnpl_cli.files import atomic_path, read_jsonl

if TYPE_CHECKING:
    from spacy.language import Language

logger = logging.getLogger(__name__)
AGAIN = "Delete it; it is made again."


class OrderDataset(NamedTuple):
    """One Order set: its annotation file, frozen file, captions published, image folders."""

    annotations: str
    frozen: str
    captions: int
    images: tuple[str, ...]


DATASETS = {
    "COCO-Order": OrderDataset("coco_karpathy_test.json", "coco_order.jsonl", 25_010, ("val2014",)),
    "Flickr30k-Order": OrderDataset(
        "flickr30k_test.json",
        "flickr30k_order.jsonl",
        5_000,
        ("flickr30k-images", "flickr30k_images"),
    ),
}


def find(folders: DataFolders) -> dict[str, Path]:
    """Return the annotation files of the sets that are there."""
    files = {}
    for name, dataset in DATASETS.items():
        for folder in folders.holding(dataset.annotations)[:1]:
            files[name] = folders.path(folder, dataset.annotations)
    return files


def read_captions(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (id, image, caption) of a BLIP-style Karpathy file; the id is `record.caption`.

    Raises:
        BenchmarkError: the file is not one.
    """
    for number, record in read_entries(path, list):
        where = f"{path}: {number}"
        image = field(record, "image", str, where=where)
        for place, caption in enumerate(texts_of(record, "caption", where=where)):
            yield f"{number}.{place}", image, caption


def _made_with(path: Path, nlp: Language, seed: int) -> dict[str, Any]:
    return {
        "source": path.name,
        "source_sha256": file_sha256(path),
        "seed": seed,
        "kinds": list(KINDS),
        "spacy": version("spacy"),
        "pipeline": f"{nlp.meta['lang']}_{nlp.meta['name']}-{nlp.meta['version']}",
        "nltk": version("nltk"),
    }


def freeze(path: Path, target: Path, options: LoadOptions) -> None:
    """Write the shuffles of every caption of `path` to `target`, all or nothing."""
    nlp = load_spacy(None, ["parser", "ner", "lemmatizer"])
    records = list(read_captions(path))
    texts = shuffles((caption for _, _, caption in records), nlp, seed=options.seed)
    with atomic_path(target) as part, part.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"made": _made_with(path, nlp, options.seed)}) + "\n")
        pairs = zip(records, texts, strict=True)
        tracked = options.track(
            pairs, total=len(records), description="Shuffling words", unit="captions"
        )
        for (key, image, caption), others in tracked:
            line = {"id": key, "image": image, "options": [caption, *others]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    logger.info("Word-order shuffles frozen to %s.", target)


def frozen_file(path: Path, dataset: OrderDataset, options: LoadOptions) -> Path:
    """Return the frozen file of an annotation file, made now if there is none."""
    frozen = path.parent / dataset.frozen
    if frozen.is_file():
        return frozen
    # Beside the data they are shared by all users of it; the cache is one user's own, so its
    # name has to say for which annotations and seed.
    if not os.access(path.parent, os.W_OK):
        stem = f"{Path(dataset.frozen).stem}-{file_sha256(path)[:12]}-seed{options.seed}.jsonl"
        frozen = options.cache / "orders" / stem
    if not frozen.is_file():
        freeze(path, frozen, options)
    return frozen


def read_frozen(target: Path, source: Path) -> tuple[int, list[tuple[str, Any]]]:
    """Return the seed of a frozen file, and (where, record) of each caption.

    Raises:
        BenchmarkError: not such a file, or made from another annotation file.
    """
    lines = read_jsonl(target, error=BenchmarkError, hint=AGAIN)
    _, header = next(lines, ("", None))
    made = header.get("made") if isinstance(header, dict) else None
    if not isinstance(made, Mapping) or not isinstance(made.get("seed"), int):
        raise BenchmarkError("not a file of shuffles", where=str(target), hint=AGAIN)
    if made.get("source_sha256") != file_sha256(source):
        raise BenchmarkError(f"made from another {source.name}", where=str(target), hint=AGAIN)
    return made["seed"], list(lines)


def _read_items(name: str, records: Sequence[tuple[str, Any]], images: ImageFinder) -> list[Item]:
    items = []
    for where, record in records:
        key = field(record, "id", str, where=where)
        image = field(record, "image", str, where=where)
        options = texts_of(record, "options", where=where)
        if len(options) != 1 + len(KINDS):
            raise BenchmarkError(f"{len(options)} options", where=where, hint=AGAIN)
        texts = tuple(clean(option) for option in options)
        items.append(Item(f"{name}/{key}", (images.ref(image),), texts, (name,), cluster=image))
    return items


def read(copy: LocalCopy, names: Sequence[str]) -> tuple[list[Item], list[Path]]:
    """Return the items of the sets found, and the frozen files they were read from.

    Raises:
        BenchmarkError: a file is not as published.
    """
    items: list[Item] = []
    frozen_files = []
    for name in names:
        path = copy.files[name]
        dataset = DATASETS[name]
        images = copy.image_finder(
            [*copy.folders.image_folders(*dataset.images), path.parent], coco=True
        )
        if copy.options.peek:
            # A look makes no shuffles; their captions and images are enough for it.
            captions = list(read_captions(path))
            copy.count(name, len(captions), dataset.captions)
            for key, image, text in captions:
                ref = images.ref(image)
                items.append(Item(f"{name}/{key}", (ref,), (text,), (name,), cluster=image))
            continue
        frozen = frozen_file(path, dataset, copy.options)
        seed, lines = read_frozen(frozen, path)
        copy.count(name, len(lines), dataset.captions)
        dataset_items = _read_items(name, copy.limited(lines), images)
        copy.notes += _notes(name, dataset_items, frozen, seed, copy.options.seed)
        items += dataset_items
        frozen_files.append(frozen)
    return items, frozen_files


def _notes(name: str, items: list[Item], frozen: Path, seed: int, wanted: int) -> list[str]:
    """Say how many items cannot be right under which rule, and which seed the shuffles are of."""
    same = 0
    for item in items:
        # Items and not options: one equal option is enough to lose an item.
        same += item.texts[0] in item.texts[1:]
    share = 100 * same / len(items) if items else 0.0
    unused = f" (--seed {wanted} is not used: the file is frozen)" if wanted != seed else ""
    return [
        f"{name}: shuffles of {frozen}, seed {seed}{unused}",
        f"{name}: {same:,} of {len(items):,} items hold an option that equals the caption, a tie. "
        f"It counts as wrong, so {100 - share:.2f} % is the most one can reach; the official "
        "script, and so the papers' numbers, count it as right: --tie official",
    ]


def is_order(item: Item) -> bool:
    """Whether an item of ARO belongs to an Order set."""
    return item.subsets[0] in DATASETS


def subsets(item: Item) -> tuple[str, ...]:
    """Return the subsets that the verdict of an item counts in."""
    (name,) = item.subsets
    return (name, *(f"{name} / {kind}" for kind in KINDS))


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """The caption above all four shuffles (P@1), and above each kind on its own."""
    (name,) = item.subsets
    outcomes = {name: judging.choose(scores, ties_win=ties_win)}
    for kind, score in zip(KINDS, scores[1:], strict=True):
        outcomes[f"{name} / {kind}"] = judging.beats(scores[0], score, ties_win=ties_win)
    yield judging.verdict(item, scores, outcomes)
