"""Is a file of negatives valid: coverage, duplicates, what a blind model exploits, hardness."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.hardness import SAMPLE, Measured, measure, placed
from ahnpl_cli.caption_words import WordCounts, guess_rate, half_of, most_skewed, words
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.files import read_object
from ahnpl_cli.inspection.compare import named_model
from ahnpl_cli.inspection.examples import SPARE, RecordSample, draw_examples
from ahnpl_cli.inspection.pages import file_page
from ahnpl_cli.inspection.report import Example, FileReport, Finding, file_report
from ahnpl_cli.outputs import meta_path
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, CaptionRecord, Negative, apply_edits
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.hardness import concreteness_table, hardness_table
from ahnpl_cli.reporting.tables import Cell, Table

BLIND_LIMIT = 60.0  # percent; SugarCrepe's own blind models stay below it
EXAMPLES = 20
AROUND = 60  # characters shown on each side of a change in a long caption


@dataclass(frozen=True, slots=True)
class KindSummary:
    """One kind of negatives.

    Attributes:
        kind: its name.
        captions: captions that have it.
        coverage: the same in percent of all captions.
        negatives: how many there are.
        words_longer: mean number of words by which the negative is longer.
        blind_length: percent right by always taking the shorter text, or the longer, if better.
        blind_words: percent right by the log-odds of words and pairs of neighbors, learned from
            the kind's pairs on the other half of the images.
        score: mean score of the filler; None for swaps.
        plausibility: mean of the edit's, which is comparable across kinds; None if not known.
    """

    kind: str
    captions: int
    coverage: float
    negatives: int
    words_longer: float
    blind_length: float
    blind_words: float
    score: float | None
    plausibility: float | None = None


@dataclass(frozen=True, slots=True)
class NegativesDetails:
    """The numbers behind the findings.

    Attributes:
        kinds: one summary per kind, in slot order.
        rejections: (kind, reason, candidates rejected) when the file was made, the most first.
        skewed_words: (word, times in captions only, times in negatives only), most telling first.
        measured: what a model makes of them, when one is given.
        examples: some, drawn by seed.
    """

    kinds: tuple[KindSummary, ...]
    rejections: tuple[tuple[str, str, int], ...]
    skewed_words: tuple[tuple[str, int, int], ...]
    examples: tuple[Example, ...]
    measured: Measured | None = None


@dataclass(slots=True)
class _Sum:
    """The sum of the values that are known, and how many these are."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | None) -> None:
        if value is not None:
            self.total += value
            self.count += 1

    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class _Tally:
    """What one pass over the file counts."""

    records: int = 0
    with_negatives: int = 0
    negatives: int = 0
    without_edits: int = 0
    images: set[int] = field(default_factory=set)
    ids: set[int] = field(default_factory=set)
    captions: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    per_kind: Counter[str] = field(default_factory=Counter)
    captions_with: Counter[str] = field(default_factory=Counter)
    longer: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    scores: dict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    plausibilities: dict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    positives: int = 0
    units: int = 0
    word_counts: dict[str, WordCounts] = field(default_factory=lambda: defaultdict(WordCounts))

    def add(self, record: CaptionRecord) -> None:
        self.records += 1
        self.with_negatives += bool(record.negatives)
        self.negatives += len(record.negatives)
        self.faults["duplicate id"] += hash(record.id) in self.ids
        self.ids.add(hash(record.id))
        self.images.add(hash(record.image))
        self.captions[hash((record.image, record.caption))] += 1
        self.captions_with.update({negative.kind for negative in record.negatives})
        seen: set[str] = set()
        for negative in record.negatives:
            self._add_negative(record, negative, seen)
        self._add_positives(record, seen)
        self._add_units(record)

    def _add_positives(self, record: CaptionRecord, negatives: set[str]) -> None:
        """Count the further true texts, and those that are none."""
        self.positives += len(record.positives)
        caption = " ".join(words(record.caption))
        for positive in record.positives:
            text = " ".join(words(positive.caption))
            self.faults["positive equal to its caption"] += text == caption
            self.faults["positive that is a negative too"] += text in negatives
            wrong = apply_edits(record.caption, positive.edits) != positive.caption
            self.faults["edits that do not give the positive"] += wrong and bool(positive.edits)

    def _add_units(self, record: CaptionRecord) -> None:
        """Count the units, and those whose foils or places are wrong."""
        self.units += len(record.units)
        for unit in record.units:
            self.faults["unit equal to its foil"] += words(unit.caption) == words(unit.foil)
            wrong = apply_edits(unit.caption, unit.edits) != unit.foil
            self.faults["edits that do not give the foil"] += wrong and bool(unit.edits)
            if unit.start is not None:
                part = record.caption[unit.start : unit.start + len(unit.caption)]
                self.faults["unit that is no part of its caption"] += part != unit.caption

    def _add_negative(self, record: CaptionRecord, negative: Negative, seen: set[str]) -> None:
        text = " ".join(words(negative.caption))
        self.faults["equal to its caption"] += text == " ".join(words(record.caption))
        self.faults["duplicate of another negative"] += text in seen
        self.without_edits += not negative.edits
        wrong = apply_edits(record.caption, negative.edits) != negative.caption
        self.faults["edits that do not give the negative"] += wrong and bool(negative.edits)
        seen.add(text)
        self.per_kind[negative.kind] += 1
        length = len(negative.caption.split()) - len(record.caption.split())
        self.longer[negative.kind][length] += 1
        self.scores[negative.kind].add(negative.score)
        self.plausibilities[negative.kind].add(negative.plausibility)
        half = half_of(record.image)
        self.word_counts[negative.kind].add(half, record.caption, negative.caption)


def _second_pass(path: Path, tally: _Tally) -> tuple[dict[str, Counter[int]], int]:
    """Signs of blind scores by kind, and negatives that another caption of the same image says."""
    signs: dict[str, Counter[int]] = defaultdict(Counter)
    true_after_all = 0
    for record in read_records(path):
        for negative in record.negatives:
            counts = tally.word_counts[negative.kind]
            score = counts.score(half_of(record.image), record.caption, negative.caption)
            signs[negative.kind][(score > 0) - (score < 0)] += 1
            true_after_all += hash((record.image, negative.caption)) in tally.captions
    return signs, true_after_all


def _summary(kind: str, tally: _Tally, blind: Counter[int]) -> KindSummary:
    longer = tally.longer[kind]
    # Longer negatives give themselves away as shorter ones do: the better of the two guesses.
    shorter = guess_rate(longer.elements())
    return KindSummary(
        kind=kind,
        captions=tally.captions_with[kind],
        coverage=100 * tally.captions_with[kind] / tally.records,
        negatives=tally.per_kind[kind],
        words_longer=sum(longer.elements()) / longer.total(),
        blind_length=max(shorter, 100 - shorter),
        blind_words=guess_rate(blind.elements()),
        score=tally.scores[kind].mean(),
        plausibility=tally.plausibilities[kind].mean(),
    )


def read_meta(path: Path) -> dict[str, Any]:
    """Return what was written beside the negatives when they were made; empty without.

    Raises:
        DataError: it is not JSON.
    """
    meta = meta_path(path)
    if not meta.is_file():
        return {}
    hint = "Delete it, or make the negatives again: it only says how they were made."
    return read_object(meta, hint=hint)


def _rejections(meta: dict[str, Any]) -> tuple[tuple[str, str, int], ...]:
    """Return (kind, reason, candidates), the most first; what is not of that form is left out."""
    rejected = meta.get("rejected")
    rows = []
    for kind, reasons in rejected.items() if isinstance(rejected, dict) else ():
        for reason, count in reasons.items() if isinstance(reasons, dict) else ():
            if type(count) is int:
                rows.append((kind, reason, count))
    return tuple(sorted(rows, key=lambda row: -row[2]))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _fault_findings(tally: _Tally, true_after_all: int) -> list[Finding]:
    findings = []
    for fault, count in tally.faults.items():
        if count:
            what = _counted(count, _faulty(fault))
            findings.append(Finding("problem", f"{what}: {fault}"))
    if true_after_all:
        count_text = _counted(true_after_all, "negative")
        text = f"{count_text}: said by another caption of the same image"
        findings.append(Finding("problem", text))
    if not findings:
        checked = "unique ids, edits give the negatives, no duplicates"
        findings.append(Finding("fine", checked))
    if tally.without_edits:
        count_text = _counted(tally.without_edits, "negative")
        text = f"{count_text} without edits: where the change is, is guessed"
        findings.append(Finding("note", text))
    return findings


def _faulty(fault: str) -> str:
    """What has a fault."""
    if fault == "duplicate id":
        return "record"
    if "positive" in fault:
        return "positive"
    return "unit" if "unit" in fault or "foil" in fault else "negative"


def _blind_findings(kinds: list[KindSummary]) -> list[Finding]:
    """Return which kinds can be told from captions without the image."""
    findings = []
    for kind in kinds:
        rate = max(kind.blind_length, kind.blind_words)
        if rate > BLIND_LIMIT:
            means = "length" if kind.blind_length >= kind.blind_words else "words"
            text = f"{kind.kind}: a blind model is right on {rate:.1f} % by {means} alone"
            findings.append(Finding("note", f"{text} (50 is chance)"))
    if kinds and not findings:
        text = f"no kind can be told apart above {BLIND_LIMIT:.0f} % without the image"
        findings.append(Finding("fine", text))
    return findings


def inspect_negatives(
    path: Path,
    *,
    image_root: Path | None = None,
    backbone: Backbone | None = None,
    count: int = EXAMPLES,
    seed: int = 0,
    track: Track = silent,
) -> FileReport:
    """Say whether a file of captions with negatives is valid.

    Args:
        path: `negatives.jsonl`, read twice and never held in memory: words are counted before
            pairs are guessed by them.
        image_root: folder that image paths are relative to; default: the file's.
        backbone: a model to measure their hardness with, if any.
        count: how many examples to draw.
        seed: of the examples and of the sample that hardness is measured on.
        track: shows progress.

    Raises:
        DataError: a line is malformed, or what was written beside the file is.
    """
    tally = _Tally()
    sample = RecordSample(max(SAMPLE, SPARE * count), seed)
    for record in track(read_records(path), description="Reading captions", unit="captions"):
        tally.add(record)
        if record.negatives:
            sample.add(record)
    root = image_root or path.parent
    blind, true_after_all = _second_pass(path, tally)
    kinds = [_summary(kind, tally, blind[kind]) for kind in KINDS if tally.per_kind[kind]]
    records = sample.records()
    measured = None
    if backbone is not None:
        measured = measure(placed(records, root), backbone, seed=seed, track=track)
    details = NegativesDetails(
        kinds=tuple(kinds),
        rejections=_rejections(read_meta(path)),
        skewed_words=tuple(most_skewed(tally.word_counts.values())),
        examples=tuple(draw_examples(records, root, count, seed=seed, need_images=False)),
        measured=measured,
    )
    findings = [*_fault_findings(tally, true_after_all), *_blind_findings(kinds)]
    return file_report(str(path), "negatives", _facts(tally), findings, details)


def _facts(tally: _Tally) -> dict[str, str | int | float | None]:
    repeated = sum(count - 1 for count in tally.captions.values())
    extra = {"positives": tally.positives, "units": tally.units}
    return {
        "captions": tally.records,
        "images": len(tally.images),
        "captions with a negative": tally.with_negatives,
        "negatives": tally.negatives,
        "negatives per caption": tally.negatives / max(tally.records, 1),
        "captions repeated for the same image": repeated,
        **{name: count for name, count in extra.items() if count},
    }


def inspect(path: Path, config: InspectConfig, track: Track) -> FileReport:
    """Say whether a file of negatives is valid; see `inspect_negatives`."""
    return inspect_negatives(
        path,
        image_root=Path(config.image_root) if config.image_root else None,
        backbone=named_model(config),
        count=config.examples or EXAMPLES,
        seed=config.seed,
        track=track,
    )


page = file_page


def tables(details: NegativesDetails) -> list[Table]:
    """Return coverage, rejections, skew and examples of negatives."""
    shown = [_kind_table(details)]
    if details.rejections:
        columns = ("kind", "reason", "candidates")
        shown.append(Table("Rejected candidates", columns, details.rejections))
    if details.skewed_words:
        note = "Counted where the word stands on one side of the pair only."
        columns = ("word", "in captions", "in negatives")
        shown.append(Table("Most one-sided words", columns, details.skewed_words, note))
    measured = details.measured
    if measured and measured.kinds:
        shown.append(hardness_table(measured.kinds, "Hardness under the model"))
    if measured and measured.fifths:
        shown.append(concreteness_table(measured.fifths))
    shown.append(_example_table(details.examples))
    return shown


def _kind_table(details: NegativesDetails) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind in details.kinds:
        amounts = (kind.captions, kind.coverage, kind.negatives)
        blind = (kind.words_longer, kind.blind_length, kind.blind_words)
        rows.append((kind.kind, *amounts, *blind, kind.plausibility))
    return Table(
        title="By kind",
        columns=("kind", "captions", "%", "n", "longer", "length %", "words %", "plausible"),
        rows=tuple(rows),
        note="%: of all captions. n: negatives. Longer: by how many words, mean. Length %, words "
        "%: pairs that a blind model tells apart by the length alone, or by the log-odds of "
        "words and pairs of neighbors, learned on the other half of the images; 50 is chance. "
        "Plausible: log-odds of the edit against what was there, mean.",
        digits=2,
    )


def _example_table(examples: tuple[Example, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for example in examples:
        for other in example.others:
            shown = changed(example.caption, other.edits, AROUND)
            rows.append((example.id, other.kind, shown))
    return Table("Examples", ("id", "kind", "caption with the change"), tuple(rows))
