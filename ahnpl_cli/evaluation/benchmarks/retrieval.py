"""Image-text retrieval on Karpathy's test splits: COCO 5k and Flickr30k 1k, R@1, 5, 10 both ways.

I2T: one of the image's captions is among the k nearest captions; T2I: the image is among the k
nearest images. All captions as annotated, no prompt, no cleaning (CLIP_benchmark, vl_compo).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks.base import (
    COCO_VAL2014,
    Benchmark,
    LocalCopy,
    counted,
    fetch,
)
from ahnpl_cli.evaluation.benchmarks.captioned_images import SOURCES, find, read
from ahnpl_cli.evaluation.scoring.items import (
    Features,
    Floats,
    Guesses,
    Suite,
    SuiteVerdicts,
    Verdict,
)
from ahnpl_cli.evaluation.scoring.statistics import Average, mean

KS = (1, 5, 10)
WAYS = ("I2T", "T2I")
KARPATHY = "https://storage.googleapis.com/sfr-vision-language-research/datasets"
BLOCK = 256  # queries ranked at once: 26 MB of similarities against 25,010 captions
Captioned = tuple[ImageRef, tuple[str, ...]]


class Ranks(NamedTuple):
    """Ranks of the right answers, 0 first.

    Attributes:
        strict: candidates at or above the right one; a tie counts against it.
        lenient: candidates above it.
        scores: similarity of the right one.
    """

    strict: NDArray[np.int64]
    lenient: NDArray[np.int64]
    scores: Floats


def ranks(
    queries: Floats, candidates: Floats, copies: NDArray[np.int64], right: Sequence[Sequence[int]]
) -> Ranks:
    """Rank the best right candidate of each query, in blocks of queries.

    Args:
        queries: (Q, D) L2-normalized.
        candidates: (C, D) L2-normalized, distinct.
        copies: (C,) how many annotated candidates each stands for. Identical captions are one
            candidate: no model can tell them apart, so they do not count against each other.
        right: per query, its right candidates.
    """
    strict = np.empty(len(queries), dtype=np.int64)
    lenient = np.empty(len(queries), dtype=np.int64)
    best = np.empty(len(queries), dtype=np.float32)
    for start in range(0, len(queries), BLOCK):
        # The whole matrix of COCO has 500 MB; blocks of it hold 26.
        block = queries[start : start + BLOCK] @ candidates.T
        for query, similarities in enumerate(block, start):
            own = list(right[query])
            top = similarities[own].max()
            similarities[own] = -np.inf  # other right answers are never in the way
            strict[query] = copies[similarities >= top].sum()
            lenient[query] = copies[similarities > top].sum()
            best[query] = top
    return Ranks(strict, lenient, best)


@dataclass(frozen=True, kw_only=True)
class RetrievalTask:
    """Retrieval on the data sets found; see `items.Task`.

    Attributes:
        data: (image, captions) of every data set, in the file's order.
        absent: images that are not on this disk.
    """

    data: Mapping[str, Sequence[Captioned]]
    absent: frozenset[Path]

    @cached_property
    def scored(self) -> dict[str, list[Captioned]]:
        """The images that are here, by data set."""
        return {
            dataset: [pair for pair in pairs if pair[0].path not in self.absent]
            for dataset, pairs in self.data.items()
        }

    @cached_property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not there."""
        paths: dict[Path, None] = {}
        for pairs in self.data.values():
            paths |= dict.fromkeys(ref.path for ref, _ in pairs)
        return [path for path in paths if path in self.absent]

    @property
    def is_scorable(self) -> bool:
        """Whether any image is here."""
        return any(self.scored.values())

    def totals(self) -> Mapping[str, int]:
        """Return the queries per subset if no image were missing."""
        totals: dict[str, int] = {}
        for dataset, pairs in self.data.items():
            captions = sum(len(texts) for _, texts in pairs)
            for way, queries in zip(WAYS, (len(pairs), captions), strict=True):
                totals |= {f"{dataset} {way} R@{k}": queries for k in KS}
        return totals

    def guesses(self) -> Guesses:
        """Return what guessing gives: a right one among the first k; see `items.Task.guesses`."""
        total: Guesses = {}
        for dataset, pairs in self.scored.items():
            captions = sum(len(texts) for _, texts in pairs)
            text, image = (f"{dataset} {way}" for way in WAYS)
            for k in KS if pairs else ():
                found = sum(_hit(len(texts), captions, k) for _, texts in pairs)
                total[f"{text} R@{k}"] = (found, len(pairs))
                total[f"{image} R@{k}"] = (captions * _hit(1, len(pairs), k), captions)
        return total

    def images(self) -> Iterable[ImageRef]:
        """Yield the images to encode."""
        for pairs in self.scored.values():
            yield from (ref for ref, _ in pairs)

    def texts(self) -> Iterable[str]:
        """Yield the captions to encode."""
        for pairs in self.scored.values():
            for _, texts in pairs:
                yield from texts

    def score(self, features: Features, *, official_ties: bool = False) -> SuiteVerdicts:
        """Return one verdict per image and per caption; see `items.Task.score`."""
        verdicts: list[Verdict] = []
        for dataset, pairs in self.scored.items():
            if pairs:
                verdicts += _score(dataset, pairs, features, official_ties)
        return SuiteVerdicts(verdicts)


def _hit(right: int, candidates: int, k: int) -> float:
    """Return how likely one of the right candidates is among k drawn of all."""
    # Without replacement: each candidate stands in the ranking once.
    missed = 1.0
    for drawn in range(min(k, candidates)):
        missed *= max(0, candidates - right - drawn) / (candidates - drawn)
    return 1 - missed


def _score(
    dataset: str, pairs: Sequence[Captioned], features: Features, official_ties: bool
) -> Iterator[Verdict]:
    captions: list[str] = []
    owner: list[int] = []
    for number, (_, texts) in enumerate(pairs):
        captions += texts
        owner += [number] * len(texts)
    # "A man riding a wave" is annotated for many images: one candidate, that many copies.
    distinct = {text: i for i, text in enumerate(dict.fromkeys(captions))}
    caption_rows = [distinct[text] for text in captions]
    copies = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(copies, caption_rows, 1)
    image_features = features.images([ref for ref, _ in pairs])
    text_features = features.texts(list(distinct))
    own_captions = [[distinct[text] for text in texts] for _, texts in pairs]
    once = np.ones(len(image_features), dtype=np.int64)
    image_to_text = ranks(image_features, text_features, copies, own_captions)
    text_to_image = ranks(
        text_features[caption_rows], image_features, once, [[image] for image in owner]
    )
    names = [ref.path.name for ref, _ in pairs]
    yield from _verdicts(f"{dataset} I2T", names, image_to_text, official_ties)
    caption_images = [names[image] for image in owner]
    yield from _verdicts(f"{dataset} T2I", caption_images, text_to_image, official_ties)


def _verdicts(way: str, names: Sequence[str], found: Ranks, lenient: bool) -> Iterator[Verdict]:
    places = found.lenient if lenient else found.strict
    for number, (name, place) in enumerate(zip(names, places.tolist(), strict=True)):
        above = int(found.lenient[number])
        correct = {f"{way} R@{k}": place < k for k in KS}
        ties = tuple(f"{way} R@{k}" for k in KS if above < k <= int(found.strict[number]))
        scores = (float(found.scores[number]), float(place))
        yield Verdict(f"{way}/{number}", name, correct, ties, scores)


def _averages(datasets: Sequence[str]) -> dict[str, Average]:
    """Return the mean of I2T and T2I at each k, over both data sets if both are here, and of each.

    R@1 comes first: it is the headline.
    """
    averages: dict[str, Average] = {}
    for k in KS:
        pairs = {dataset: [f"{dataset} {way} R@{k}" for way in WAYS] for dataset in datasets}
        if len(pairs) == len(SOURCES):
            averages[f"mean_r{k}"] = mean(*(row for pair in pairs.values() for row in pair))
        for dataset, pair in pairs.items():
            averages[f"{dataset.lower()}_mean_r{k}"] = mean(*pair)
    return averages


def load(copy: LocalCopy) -> Suite:
    """Read the data sets that `find` found; `limit` takes the first images of each."""
    copy.notes.append("scores of an item: similarity of the right answer, its rank from 0")
    data: dict[str, list[Captioned]] = {}
    for dataset, path in copy.files.items():
        source = SOURCES[dataset]
        everything, orphans = read(path)
        images = copy.image_finder(
            [*copy.folders.image_folders(*source.images), path.parent], coco=True
        )
        kept = copy.limited(everything)
        data[dataset] = [(images.ref(entry.image), entry.captions) for entry in kept]
        n_captions = sum(len(entry.captions) for entry in everything)
        copy.count(f"{dataset} images", len(everything), source.n_images)
        copy.count(f"{dataset} captions", n_captions, source.n_captions)
        if orphans:
            what = f"{dataset}: {counted(orphans, 'annotation')} of images that it does not list"
            copy.notes.append(f"{what}, left out")
        here = sum(ref.path not in images.missing for ref, _ in data[dataset])
        if here < source.n_images:
            copy.notes.append(
                f"{dataset}: ranked among {counted(here, 'image')}, easier than among the "
                f"published {source.n_images:,}"
            )
    task = RetrievalTask(data=data, absent=copy.absent)
    return copy.suite(task, _averages(list(data)), main_subsets=list(task.totals()))


BENCHMARK = Benchmark(
    name="retrieval",
    measures="finding an image's captions among all, and a caption's image (R@1, 5, 10)",
    source="storage.googleapis.com/sfr-vision-language-research/datasets/coco_karpathy_test.json "
    "and flickr30k_test.json; images COCO val2014/, Flickr30k by request",
    license="COCO's terms; Flickr30k research only",
    files="coco_karpathy_test.json + val2014/; flickr30k_test.json + flickr30k-images/",
    size="2 MB, and COCO val2014: 6.6 GB; Flickr30k apart",
    download=fetch(f"{KARPATHY}/coco_karpathy_test.json", "coco_karpathy_test.json")
    + f" && {COCO_VAL2014}",
    find=find,
    load=load,
)
