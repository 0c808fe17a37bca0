"""What `ahnpl negatives` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ahnpl_cli.records.captions import CaptionRecord
from ahnpl_cli.records.schema import SCHEMA

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
    "symmetric": "swapped or not, the caption says the same",
    "negated": "after no, not or without, another word may be true",
    "of": "the nouns belong together by `of`",
    "doubled word": "a word would stand twice in a row",
    "implausible": "by the captions' statistics, the edit is much less likely than what was there",
    "unheard of": "captions never say such words of such things",
    "duplicate": "another negative of the caption has this text",
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
