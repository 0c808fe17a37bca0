"""Scores of an image-text matching model, pair by pair, where a dual encoder has cosines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from ahnpl_cli.backbones.matching import Matcher, match
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError, ConfigError, DataError, ModelError
from ahnpl_cli.evaluation.scoring.items import Floats, Item, Scores, Suite
from ahnpl_cli.evaluation.scoring.judging import ItemTask
from ahnpl_cli.progress import Track, silent

# Items whose pairs are scored together: enough that a picture of several items is encoded once.
_ITEMS = 256


def check_matchable(suites: Sequence[Suite], model: str) -> None:
    """Return if every suite asks for pairs of a picture and a text alone.

    Raises:
        ConfigError: one compares texts, or all pictures with all texts.
    """
    for suite in suites:
        task = suite.task
        if isinstance(task, ItemTask) and not any(item.text_only for item in task.items):
            continue
        raise ConfigError(
            f"{suite.name} needs features, and {model} only scores pairs",
            hint="Leave the suite out, or evaluate dual encoders on it.",
        )


class PairScores:
    """One matcher's scores, computed when a suite asks for them.

    Args:
        matcher: the model.
        batch_size: pictures, and pairs, computed at once.
        track: shows progress.
    """

    def __init__(self, matcher: Matcher, *, batch_size: int, track: Track = silent) -> None:
        self._matcher, self._batch_size, self._track = matcher, batch_size, track

    def images(self, refs: Sequence[ImageRef]) -> Floats:
        """Raise: `check_matchable` lets no suite through that asks for features."""
        raise NotImplementedError

    def texts(self, texts: Sequence[str]) -> Floats:
        """Raise; see `images`."""
        raise NotImplementedError

    def similarities(self, items: Sequence[Item]) -> Iterator[tuple[Item, Scores]]:
        """Yield each item with its scores, image by image, caption by caption.

        Raises:
            BenchmarkError: an image cannot be decoded.
            ModelError: a score is not a number.
        """
        starts = range(0, len(items), _ITEMS)
        for start in self._track(starts, description="Scoring pairs", unit="chunks"):
            chunk = items[start : start + _ITEMS]
            scores = self._score([pair for item in chunk for pair in _pairs(item)])
            for item in chunk:
                yield item, tuple(scores[pair] for pair in _pairs(item))

    def _score(self, pairs: Sequence[tuple[ImageRef, str]]) -> dict[tuple[ImageRef, str], float]:
        # Captions come back with several foils, and each pair costs a forward pass.
        distinct = list(dict.fromkeys(pairs))
        images = [image for image, _ in distinct]
        texts = [text for _, text in distinct]
        try:
            scores = match(self._matcher, images, texts, batch_size=self._batch_size)
        except DataError as error:
            hint = "Fetch the image again from the benchmark's authors."
            raise BenchmarkError(error.what, where=error.where, hint=hint) from error
        if not bool(scores.isfinite().all()):
            raise ModelError("its scores are not numbers", where=self._matcher.info["name"])
        return dict(zip(distinct, scores.tolist(), strict=True))


def _pairs(item: Item) -> list[tuple[ImageRef, str]]:
    return list(product(item.images, item.texts))
