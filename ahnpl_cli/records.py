"""Every line and every report that we write, as frozen dataclasses: the formats' only definition.

`data/jsonl.py` checks what is read against these types. A field is added at the end with a default,
so that older files stay readable; `SCHEMA` is written into every JSON report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

SCHEMA = 1

Kind = Literal["relation", "attribute", "action", "object", "attribute_swap", "quantity", "spatial"]
# Slot order: append only, since thresholds M and saved features depend on it.
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_KINDS: tuple[Kind, ...] = KINDS[:4]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to a caption: `caption[start:end] == old` becomes `new`.

    Attributes:
        start: first character of the span in the original caption.
        end: one past its last character.
        old: the text there.
        new: the text put in its place.
    """

    start: int
    end: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Negative:
    """A hard negative caption (AHNPL 3.1).

    Attributes:
        kind: how it was made, and with `KINDS` its slot.
        caption: the negative text; applying `edits` to the original gives exactly this.
        edits: spans of the original caption, in order, not overlapping; empty if not known, as in
            a file written by hand.
        filler: what chose the new words, such as `roberta-base@<revision>`, `corpus` or `swap`;
            empty if not known.
        score: how well the filler thinks the new word fits, higher is better; None for swaps.
        concreteness: rating of the replaced word, 1 to 5 (Brysbaert et al. 2014); None if unrated.
    """

    kind: Kind
    caption: str
    edits: tuple[Edit, ...] = ()
    filler: str = ""
    score: float | None = None
    concreteness: float | None = None


@dataclass(frozen=True, slots=True)
class CaptionRecord:
    """One line of `captions.jsonl` or, with negatives, of `negatives.jsonl`.

    Attributes:
        id: unique in its file.
        image: path relative to the image root; captions with the same image belong together.
        caption: the true text.
        negatives: hard negatives of the caption, in slot order.
        meta: whatever the user brought along.
    """

    id: str
    image: str
    caption: str
    negatives: tuple[Negative, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What `ahnpl embed` did.

    Attributes:
        folder: where the embeddings are.
        model: short name of the model.
        dim: D.
        dtype: what is stored.
        records: records whose parts all have rows.
        images: distinct images, by content.
        texts: distinct captions.
        negatives: distinct negative captions.
        image_negatives: rows of Eqs. 1-2; 0 without `--perturb`.
        skipped: (id, image, reason) of records left out for their image.
        bytes: of all shards; with `dry_run`, of their features.
        shards: files written or kept.
        kept: of them, features that were there already.
        seconds: without loading the model.
        dry_run: whether nothing was written.
    """

    folder: str
    model: str
    dim: int
    dtype: str
    records: int
    images: int
    texts: int
    negatives: int
    image_negatives: int
    skipped: tuple[tuple[str, str, str], ...]
    bytes: int = 0
    shards: int = 0
    kept: int = 0
    seconds: float = 0.0
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class NegativesReport:
    """What `ahnpl negatives` made; written as `negatives.meta.json`.

    Attributes:
        output: the file of records.
        captions: records written, with or without negatives.
        negatives: how many there are of each kind.
        rejected: kind -> reason -> candidates that were not negatives.
        filler: what refilled words, and why that one.
        tagger: spaCy model and version.
        skipped: broken records left out.
        skipped_list: the first of them, with place and reason.
        options: all that decides the output.
        key: hash of options, input and versions; equal keys make equal bytes.
        input_sha256: of the captions file as it is.
        bytes: size of the output.
        versions: of the packages used.
        seconds: of this run; what an interrupted run had done is not counted.
        captions_per_second: of this run, loading included.
        resumed: captions that an interrupted run had done.
        examples: the first captions with negatives.
        dry_run: whether nothing was written.
        schema: version of this layout.
    """

    output: str
    captions: int
    negatives: dict[str, int]
    rejected: dict[str, dict[str, int]]
    filler: str
    tagger: str
    skipped: int
    skipped_list: tuple[str, ...]
    options: dict[str, Any]
    key: str
    input_sha256: str
    bytes: int
    versions: dict[str, str]
    seconds: float
    captions_per_second: float
    resumed: int = 0
    examples: tuple[CaptionRecord, ...] = ()
    dry_run: bool = False
    schema: int = SCHEMA


def apply_edits(caption: str, edits: tuple[Edit, ...]) -> str:
    """Return `caption` with `edits` made, last first so that the spans stay true."""
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        caption = caption[: edit.start] + edit.new + caption[edit.end :]
    return caption
