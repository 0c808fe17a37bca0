"""What a step does, as functions of its number, so that a resumed run is exact."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.config import TrainConfig, resolve_recipe, resolve_training
from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.training.distributed import world_size

logger = logging.getLogger(__name__)
SAVED_OFTEN = 100  # steps between checkpoints at least: small data has short epochs


def learning_rate(step: int, *, peak: float, warmup: int, total: int) -> float:
    """Return the rate of a step counted from 0: linear warmup, then a cosine to 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


# Images are loaded ahead, so that short epochs are asked for by turns.
@lru_cache(maxsize=8)
def _permutation(pairs: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(pairs)


class Order(Protocol):
    """Which pairs a step sees."""

    @property
    def batch_size(self) -> int:
        """Pairs a step."""
        ...

    @property
    def total(self) -> int:
        """Steps of the run."""
        ...

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        ...

    @property
    def epoch_steps(self) -> int:
        """Steps of one pass."""
        ...

    @property
    def epochs(self) -> int:
        """Passes that the run begins."""
        ...

    def epoch(self, step: int) -> int:
        """Return the pass, from 0, that a step counted from 0 belongs to."""
        ...

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the pairs of a step counted from 0."""
        ...

    def with_batches_of(self, size: int) -> Self:
        """Return the order of smaller batches, for a trial."""
        ...


@dataclass(frozen=True)
class BatchOrder:
    """A seeded permutation per epoch, cut into batches; a remainder waits for another epoch.

    Attributes:
        pairs: how many pairs there are.
        batch_size: pairs a step.
        total: steps of the run.
        seed: of the permutations.
    """

    pairs: int
    batch_size: int
    total: int
    seed: int

    @property
    def epoch_steps(self) -> int:
        """Steps of one pass."""
        return self.pairs // self.batch_size

    @property
    def epochs(self) -> int:
        """Passes that the run begins."""
        return math.ceil(self.total / self.epoch_steps)

    def epoch(self, step: int) -> int:
        """Return the pass, from 0, that a step counted from 0 belongs to."""
        return step // self.epoch_steps

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the pairs of a step counted from 0."""
        start = step % self.epoch_steps * self.batch_size
        order = _permutation(self.pairs, self.seed, self.epoch(step))
        return order[start : start + self.batch_size]

    def with_batches_of(self, size: int) -> BatchOrder:
        """Return the order of smaller batches, for a trial."""
        return replace(self, batch_size=size)


class PacedOrder:
    """An order whose passes are those of another one."""

    @property
    def paced_by(self) -> Order:
        """The order whose passes they are."""
        raise NotImplementedError

    @property
    def total(self) -> int:
        """Steps of the run."""
        return self.paced_by.total

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.paced_by.seed

    @property
    def epoch_steps(self) -> int:
        """Steps of one pass."""
        return self.paced_by.epoch_steps

    @property
    def epochs(self) -> int:
        """Passes that the run begins."""
        return self.paced_by.epochs

    def epoch(self, step: int) -> int:
        """Return the pass, from 0, that a step counted from 0 belongs to."""
        return self.paced_by.epoch(step)


@dataclass(frozen=True)
class MixedOrder(PacedOrder):
    """Batches of two sources, each in an order of its own (GNM 3.2.2).

    An epoch is a pass over the painted pairs, as in GNM's code; the paper does not say.

    Attributes:
        painted: the order of the painted pairs.
        originals: the order of the other pairs.
        is_painted: which pairs are painted (pairs,), bool.
    """

    painted: BatchOrder
    originals: BatchOrder
    is_painted: NDArray[np.bool_]

    @property
    def batch_size(self) -> int:
        """Pairs a step."""
        return self.painted.batch_size + self.originals.batch_size

    @property
    def paced_by(self) -> Order:
        """The painted pairs."""
        return self.painted

    def rows(self, step: int) -> NDArray[np.int64]:
        """Return the pairs of a step counted from 0, the two sources alternating."""
        painted = np.flatnonzero(self.is_painted)[self.painted.rows(step)]
        originals = np.flatnonzero(~self.is_painted)[self.originals.rows(step)]
        # Spread, so that each process gets some of both.
        places = np.linspace(0, len(originals), len(painted), endpoint=False).astype(np.int64)
        return np.insert(originals, places, painted)

    def with_batches_of(self, size: int) -> MixedOrder:
        """Return the order of smaller batches with the same share of both, for a trial."""
        share = self.painted.batch_size / self.batch_size
        painted = min(size - 1, max(1, round(size * share)))
        return replace(
            self,
            painted=self.painted.with_batches_of(painted),
            originals=self.originals.with_batches_of(size - painted),
        )


@dataclass(frozen=True)
class Milestones:
    """After which steps a run logs, saves and evaluates.

    Attributes:
        total: steps of the run; the last does all of it.
        log_every: steps between lines of metrics.
        save_every: steps between checkpoints.
        eval_every: steps between evaluations; None for none at all.
    """

    total: int
    log_every: int
    save_every: int
    eval_every: int | None

    def evaluates(self, done: int) -> bool:
        """Whether the suites are measured after `done` steps."""
        if self.eval_every is None or done == 0:
            return False
        return done == self.total or done % self.eval_every == 0

    def logs(self, done: int) -> bool:
        """Whether step `done` is logged; what is evaluated has a line to stand in."""
        return done == self.total or done % self.log_every == 0 or self.evaluates(done)

    def saves(self, done: int) -> bool:
        """Whether a checkpoint is written after `done` steps; what is evaluated is saved first."""
        return done == self.total or done % self.save_every == 0 or self.evaluates(done)


def make_order(config: TrainConfig, data: TrainingSet) -> Order:
    """Return which pairs each step sees.

    Raises:
        ConfigError: the batch cannot be shared among the processes, or no batch has a pair of both
            sources.
    """
    training = resolve_training(config)
    wanted, pairs = training.batch_size, len(data)
    share = resolve_recipe(config).painted_share
    is_painted = data.is_painted[data.rows]
    painted = int(is_painted.sum())
    if share:
        # As many as both sources last for, in a batch of these shares.
        pairs = min(pairs, int(painted / share), int((pairs - painted) / (1 - share)))
    processes = world_size()
    # Every process has to get the same number of pairs.
    size = min(wanted, pairs // processes * processes)
    if wanted % processes or not size:
        raise ConfigError(
            f"--batch-size {wanted} cannot be shared by {processes} processes",
            hint="It counts the pairs of all of them.",
        )
    if size < wanted:
        logger.info("Only %d pairs: batches of %d instead of %d.", pairs, size, wanted)
    if size == 1 and "contrastive" in resolve_recipe(config).active:
        raise ConfigError(
            "a batch of one pair has nothing to contrast it with",
            hint="Use --batch-size 2 or more, or --weight-contrastive 0.",
        )
    count = round(share * size)
    if share and not 0 < count < size:
        what = f"--painted-share {share:g} of {size} pairs leaves out one of the two sources"
        raise ConfigError(what, hint="Take larger batches, or another share.")
    # A mix passes over its painted pairs; see `MixedOrder`.
    passed, taken = (painted, count) if share else (pairs, size)
    steps = config.optimizer.steps or training.epochs * (passed // taken)
    warmup = config.optimizer.warmup
    if warmup >= steps:
        logger.warning("%d steps, --warmup %d: the peak rate is never reached.", steps, warmup)
    if not share:
        return BatchOrder(pairs, size, steps, config.seed)
    return MixedOrder(
        BatchOrder(painted, count, steps, config.seed),
        BatchOrder(len(data) - painted, size - count, steps, config.seed),
        is_painted,
    )


def make_milestones(config: TrainConfig, order: Order) -> Milestones:
    """Return after which steps the run logs, saves and evaluates."""
    return Milestones(
        total=order.total,
        log_every=config.run.log_every,
        save_every=config.run.save_every or max(SAVED_OFTEN, order.epoch_steps),
        eval_every=config.run.eval_every,
    )
