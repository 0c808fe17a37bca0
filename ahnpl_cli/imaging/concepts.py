"""Other things in the place of those a caption names, thought up by a language model (GNM 3.1.2).

For each thing the model gives a short keyword, which replaces it in the caption, and a longer
description, which the painter is told. What it answers is checked: each malformed part is rejected
by a reason that the report counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ahnpl_cli.english import with_article
from ahnpl_cli.language_models import LanguageModel, json_answer
from ahnpl_cli.records import KINDS, CaptionRecord, Edit, Negative, apply_edits
from ahnpl_cli.stable_hash import RandomStream

LONGEST_KEYWORD = 3  # words, as in GNM's prompt
LONGEST_DESCRIPTION = 30  # words: text encoders of painters read 77 tokens (ours)
KIND = "object"
PROMPT = """\
You change captions of photos. Choose up to {objects} things that the caption names: objects, \
animals, persons or parts of the background. For each give {variations} different things that \
could be in its place in the same photo, so that the rest of the caption stays true and the \
changed caption is false of the photo.
"object" is copied from the caption, without article. "keyword" replaces it in the caption and has \
at most three words. "description" tells a painter in more detail what to paint.
Answer with a JSON list and nothing else.

Caption: a bird is standing on a rock
[{{"object": "bird", "keyword": "bald eagle", "description": "a black and white bald eagle"}},
 {{"object": "rock", "keyword": "tree stump", "description": "an old tree stump with moss on it"}}]

Caption: {caption}
"""


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing that takes another's place.

    Attributes:
        object: the words of the caption.
        keyword: what replaces them there.
        description: what a painter is told.
    """

    object: str
    keyword: str
    description: str


def write_prompt(caption: str, *, objects: int, variations: int) -> str:
    """Return what the model is asked about a caption."""
    return PROMPT.format(caption=caption, objects=objects, variations=variations)


def read_answer(answer: str, caption: str) -> tuple[list[Concept], Counter[str]]:
    """Return the concepts of an answer, and why others are none.

    Args:
        answer: what the model said; text around the JSON list is passed over.
        caption: that it was asked about.
    """
    rejected: Counter[str] = Counter()
    entries = json_answer(answer, list)
    if entries is None:
        rejected["no JSON list"] += 1
        return [], rejected
    concepts: list[Concept] = []
    for entry in entries:
        concept = _read_entry(entry, caption)
        if isinstance(concept, str):
            rejected[concept] += 1
        elif concept in concepts:
            rejected["nothing new"] += 1
        else:
            concepts.append(concept)
    return concepts, rejected


def _read_entry(entry: Any, caption: str) -> Concept | str:
    """A concept, or why there is none."""
    if not isinstance(entry, dict):
        return "field missing"
    fields = [entry.get(name) for name in ("object", "keyword", "description")]
    if not all(isinstance(field, str) and field.strip() for field in fields):
        return "field missing"
    words = [" ".join(str(field).split()) for field in fields]
    concept = Concept(*words)
    if len(concept.keyword.split()) > LONGEST_KEYWORD:
        return "too many words"
    if len(concept.description.split()) > LONGEST_DESCRIPTION:
        return "too many words"
    if _find(concept.object, caption) is None:
        return "not in the caption"
    if _find(concept.keyword, caption) is not None:
        return "nothing new"
    return concept


def _find(words: str, caption: str) -> re.Match[str] | None:
    """Where words stand in a caption, whole and in any case."""
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", caption, re.IGNORECASE)


def to_negative(concept: Concept, caption: str, model: str) -> Negative:
    """Return the negative caption that a concept makes."""
    place = _find(concept.object, caption)
    assert place is not None  # `_read_entry` rejects others
    edit = Edit(place.start(), place.end(), place[0], concept.keyword)
    edits = with_article(caption, edit)
    return Negative(KIND, apply_edits(caption, edits), edits, filler=f"llm:{model}")


class Conceiver:
    """Asks a language model for concepts.

    Args:
        model: answers.
        objects: things of a caption that are changed at most, M in GNM.
        variations: of each, K in GNM.
        seed: which things, where the model names more.
    """

    def __init__(self, model: LanguageModel, objects: int, variations: int, seed: int) -> None:
        self.model = model
        self.objects, self.variations, self.seed = objects, variations, seed

    def extend(
        self, records: Sequence[CaptionRecord]
    ) -> tuple[list[CaptionRecord], list[dict[int, str]], Counter[str]]:
        """Return records with further negatives, their descriptions, and what was rejected.

        Returns:
            The records; for each, slot -> description of the negatives that are new; and reason ->
            how often an answer, or a part of one, was rejected for it.
        """
        prompts = [self._prompt(record.caption) for record in records]
        answers = self.model.complete(prompts)
        extended: list[CaptionRecord] = []
        descriptions: list[dict[int, str]] = []
        rejected: Counter[str] = Counter()
        for record, answer in zip(records, answers, strict=True):
            concepts, reasons = read_answer(answer, record.caption)
            rejected.update(reasons)
            extended_record, slots = self._add(record, self._choose(record, concepts))
            extended.append(extended_record)
            descriptions.append(slots)
        return extended, descriptions, rejected

    def _prompt(self, caption: str) -> str:
        return write_prompt(caption, objects=self.objects, variations=self.variations)

    def _choose(self, record: CaptionRecord, concepts: Sequence[Concept]) -> list[Concept]:
        """M random things, and the first K variations of each."""
        by_object: dict[str, list[Concept]] = {}
        for concept in concepts:
            by_object.setdefault(concept.object.lower(), []).append(concept)
        drawn = list(RandomStream(self.seed, record.id, "concepts").order(list(by_object)))
        chosen = set(drawn[: self.objects])
        # In the order of the answer, so that equal answers give equal files.
        return [
            concept
            for name, variations in by_object.items()
            if name in chosen
            for concept in variations[: self.variations]
        ]

    def _add(
        self, record: CaptionRecord, concepts: Sequence[Concept]
    ) -> tuple[CaptionRecord, dict[int, str]]:
        """Put concepts among a record's negatives, which stand in the order of the kinds."""
        known = {negative.caption for negative in record.negatives}
        told: dict[str, str] = {}
        added: list[Negative] = []
        for concept in concepts:
            negative = to_negative(concept, record.caption, str(self.model.info.model))
            if negative.caption not in known:
                known.add(negative.caption)
                told[negative.caption] = concept.description
                added.append(negative)
        negatives = sorted((*record.negatives, *added), key=lambda n: KINDS.index(n.kind))
        slots = {
            slot: told[negative.caption]
            for slot, negative in enumerate(negatives)
            if negative.caption in told
        }
        return replace(record, negatives=tuple(negatives)), slots
