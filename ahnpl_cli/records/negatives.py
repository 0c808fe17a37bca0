"""What `ahnpl negatives` reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ahnpl_cli.records.captions import SCHEMA, CaptionRecord

# Why a candidate is rejected, with what it means.
REASONS = {
    "same text": "the text does not change, but for case and spaces",
    "same lemma": "the new word is a form of the old one",
    "not a word": "no dictionary word of this part of speech",
    "part of speech": "tagged in its new place, the word is another part of speech",
    "synonym": "the new word means the same",
    "hypernym": "the new word is a more general one",
    "hyponym": "the new word is a more specific one",
    "compatible": "both words may hold at once, such as large and white",
    "agreement": "the word does not agree with an article or pronoun around it",
    "said of the image": "a caption of the image uses the word, or a word for the same thing",
    "symmetric": "a swap that does not change the meaning",
    "negated": "after no, not or without, another word may be true",
    "of": "the nouns belong together by `of`",
    "doubled word": "a word would stand twice in a row",
    "implausible": "by the captions' statistics, the edit is much less likely than what was there",
    "unheard of": "captions never say such words of such things",
    "duplicate": "another negative of the caption has this text",
    "reads worse": "by --judge-model, the text is much less likely than its caption",
    "nothing to change": "no word of the caption is of this kind",
    "no usable answer": "a language model's answer is not of the form asked for",
    "malformed": "a language model's text is empty, too long or more than a line",
    "too much changed": "a language model changed more than a few words",
    "another kind": "a language model changed words of another kind than asked for",
    "adds something": "a rewording names what no caption of the image does",
    "loses something": "a rewording leaves out a thing that the caption names",
    "another number": "a rewording says another number",
    "another order": "a rewording has the same things in another order: perhaps another scene",
}


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
        lost: kind -> reason -> captions without that kind, by what rejected most candidates.
        positives: how many there are of each kind.
        units: how many there are of each kind.
        blind: kind -> percent of pairs that the words alone tell apart, on images held out; 50 is
            chance. None of a kind with too few.
        plausibility: kind -> mean of its negatives' plausibility.
        statistics: which captions the statistics are of.
        language_model: what wrote words or captions, if one did.
        answers: the file of its answers. A server may answer differently twice, so it is this file
            that equal bytes depend on.
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
    lost: dict[str, dict[str, int]] = field(default_factory=dict)
    positives: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    blind: dict[str, float | None] = field(default_factory=dict)
    plausibility: dict[str, float] = field(default_factory=dict)
    statistics: str = ""
    language_model: str | None = None
    answers: str | None = None
    schema: int = SCHEMA
