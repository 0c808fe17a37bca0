"""What a training run writes into its folder, and what `ahnpl train` and its dry run report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

DEAD_SHARE = 1e-4  # of the gradient norms; below it a term does nothing
DEAD_AFTER = 5  # logged steps in a row
# What pictures of negatives are for: nothing; the slots whose negative has one; the slots, and a
# negative without one is left out; pairs of their own, with the negative's text as their caption.
PaintedUse = Literal["none", "slots", "required", "pairs"]


@dataclass(frozen=True, slots=True)
class StepReport:
    """One line of `metrics.jsonl`: what a training step cost and how its terms behaved.

    Attributes:
        step: steps done, from 1.
        epoch: passes over the data begun, from 1.
        loss: what was minimized.
        terms: each named loss before its weight.
        shares: each term's part of the gradient norms on the features; they add up to 1.
        active: part of the hinges of a margin term that are above 0.
        a: learnable scalar of Eq. 8.
        margins: M of Eq. 10 by kind; CE-CLIP's thresholds, in logits, where that term is used.
        positive: mean S(I, T).
        negatives: mean S(I, T_n) by kind.
        valid: part of the slots that hold a negative.
        logit_scale: 1/tau.
        lr: learning rate of the step.
        grad_norm: norm of all parameters' gradient, before clipping; None where an fp16 step
            overflowed and was left out.
        images_per_second: since the line before.
        memory_mb: peak memory, of the GPU if there is one.
        skipped: images that could not be decoded so far.
        evaluation: primary average of each suite in percent, when it was measured at this step.
        logit_bias: what a sigmoid model adds to its logits; None for a softmax model.
        units: mean S(I, u) of `unit`s and of their `foil`s, where a term looks at them.
        softmax: of Eq. 4's image-to-text softmax, mean `log_p_hard` and `log_p_easy`, and the
            gradients on the similarities of the pair itself (`gradient_own`), of hard negatives
            (`gradient_hard`) and of the batch's other captions (`gradient_easy`).
    """

    step: int
    epoch: int
    loss: float
    terms: dict[str, float]
    shares: dict[str, float]
    active: dict[str, float]
    a: float
    margins: dict[str, float]
    positive: float
    negatives: dict[str, float]
    valid: float
    logit_scale: float
    lr: float
    grad_norm: float | None
    images_per_second: float
    memory_mb: float
    skipped: int = 0
    evaluation: dict[str, float] = field(default_factory=dict)
    logit_bias: float | None = None
    units: dict[str, float] = field(default_factory=dict)
    softmax: dict[str, float] = field(default_factory=dict)

    @property
    def gap(self) -> float | None:
        """Mean S(I,T) - S(I,T_n), each kind counted once; None without negatives."""
        if not self.negatives:
            return None
        return self.positive - sum(self.negatives.values()) / len(self.negatives)


def dead_terms(steps: Sequence[StepReport]) -> list[str]:
    """Return the terms that gave next to no gradient in each of the last logged steps.

    Args:
        steps: in order; of fewer than `DEAD_AFTER` nothing is said.
    """
    latest = steps[-DEAD_AFTER:]
    if len(latest) < DEAD_AFTER:
        return []
    dead = []
    for name in latest[-1].shares:
        if all(step.shares.get(name, 0.0) < DEAD_SHARE for step in latest):
            dead.append(name)
    return dead


def spread(steps: Sequence[StepReport], most: int) -> list[StepReport]:
    """Return at most `most` steps, evenly spread, the first and the last among them."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)]


@dataclass(frozen=True, slots=True)
class RunStart:
    """`start.json`: the model and the data that a run began with.

    Attributes:
        model: `--model`; a path is relative to the run and begins with `./`.
        pretrained: `--pretrained`, likewise.
        checkpoint: `--checkpoint`, likewise.
        force_quick_gelu: what the user decided about the activation.
        name: short name of the model.
        sha256: hash of its weights.
        data: `--data`.
        data_sha256: hash of these files.
    """

    model: str | None = None
    pretrained: str | None = None
    checkpoint: str | None = None
    force_quick_gelu: bool | None = None
    name: str | None = None
    sha256: str | None = None
    data: tuple[str, ...] = ()
    data_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class CheckpointOrigin:
    """What `ahnpl.json` says of a checkpoint beside its model: where it came from.

    Attributes:
        recipe: every option of the run.
        parent: the model and the data that it began with.
        step: steps taken.
        a: Eq. 8's learnable scalar.
        margins: M of Eq. 10 by kind, or CE-CLIP's thresholds.
    """

    recipe: dict[str, Any]
    parent: RunStart
    step: int
    a: float
    margins: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What `ahnpl train` did.

    Attributes:
        run: folder of the run.
        checkpoint: the newest checkpoint.
        objective: name of the recipe.
        records: image-caption pairs trained on.
        images: distinct images.
        negatives: usable negatives by kind.
        skipped: records left out or images that could not be decoded.
        steps: steps of the whole run.
        seconds: of this process's training, without loading.
        resumed_from: step this process began at; 0 for a fresh run.
        metrics: the logged steps of the whole run.
        best: step and value of the best evaluation, if any.
        notes: terms that gave no gradient, and the like.
        painted: pictures of negatives trained on.
        units: units of captions trained on.
    """

    run: str
    checkpoint: str
    objective: str
    records: int
    images: int
    negatives: dict[str, int]
    skipped: int
    steps: int
    seconds: float
    resumed_from: int
    metrics: tuple[StepReport, ...]
    best: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    painted: int = 0
    units: int = 0


@dataclass(frozen=True, slots=True)
class Hardness:
    """A sample of one kind of negatives under a model.

    Attributes:
        kind: its name.
        n: negatives sampled.
        text_similarity: mean cosine of T and T_neg.
        with_image: of them, those whose image is there.
        right: percent of those with S(I,T) > S(I,T_neg); None without images.
        gap: mean S(I,T) - S(I,T_neg); None without images.
    """

    kind: str
    n: int
    text_similarity: float
    with_image: int
    right: float | None
    gap: float | None


@dataclass(frozen=True, slots=True)
class ConcretenessFifth:
    """A fifth of the sampled negatives by the concreteness of the changed word, under a model.

    Attributes:
        low: lowest rating in it.
        high: highest rating.
        n: negatives.
        positive: mean S(I,T) of their pairs.
        negative: mean S(I,T_neg).
        right: percent with S(I,T) > S(I,T_neg).
    """

    low: float
    high: float
    n: int
    positive: float
    negative: float
    right: float


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """What `ahnpl train --dry-run` found.

    Attributes:
        run: folder that would be written.
        records: image-caption pairs.
        images: distinct images.
        negatives: usable negatives by kind.
        problems: images that are missing or broken, with the record that names them.
        parameters: of the model.
        trainable: of them, what would be trained.
        steps: how many there would be.
        batch_size: pairs a step.
        seconds_per_step: mean of real steps, the first left out; of a large batch extrapolated from
            smaller ones.
        estimate: seconds of all steps.
        seconds_per_epoch: seconds of one pass.
        tried_pairs: pairs of the largest steps that were tried.
        memory_mb: peak memory of such a step, of the GPU if there is one.
        disk_bytes: of all checkpoints that the run would keep.
        free_bytes: of the disk that they would go to.
        hardness: of the negatives for the starting model, from features that `ahnpl embed` or
            `ahnpl eval` left; empty where there are none.
        weights: of the loss terms, by name.
        painted: pictures of negatives that would be used.
        units: units of captions that would be used.
    """

    run: str
    records: int
    images: int
    negatives: dict[str, int]
    problems: tuple[str, ...]
    parameters: int
    trainable: int
    steps: int
    batch_size: int
    seconds_per_step: float
    estimate: float
    seconds_per_epoch: float
    tried_pairs: int
    memory_mb: float
    disk_bytes: int
    free_bytes: int
    hardness: tuple[Hardness, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
    painted: int = 0
    units: int = 0
