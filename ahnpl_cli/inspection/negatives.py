"""Is a file of negatives valid: coverage, duplicates, what a blind model exploits, hardness."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.hardness import SAMPLE, measure, placed
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.inspection.compare import named_model
from ahnpl_cli.inspection.examples import SPARE, Draw, draw_examples
from ahnpl_cli.inspection.pages import file_page
from ahnpl_cli.inspection.report import Example, FileReport, Finding, file_report
from ahnpl_cli.inspection.text_only_bias import WordCounts, fold_of, guess_rate, words
from ahnpl_cli.negatives.report import meta_path
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import KINDS, CaptionRecord, Hardness, Negative, apply_edits
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.hardness import hardness_table
from ahnpl_cli.reporting.tables import Cell, Table

BLIND_LIMIT = 60.0  # percent; SugarCrepe's own blind models stay below it
EXAMPLES = 20


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
        blind_words: percent right by the words' log-odds, learned on the other half of the images.
        score: mean score of the filler; None for swaps.
    """

    kind: str
    captions: int
    coverage: float
    negatives: int
    words_longer: float
    blind_length: float
    blind_words: float
    score: float | None


@dataclass(frozen=True, slots=True)
class NegativesDetails:
    """The numbers behind the findings.

    Attributes:
        kinds: one summary per kind, in slot order.
        rejections: (kind, reason, candidates rejected) when the file was made, the most first.
        skewed_words: (word, times in captions only, times in negatives only), most telling first.
        hardness: what a model makes of them, when one is given.
        examples: some, drawn by seed.
    """

    kinds: tuple[KindSummary, ...]
    rejections: tuple[tuple[str, str, int], ...]
    skewed_words: tuple[tuple[str, int, int], ...]
    examples: tuple[Example, ...]
    hardness: tuple[Hardness, ...] = ()


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
    scored: Counter[str] = field(default_factory=Counter)
    scores: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    word_counts: WordCounts = field(default_factory=WordCounts)

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
        if negative.score is not None:
            self.scored[negative.kind] += 1
            self.scores[negative.kind] += negative.score
        self.word_counts.add(fold_of(record.image), record.caption, negative.caption)


def _pairs(path: Path) -> Iterator[tuple[CaptionRecord, Negative]]:
    for record in read_records(path):
        for negative in record.negatives:
            yield record, negative


def _second_pass(path: Path, tally: _Tally) -> tuple[dict[str, Counter[int]], int]:
    """Signs of blind scores by kind, and negatives that another caption of the same image says."""
    signs: dict[str, Counter[int]] = defaultdict(Counter)
    true_after_all = 0
    for record, negative in _pairs(path):
        score = tally.word_counts.score(fold_of(record.image), record.caption, negative.caption)
        signs[negative.kind][(score > 0) - (score < 0)] += 1
        true_after_all += hash((record.image, negative.caption)) in tally.captions
    return signs, true_after_all


def _summary(kind: str, tally: _Tally, blind: Counter[int]) -> KindSummary:
    longer, scored = tally.longer[kind], tally.scored[kind]
    shorter = guess_rate(longer.elements())
    return KindSummary(
        kind=kind,
        captions=tally.captions_with[kind],
        coverage=100 * tally.captions_with[kind] / tally.records,
        negatives=tally.per_kind[kind],
        words_longer=sum(longer.elements()) / longer.total(),
        blind_length=max(shorter, 100 - shorter),
        blind_words=guess_rate(blind.elements()),
        score=tally.scores[kind] / scored if scored else None,
    )


def read_meta(path: Path) -> dict[str, Any]:
    """Return what was written beside the negatives when they were made; empty without.

    Raises:
        DataError: it is not JSON.
    """
    meta = meta_path(path)
    if not meta.is_file():
        return {}
    try:
        content = json.loads(meta.read_text(encoding="utf-8"))
    except ValueError as error:
        hint = "Delete it, or make the negatives again: it only says how they were made."
        raise DataError("not JSON", where=str(meta), hint=hint) from error
    return content if isinstance(content, dict) else {}


def _rejections(meta: dict[str, Any]) -> tuple[tuple[str, str, int], ...]:
    counts = (
        (kind, reason, count)
        for kind, reasons in meta.get("rejected", {}).items()
        for reason, count in reasons.items()
    )
    return tuple(sorted(counts, key=lambda row: -row[2]))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _fault_findings(tally: _Tally, true_after_all: int) -> list[Finding]:
    found = [
        Finding("problem", f"{_counted(count, 'record' if 'id' in fault else 'negative')}: {fault}")
        for fault, count in tally.faults.items()
        if count
    ]
    if tally.without_edits:
        count = _counted(tally.without_edits, "negative")
        found.append(Finding("note", f"{count} without edits: where the change is, is guessed"))
    if true_after_all:
        count = _counted(true_after_all, "negative")
        text = f"{count}: said by another caption of the same image"
        found.append(Finding("problem", text))
    if all(finding.level != "problem" for finding in found):
        checked = "unique ids, edits give the negatives, no duplicates"
        found.append(Finding("fine", checked))
    return found


def _skew_findings(kinds: list[KindSummary]) -> list[Finding]:
    telling = [k for k in kinds if max(k.blind_length, k.blind_words) > BLIND_LIMIT]
    found = [
        Finding(
            "note",
            f"{k.kind}: a blind model is right on {max(k.blind_length, k.blind_words):.1f} % by "
            f"{'length' if k.blind_length >= k.blind_words else 'words'} alone (50 is chance)",
        )
        for k in telling
    ]
    if kinds and not telling:
        found.append(Finding("fine", f"no kind gives itself away to {BLIND_LIMIT:.0f} % without"))
    return found


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
    tally, draw = _Tally(), Draw(max(SAMPLE, SPARE * count), seed)
    for record in track(read_records(path), description="reading", unit="captions"):
        tally.add(record)
        if record.negatives:
            draw.add(record)
    root = image_root or path.parent
    blind, true_after_all = _second_pass(path, tally)
    kinds = [_summary(kind, tally, blind[kind]) for kind in KINDS if tally.per_kind[kind]]
    meta = read_meta(path)
    details = NegativesDetails(
        kinds=tuple(kinds),
        rejections=_rejections(meta),
        skewed_words=tuple(tally.word_counts.most_skewed()),
        examples=tuple(draw_examples(draw.drawn(), root, count, seed=seed, need_images=False)),
        hardness=(
            measure(placed(draw.drawn(), root), backbone, seed=seed, track=track)
            if backbone
            else ()
        ),
    )
    findings = [*_fault_findings(tally, true_after_all), *_skew_findings(kinds)]
    return file_report(str(path), "negatives", _facts(tally), findings, details)


def _facts(tally: _Tally) -> dict[str, str | int | float | None]:
    repeated = sum(count - 1 for count in tally.captions.values())
    return {
        "captions": tally.records,
        "images": len(tally.images),
        "captions with a negative": tally.with_negatives,
        "negatives": tally.negatives,
        "negatives per caption": tally.negatives / max(tally.records, 1),
        "captions repeated for the same image": repeated,
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
    found = [_kind_table(details)]
    if details.rejections:
        columns = ("kind", "reason", "candidates")
        found.append(Table("Rejected candidates", columns, details.rejections))
    if details.skewed_words:
        note = "Counted where the word stands on one side of the pair only."
        columns = ("word", "in captions", "in negatives")
        found.append(Table("Most one-sided words", columns, details.skewed_words, note))
    if details.hardness:
        found.append(hardness_table(details.hardness, "Hardness under the model"))
    found.append(_example_table(details.examples))
    return found


def _kind_table(details: NegativesDetails) -> Table:
    rows = tuple(
        (
            *(k.kind, k.captions, k.coverage, k.negatives),
            *(k.words_longer, k.blind_length, k.blind_words, k.score),
        )
        for k in details.kinds
    )
    return Table(
        title="By kind",
        columns=(
            *("kind", "captions", "%", "n"),
            *("longer", "length %", "words %", "score"),
        ),
        rows=rows,
        note="%: of all captions. n: negatives. Longer: by how many words, mean. Length %, words "
        "%: pairs that a blind model tells apart by the length alone, or by the words' log-odds "
        "learned on the other half of the images; 50 is chance. Score: the filler's, mean.",
        digits=2,
    )


def _example_table(examples: tuple[Example, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for example in examples:
        for other in example.others:
            rows.append((example.id, other.kind, changed(example.caption, other.edits)))
    return Table("Examples", ("id", "kind", "caption with the change"), tuple(rows))
