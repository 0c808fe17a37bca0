"""Image-text retrieval on Karpathy's test splits: COCO 5k and Flickr30k 1k, R@1, 5, 10 both ways.

I2T: one of the image's captions is among the k nearest captions; T2I: the image is among the k
nearest images. All captions as annotated, no prompt, no cleaning (CLIP_benchmark, vl_compo).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks.base import Benchmark, Options, counted, limited
from ahnpl_cli.evaluation.benchmarks.captioned_images import SOURCES, find, read
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder
from ahnpl_cli.evaluation.scoring.averages import Average, mean
from ahnpl_cli.evaluation.scoring.items import Count, Features, Floats, Outcome, Verdict

KS = (1, 5, 10)
BLOCK = 256  # queries ranked at once: 26 MB of similarities against 25,010 captions


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
        queries: (Q, D) L2-normalised.
        candidates: (C, D) L2-normalised, distinct.
        copies: (C,) how many annotated candidates each stands for. Identical captions are one
            candidate: no model can tell them apart, so they do not count against each other.
        right: per query, its right candidates.
    """
    strict, lenient = (np.empty(len(queries), dtype=np.int64) for _ in range(2))
    best = np.empty(len(queries), dtype=np.float32)
    for start in range(0, len(queries), BLOCK):
        scores = queries[start : start + BLOCK] @ candidates.T
        for row, line in enumerate(scores):
            mine = list(right[start + row])
            top = line[mine].max()
            line[mine] = -np.inf  # other right answers are never in the way
            strict[start + row] = copies[line >= top].sum()
            lenient[start + row] = copies[line > top].sum()
            best[start + row] = top
    return Ranks(strict, lenient, best)


@dataclass(frozen=True, kw_only=True)
class RetrievalSuite:
    """Retrieval on the data sets found; see `items.Suite`.

    Attributes:
        data: (image, captions) of every data set, in the file's order.
        absent: images that are not on this disk.
    """

    name: str
    data: Mapping[str, Sequence[tuple[ImageRef, tuple[str, ...]]]]
    counts: Sequence[Count]
    notes: Sequence[str]
    files: Sequence[Path]
    absent: frozenset[Path]

    @property
    def shown(self) -> Sequence[str]:
        """Every row is shown."""
        return [row for name in self.data for row in rows(name)]

    @property
    def averages(self) -> Mapping[str, Average]:
        """Mean of I2T and T2I at each k, per data set, and over both if both are here."""
        made: dict[str, Average] = {}
        for k in KS:
            of = {n: [f"{n} I2T R@{k}", f"{n} T2I R@{k}"] for n in self.data}
            if len(of) == len(SOURCES):
                made[f"mean_r{k}"] = mean(*(row for pair in of.values() for row in pair))
            made |= {f"{n.lower()}_mean_r{k}": mean(*pair) for n, pair in of.items()}
        return made

    @property
    def primary(self) -> str:
        """R@1, both ways, of the data sets found."""
        return next(iter(self.averages))

    def _scored(self, name: str) -> list[tuple[ImageRef, tuple[str, ...]]]:
        return [pair for pair in self.data[name] if pair[0].path not in self.absent]

    @property
    def missing(self) -> Sequence[Path]:
        """Distinct images that are not there."""
        paths = dict.fromkeys(ref.path for pairs in self.data.values() for ref, _ in pairs)
        return [path for path in paths if path in self.absent]

    def totals(self) -> Mapping[str, int]:
        """Return the queries per row if no image were missing."""
        made: dict[str, int] = {}
        for name, pairs in self.data.items():
            captions = sum(len(texts) for _, texts in pairs)
            made |= {f"{name} I2T R@{k}": len(pairs) for k in KS}
            made |= {f"{name} T2I R@{k}": captions for k in KS}
        return made

    def images(self) -> Iterable[ImageRef]:
        """Yield the images to encode."""
        return (ref for name in self.data for ref, _ in self._scored(name))

    def texts(self) -> Iterable[str]:
        """Yield the captions to encode."""
        return (text for name in self.data for _, texts in self._scored(name) for text in texts)

    def score(self, features: Features, *, official_ties: bool = False) -> Outcome:
        """Return one verdict per image and per caption; see `items.Suite.score`."""
        verdicts: list[Verdict] = []
        for name in self.data:
            pairs = self._scored(name)
            if pairs:
                verdicts += _score(name, pairs, features, official_ties)
        return Outcome(verdicts)


def rows(name: str) -> list[str]:
    """Return the six rows of a data set."""
    return [f"{name} {way} R@{k}" for way in ("I2T", "T2I") for k in KS]


def _score(
    name: str,
    pairs: Sequence[tuple[ImageRef, tuple[str, ...]]],
    features: Features,
    official_ties: bool,
) -> Iterator[Verdict]:
    captions = [text for _, texts in pairs for text in texts]
    distinct = {text: i for i, text in enumerate(dict.fromkeys(captions))}
    copies = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(copies, [distinct[text] for text in captions], 1)
    images, texts = features.images([ref for ref, _ in pairs]), features.texts(list(distinct))
    owner = [i for i, (_, mine) in enumerate(pairs) for _ in mine]
    names = [ref.path.name for ref, _ in pairs]
    i2t = ranks(images, texts, copies, [[distinct[t] for t in mine] for _, mine in pairs])
    t2i = ranks(
        texts[[distinct[text] for text in captions]],
        images,
        np.ones(len(images), dtype=np.int64),
        [[i] for i in owner],
    )
    yield from _verdicts(f"{name} I2T", names, i2t, official_ties)
    yield from _verdicts(f"{name} T2I", [names[i] for i in owner], t2i, official_ties)


def _verdicts(way: str, names: Sequence[str], found: Ranks, lenient: bool) -> Iterator[Verdict]:
    places = found.lenient if lenient else found.strict
    for number, (name, place) in enumerate(zip(names, places.tolist(), strict=True)):
        above = int(found.lenient[number])
        correct = {f"{way} R@{k}": place < k for k in KS}
        ties = tuple(f"{way} R@{k}" for k in KS if above < k <= int(found.strict[number]))
        scores = (float(found.scores[number]), float(place))
        yield Verdict(f"{way}/{number}", name, correct, ties, scores)


def load(shelf: DataFolders, files: dict[str, Path], options: Options) -> RetrievalSuite:
    """Read the data sets that `find` found; `limit` takes the first images of each."""
    data, counts = {}, []
    notes = ["scores of an item: similarity of the right answer, its rank from 0"]
    missing: set[Path] = set()
    for name, path in files.items():
        source, everything = SOURCES[name], read(path)
        pictures = ImageFinder([*shelf.named(*source.images), path.parent], shelf)
        kept = limited(everything, options.limit)
        data[name] = [(pictures.ref(one.image), one.captions) for one in kept]
        n_captions = sum(len(one.captions) for one in everything)
        counts.append(Count(f"{name} images", len(everything), source.n_images))
        counts.append(Count(f"{name} captions", n_captions, source.n_captions))
        missing |= pictures.missing
        notes += pictures.notes()
        here = sum(ref.path not in pictures.missing for ref, _ in data[name])
        if here < source.n_images:
            notes.append(
                f"{name}: ranked among {counted(here, 'image')}, easier than among the published "
                f"{source.n_images:,}"
            )
    return RetrievalSuite(
        name="retrieval",
        data=data,
        counts=counts,
        notes=notes,
        files=list(files.values()),
        absent=frozenset(missing),
    )


BENCHMARK = Benchmark(
    name="retrieval",
    measures="finding an image's captions among all, and a caption's image (R@1, 5, 10)",
    source="storage.googleapis.com/sfr-vision-language-research/datasets/coco_karpathy_test.json "
    "and flickr30k_test.json; images COCO val2014/, Flickr30k by request",
    license="COCO's terms; Flickr30k research only",
    files="coco_karpathy_test.json + val2014/; flickr30k_test.json + flickr30k-images/",
    find=find,
    load=load,
)
