"""COCO-Order and Flickr30k-Order of ARO: the caption among four shuffles of its words.

The official code shuffles at load time. Here the shuffles are made once, seeded, and frozen to a
file beside the annotations (or in the cache when that folder cannot be written), which is read ever
after; its first line says with what they were made.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ahnpl_cli.data.images import file_sha256
from ahnpl_cli.data.spacy_models import load_spacy
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import Options, field, limited, read_entries
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.benchmarks.word_order import KINDS, clean, shuffles
from ahnpl_cli.evaluation.scoring import judging, metrics
from ahnpl_cli.evaluation.scoring.items import Count, Item, Verdict
from ahnpl_cli.files import atomic_path

if TYPE_CHECKING:
    from spacy.language import Language

logger = logging.getLogger(__name__)


class Set(NamedTuple):
    """One Order set: its annotation file, frozen file, captions published, image folders."""

    annotations: str
    frozen: str
    captions: int
    images: tuple[str, ...]


SETS = {
    "COCO-Order": Set("coco_karpathy_test.json", "coco_order.jsonl", 25_010, ("val2014",)),
    "Flickr30k-Order": Set(
        "flickr30k_test.json",
        "flickr30k_order.jsonl",
        5_000,
        ("flickr30k-images", "flickr30k_images"),
    ),
}


@dataclass(slots=True)
class Loaded:
    """Items of the sets found, and what has to be said of them."""

    items: list[Item] = dataclasses.field(default_factory=list)
    counts: list[Count] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    frozen: list[Path] = dataclasses.field(default_factory=list)
    missing: set[Path] = dataclasses.field(default_factory=set)


def find(shelf: DataFolders) -> dict[str, Path]:
    """Return the annotation files of the sets that are there."""
    found = {}
    for name, one in SETS.items():
        for folder in shelf.holding(one.annotations)[:1]:
            found[name] = folder / one.annotations
    return found


def read_captions(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (id, image, caption) of a BLIP-style Karpathy file; the id is `record.caption`.

    Raises:
        BenchmarkError: the file is not one.
    """
    for number, record in read_entries(path, list):
        where = f"{path}: {number}"
        image = field(record, "image", str, where=where)
        captions = field(record, "caption", list, where=where)
        for place, caption in enumerate(captions):
            yield f"{number}.{place}", image, str(caption)


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


def freeze(path: Path, target: Path, options: Options) -> None:
    """Write the shuffles of every caption of `path` to `target`, all or nothing."""
    nlp = load_spacy(None, ["parser", "ner", "lemmatizer"])
    records = list(read_captions(path))
    texts = shuffles((caption for _, _, caption in records), nlp, seed=options.seed)
    with atomic_path(target) as part, part.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"made": _made_with(path, nlp, options.seed)}) + "\n")
        made = zip(records, texts, strict=True)
        for (key, image, caption), others in options.track(
            made, total=len(records), description="shuffling", unit="captions"
        ):
            line = {"id": key, "image": image, "options": [caption, *others]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    logger.info(f"word-order shuffles frozen to {target}")


def frozen_file(path: Path, one: Set, options: Options) -> Path:
    """Return the frozen file of an annotation file, made now if there is none."""
    beside = path.parent / one.frozen
    if beside.is_file():
        return beside
    if not os.access(path.parent, os.W_OK):
        stem = f"{Path(one.frozen).stem}-{file_sha256(path)[:12]}-seed{options.seed}.jsonl"
        beside = options.cache / "orders" / stem
    if not beside.is_file():
        freeze(path, beside, options)
    return beside


def read_frozen(target: Path, source: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what a frozen file was made with, and its records.

    Raises:
        BenchmarkError: not such a file, or made from another annotation file.
    """
    try:
        lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
        made, records = lines[0]["made"], lines[1:]
    except (OSError, ValueError, LookupError, TypeError) as error:
        hint = "Delete it; it is made again."
        raise BenchmarkError("not a file of shuffles", where=str(target), hint=hint) from error
    if made.get("source_sha256") != file_sha256(source):
        hint = "Delete it; it is made again."
        raise BenchmarkError(f"made from another {source.name}", where=str(target), hint=hint)
    return made, records


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> Loaded:
    """Return the items of the sets found.

    Raises:
        BenchmarkError: a file is not as published.
    """
    loaded = Loaded()
    for name, path in files.items():
        one = SETS[name]
        if options.peek:
            _peek(name, path, shelf, loaded)
            continue
        frozen = frozen_file(path, one, options)
        made, records = read_frozen(frozen, path)
        pictures = ImageFinder([*shelf.named(*one.images), path.parent], shelf)
        items = list(_items(name, limited(records, options.limit), pictures))
        loaded.items += items
        loaded.counts.append(Count(name, len(records), one.captions))
        loaded.frozen.append(frozen)
        loaded.missing |= pictures.missing
        loaded.notes += pictures.notes()
        same = sum(text == item.texts[0] for item in items for text in item.texts[1:])
        loaded.notes.append(
            f"{name}: shuffles of {frozen}, seed {made['seed']}; {same:,} of {4 * len(items):,} "
            "equal their caption, a tie, which the official script counts as right"
        )
    return loaded


def _peek(name: str, path: Path, shelf: DataFolders, loaded: Loaded) -> None:
    """Look at captions and images without making shuffles."""
    pictures = ImageFinder([*shelf.named(*SETS[name].images), path.parent], shelf)
    records = [{"id": i, "image": im, "options": [c]} for i, im, c in read_captions(path)]
    loaded.items += _items(name, records, pictures)
    loaded.counts.append(Count(name, len(records), SETS[name].captions))
    loaded.missing |= pictures.missing


def _items(name: str, records: Sequence[dict[str, Any]], pictures: ImageFinder) -> Iterator[Item]:
    for record in records:
        texts = tuple(clean(option) for option in record["options"])
        ref = pictures.ref(record["image"])
        yield Item(f"{name}/{record['id']}", (ref,), texts, (name,), cluster=record["image"])


def judge(item: Item, scores: tuple[float, ...], ties_win: bool) -> Iterator[Verdict]:
    """The caption above all four shuffles (P@1), and above each kind on its own."""
    (name,) = item.rows
    outcomes = {name: metrics.choose(scores, ties_win=ties_win)}
    for kind, score in zip(KINDS, scores[1:], strict=True):
        outcomes[f"{name} / {kind}"] = metrics.beats(scores[0], score, ties_win=ties_win)
    yield judging.verdict(item, scores, outcomes)
