"""One process's share of the work: blocks of captions in, lines of the output file back."""

from __future__ import annotations

import atexit
import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ahnpl_cli.config.negatives import PER_KIND, NegativesConfig
from ahnpl_cli.data.jsonl import dump
from ahnpl_cli.engines.journal import Part, part_path, read_part, write_part
from ahnpl_cli.language_models import load_language_model
from ahnpl_cli.negatives.balance import (
    BALANCE,
    Changes,
    add_changes,
    changes_of,
    read_balance,
)
from ahnpl_cli.negatives.candidates import ParsedCaption
from ahnpl_cli.negatives.checking import Likelihoods
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.fillers import Filler, FillerChoice, NamedModel
from ahnpl_cli.negatives.fillers.corpus import COUNTS, CorpusFiller, read_counts
from ahnpl_cli.negatives.first_pass import Block, Index
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.maker import Maker
from ahnpl_cli.negatives.positives import Reworder
from ahnpl_cli.negatives.rewrites import rewording_reason
from ahnpl_cli.negatives.statistics import STATISTICS, read_statistics
from ahnpl_cli.negatives.text.context import Window
from ahnpl_cli.negatives.text.words import Tagger, Word, words_of
from ahnpl_cli.records import CaptionRecord, Positive

if TYPE_CHECKING:
    from ahnpl_cli.negatives.fillers.llm import LanguageModelFiller

JUDGED_AT_ONCE = 64  # texts; fixed, since the last bits of scores depend on it
# Objects between two looks of the garbage collector: words and counts hold no cycles, and looking
# for some takes a twentieth of the time.
RARELY = 500_000


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a process needs to know; sent once.

    Attributes:
        options: of the command.
        folder: where the index and the counts are.
        spacy_model: pipeline for the tags.
        filler: what refills words.
        device: where language models compute.
        packed: whether the output is compressed.
        llm: what writes words or captions; None without.
    """

    options: NegativesConfig
    folder: Path
    spacy_model: str
    filler: FillerChoice
    device: str
    packed: bool
    llm: NamedModel | None = None


@dataclass(slots=True)
class Counts:
    """What has been done with blocks.

    Attributes:
        captions: how many have their negatives.
        negatives: kind -> how many; positives and units by theirs.
        rejected: (kind, reason) -> how many candidates.
        lost: (kind, reason) -> how many captions without the kind.
    """

    captions: int = 0
    negatives: Counter[str] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    positives: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)

    def add(self, entry: dict[str, Any]) -> None:
        """Add what `entry` says of another block."""
        self.captions += entry["captions"]
        for name in ("negatives", "positives", "units"):
            getattr(self, name).update(entry[name])
        for name in ("rejected", "lost"):
            for kind, reason, count in entry[name]:
                getattr(self, name)[kind, reason] += count

    def entry(self) -> dict[str, Any]:
        """Return the counts as JSON knows them."""
        return {
            "captions": self.captions,
            "negatives": dict(self.negatives),
            "positives": dict(self.positives),
            "units": dict(self.units),
            "rejected": _rows(self.rejected),
            "lost": _rows(self.lost),
        }


def _rows(counts: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Counts as JSON can hold them, which has no pairs for keys."""
    return [(kind, reason, n) for (kind, reason), n in counts.items()]


class _Worker:
    """Loads the models once, then tags and makes negatives."""

    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        self.tagger = Tagger(config.spacy_model)
        self._window = Window(config.options.context, config.options.tokenizer)
        self._index: Index | None = None
        self._maker: Maker | None = None
        self._is_balanced = False
        self._writer: LanguageModelFiller | None = None

    def parse(self, captions: Sequence[str]) -> list[tuple[Word, ...]]:
        """Return the words of captions."""
        tagged = self.tagger.tag(captions)
        return [words_of(text, tags) for text, tags in zip(captions, tagged, strict=True)]

    def make_part(self, blocks: Sequence[Block]) -> Part:
        """Write the part of some blocks, unless an earlier run wrote it."""
        end = blocks[-1].start + len(blocks[-1].records)
        path = part_path(self.config.folder, blocks[0].start, end)
        written = read_part(path)
        if written is not None:
            return written[0]
        counts = Counts()
        lines = [self._make(block, counts) for block in blocks]
        return write_part(path, lines, counts.entry(), packed=self.config.packed)

    def try_blocks(self, blocks: Sequence[Block]) -> Changes:
        """Return what words the negatives of some blocks gain and lose, before that is balanced."""
        index, maker = self._ready()
        changes: Changes = {}
        # Scores of a language model differ in their last bits with what is asked beside.
        is_trial = self.config.filler.kind == "corpus"
        for block in blocks:
            made = maker.make(self._parsed(block, index), is_trial=is_trial)
            for record, negatives in zip(block.records, made.negatives, strict=True):
                add_changes(changes, changes_of(record.caption, negatives))
        return changes

    def _make(self, block: Block, counts: Counts) -> tuple[str, ...]:
        """Return the lines of a block, and add up what was done."""
        index, maker = self._ready()
        if not self._is_balanced:
            maker.checker.odds = read_balance(self.config.folder / BALANCE)
            self._is_balanced = True
        options = self.config.options
        parsed = self._parsed(block, index)
        result = maker.make(parsed)
        counts.captions += len(parsed)
        counts.rejected.update(result.rejected)
        counts.lost.update(result.lost)
        records = [
            replace(record, negatives=tuple(negatives))
            for record, negatives in zip(block.records, result.negatives, strict=True)
        ]
        if options.positives:
            records = self._with_positives(records, parsed, index, counts)
        if options.units:
            units = maker.units(parsed)
            pairs = zip(records, units, strict=True)
            records = [replace(record, units=tuple(each)) for record, each in pairs]
        for record in records:
            counts.negatives.update(negative.kind for negative in record.negatives)
            counts.positives.update(positive.kind for positive in record.positives)
            counts.units.update(unit.kind for unit in record.units)
        if self._writer is not None:
            for reason, n in self._writer.unusable.items():
                counts.rejected["llm", reason] += n
            self._writer.unusable.clear()
        # A caption that has no negatives says so.
        return tuple(dump(record, kept=("negatives",)) for record in records)

    def _with_positives(
        self,
        records: Sequence[CaptionRecord],
        parsed: Sequence[ParsedCaption],
        index: Index,
        counts: Counts,
    ) -> list[CaptionRecord]:
        """Give records their positives."""
        options = self.config.options
        reworder = Reworder(options.positives, options.seed)
        rewordings = self._rewordings(parsed, counts)
        changed = []
        for record, caption, rewording in zip(records, parsed, rewordings, strict=True):
            others = index.image_texts(record.image)
            positives = [*reworder.positives(caption, others), *rewording]
            changed.append(replace(record, positives=tuple(positives)))
        return changed

    def _rewordings(self, parsed: Sequence[ParsedCaption], counts: Counts) -> list[list[Positive]]:
        """The first of a language model's texts of each caption that says the same, if one does."""
        chosen: list[list[Positive]] = [[] for _ in parsed]
        if self._writer is None or "rewrite" not in self.config.options.positives:
            return chosen
        captions = [caption.record.caption for caption in parsed]
        answers = self._writer.rewordings(captions, 1)
        texts = [text for answer in answers for text in answer]
        words_of_text = dict(zip(texts, self.parse(texts), strict=True))
        for caption, answer, positives in zip(parsed, answers, chosen, strict=True):
            for text in answer:
                reason = rewording_reason(caption, text, words_of_text[text])
                if reason is None:
                    positives.append(Positive("rewrite", text, (), self._writer.name))
                    break
                counts.rejected["rewording", reason] += 1
        return chosen

    def _parsed(self, block: Block, index: Index) -> list[ParsedCaption]:
        """Parse the captions of a block, but those that the count of words has parsed before."""
        end = block.start + len(block.records)
        words = index.words(block.start, end)
        numbered = dict(enumerate(block.records, block.start))
        fresh = [number for number in numbered if number not in words]
        parsed = self.parse([numbered[number].caption for number in fresh])
        words.update(zip(fresh, parsed, strict=True))
        return [
            ParsedCaption(
                record,
                self._window.visible(record.caption, words[number]),
                index.image_words(record.image),
                index.image_captions(record.image),
            )
            for number, record in numbered.items()
        ]

    def _ready(self) -> tuple[Index, Maker]:
        """Load what only `make` needs; the first pass and the count are done by then."""
        if self._index is None or self._maker is None:
            options = self.config.options
            self._index = Index(self.config.folder)
            language = options.language
            self._writer = self._load_writer()
            self._maker = Maker(
                self._filler(),
                self.tagger,
                kinds=options.kinds,
                per_kind=options.per_kind or PER_KIND,
                top_k=options.top_k,
                seed=options.seed,
                weigh=word_weights(options.select, options.select_temperature),
                corpus=Corpus(read_statistics(self.config.folder / STATISTICS)),
                plausible_first=options.select == "plausible",
                most_concrete=options.select == "top-k",
                balance=options.balance,
                writer=self._writer,
                rewrite=language.rewrite,
                likelihoods=self._load_judge(),
                threshold=language.judge_threshold,
            )
            # What is loaded by now stays: the collector need not look at it again.
            gc.freeze()
            # Else torch's own libraries report everything frozen as leaked when the process ends.
            atexit.register(gc.unfreeze)
        return self._index, self._maker

    def _filler(self) -> Filler:
        choice = self.config.filler
        if choice.kind == "llm":
            assert self._writer is not None
            return self._writer
        if choice.kind == "corpus" or choice.model is None:
            return CorpusFiller(read_counts(self.config.folder / COUNTS))
        from ahnpl_cli.negatives.fillers.roberta import RobertaFiller

        return RobertaFiller(choice.model, self.config.device)

    def _load_writer(self) -> LanguageModelFiller | None:
        """The language model that writes words or captions, if one is named."""
        named = self.config.llm
        if named is None:
            return None
        from ahnpl_cli.negatives.fillers.llm import LanguageModelFiller

        model = load_language_model(
            name=named.model,
            url=named.url,
            key_variable=self.config.options.language.llm_key,
            device=self.config.device,
            seed=self.config.options.seed,
            answers=named.answers,
        )
        return LanguageModelFiller(model)

    def _load_judge(self) -> Likelihoods | None:
        """What judges how texts read, if a model is named for it."""
        name = self.config.options.language.judge_model
        if name is None:
            return None
        from ahnpl_cli.backbones.transformers.language_model import LocalModel

        model = LocalModel(name, self.config.device, JUDGED_AT_ONCE, flag="--judge-model")
        return model.mean_log_likelihoods


# Functions for a `ProcessMap`, which sends names of functions, and no objects that hold models.

_worker: _Worker | None = None


def start(config: WorkerConfig) -> None:
    """Make this process a worker; called once in each."""
    global _worker
    gc.set_threshold(RARELY)
    _worker = _Worker(config)


def parse(captions: Sequence[str]) -> list[tuple[Word, ...]]:
    """Return the words of captions, tagged in this process."""
    assert _worker is not None
    return _worker.parse(captions)


def try_blocks(blocks: Sequence[Block]) -> Changes:
    """Return what words the negatives of blocks gain and lose, made in this process."""
    assert _worker is not None
    return _worker.try_blocks(blocks)


def make(blocks: Sequence[Block]) -> Part:
    """Write the part of some blocks, made in this process."""
    assert _worker is not None
    return _worker.make_part(blocks)
