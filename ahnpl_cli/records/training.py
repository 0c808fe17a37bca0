"""A line of `metrics.jsonl`, and what `ahnpl train` and its dry run report."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StepReport:
    """One line of `metrics.jsonl`: what a training step cost and how its terms behaved.

    Attributes:
        step: steps done, from 1.
        epoch: passes over the data begun, from 1.
        loss: what was minimised.
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
        grad_norm: norm of all parameters' gradient, before clipping.
        images_per_second: since the line before.
        memory_mb: peak memory, of the GPU if there is one.
        skipped: images that could not be decoded so far.
        evaluation: primary average of each suite in percent, when it was measured at this step.
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
    grad_norm: float
    images_per_second: float
    memory_mb: float
    skipped: int = 0
    evaluation: dict[str, float] = field(default_factory=dict)


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
        seconds_per_step: mean of three real steps, the first left out; None without usable data.
        estimate: seconds of all steps.
        hardness: of the negatives for the start, from features that `ahnpl embed` or `ahnpl eval`
            left; empty where there are none.
        weights: of the loss terms, by name.
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
    seconds_per_step: float | None
    estimate: float | None
    hardness: tuple[Hardness, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
