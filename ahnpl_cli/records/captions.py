"""Captions and hard negatives: the lines of `captions.jsonl` and `negatives.jsonl`.

The kinds of hard negatives are registered here, one line each, from which flag, slots, tables and
docs follow. A new kind is one file in `negatives/kinds/` and one line at the end of `KIND_MODULES`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

SCHEMA = 1  # the version of our formats, written into every JSON report

# Kind -> what makes it. Slot order: append only, since thresholds M and saved features depend on
# it. What is named is imported only where negatives are made.
KIND_MODULES: dict[str, str] = {
    "relation": "ahnpl_cli.negatives.kinds.relation:change_relation",
    "attribute": "ahnpl_cli.negatives.kinds.refill:ATTRIBUTE",
    "action": "ahnpl_cli.negatives.kinds.refill:ACTION",
    "object": "ahnpl_cli.negatives.kinds.refill:OBJECT",
    "attribute_swap": "ahnpl_cli.negatives.kinds.swap:swap_adjectives",
    "quantity": "ahnpl_cli.negatives.kinds.quantity:change_quantity",
    "spatial": "ahnpl_cli.negatives.kinds.spatial:change_place",
    "swap": "ahnpl_cli.negatives.kinds.swap:swap_nouns",
    "addition": "ahnpl_cli.negatives.kinds.addition:add_detail",
    "negation": "ahnpl_cli.negatives.kinds.negation:change_presence",
    "order": "ahnpl_cli.negatives.kinds.order:shuffle_words",
}
KINDS = tuple(KIND_MODULES)
DEFAULT_KINDS = ("relation", "attribute", "action", "object", "quantity", "spatial")
# Kinds that keep the whole caption and add something false to it.
LONGER = frozenset(("addition",))
# Kinds that one name stands for in `--kinds`: those of AHNPL 3.1 (two nouns swapped; an adjective,
# a verb, a noun refilled), what is made unless something else is said, and every kind there is.
PRESETS: dict[str, tuple[str, ...]] = {
    "paper": ("swap", "attribute", "action", "object"),
    "default": DEFAULT_KINDS,
    "all": KINDS,
}


def expand_presets(names: Sequence[str]) -> tuple[str, ...]:
    """Return kinds with presets resolved, each once, in the order named."""
    kinds: dict[str, None] = {}
    for name in names:
        kinds.update(dict.fromkeys(PRESETS.get(name, (name,))))
    return tuple(kinds)


def described(kinds: Collection[str]) -> str:
    """Return the kinds, behind the name of the preset that holds just these, if one does."""
    listed = ", ".join(kinds)
    for name, preset in PRESETS.items():
        if set(preset) == set(kinds):
            return f"the preset {name}: {listed}"
    return listed


# How a further true text of an image is made, in the order of the records.
POSITIVE_KINDS = (
    "caption",  # another caption of the image
    "deletion",  # a detail less
    "passive",
    "exchange",  # parts of a listing in another order
    "has",  # "with" and "that has"
    "synonym",
    "rewrite",  # by a language model
)
UNIT_KINDS = ("entity", "relation")

if TYPE_CHECKING:
    Kind = str
    PositiveKind = str
    UnitKind = str
else:
    # Records are read against these types, so an unknown kind in a file is an error.
    Kind = Literal[KINDS]
    PositiveKind = Literal[POSITIVE_KINDS]
    UnitKind = Literal[UNIT_KINDS]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to a caption: `caption[start:end] == old` becomes `new`.

    Places are counted in Unicode code points, as Python does.

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
class Painting:
    """How the picture of a negative was made.

    Attributes:
        engine: the painter, such as `recolor` or `inpaint`.
        locator: what found the things to paint over.
        model: the painter's weights; None without a model.
        revision: of the weights; None if not known.
        seed: of the noise that a model started from; None where nothing is drawn.
        prompt: what a model was told to paint; None without a model.
        box: (x, y, width, height) in pixels around what was painted.
        outline: polygons (x, y, x, y, ...) around the same; empty for the whole picture.
        scores: what the judges measured, by name.
        repainted: the original with the true thing painted into the same place, relative to the
            file's folder; None without `--repaint-original`.
    """

    engine: str
    locator: str
    model: str | None = None
    revision: str | None = None
    seed: int | None = None
    prompt: str | None = None
    box: tuple[int, int, int, int] | None = None
    outline: tuple[tuple[int, ...], ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    repainted: str | None = None


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
        image: a picture that shows `caption`, relative to the file's folder; None without.
        painter: how that picture was made.
        plausibility: log-odds of the edited words against those they replace, by statistics of
            captions and so comparable across kinds; about 0 where both fit as well, None if not
            known.
    """

    kind: Kind
    caption: str
    edits: tuple[Edit, ...] = ()
    filler: str = ""
    score: float | None = None
    concreteness: float | None = None
    image: str | None = None
    painter: Painting | None = None
    plausibility: float | None = None

    def __post_init__(self) -> None:
        # Before `swap` was a kind of its own, an exchange of nouns was called a relation.
        if self.kind == "relation" and self.filler == "swap":
            object.__setattr__(self, "kind", "swap")


@dataclass(frozen=True, slots=True)
class Positive:
    """Another text that is as true of the image as the caption.

    Attributes:
        kind: how it was made, one of `POSITIVE_KINDS`.
        caption: the text.
        edits: spans of the original caption that give it; empty where it is no edit of it.
        filler: what chose its words, `caption` for another caption of the image, `rule`, or
            `llm:NAME`; empty if not known.
    """

    kind: PositiveKind
    caption: str
    edits: tuple[Edit, ...] = ()
    filler: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A thing or a relation that a caption names, as a short text of its own (CS-CLIP).

    Attributes:
        kind: `entity` or `relation`.
        caption: the text, a span of the caption.
        foil: the text with one change that makes it false of the image.
        edits: spans of the unit's own text; applying them gives the foil.
        start: first character of the unit in the caption.
        filler: what chose the foil's words, as in `Negative`.
    """

    kind: UnitKind
    caption: str
    foil: str
    edits: tuple[Edit, ...] = ()
    start: int | None = None
    filler: str = ""


@dataclass(frozen=True, slots=True)
class CaptionRecord:
    """One line of `captions.jsonl` or, with negatives, of `negatives.jsonl`.

    Attributes:
        id: unique in its file.
        image: path relative to the image root; captions with the same image belong together.
        caption: the true text.
        negatives: hard negatives of the caption, in slot order.
        meta: whatever the user brought along.
        positives: further true texts, in the order of `POSITIVE_KINDS`.
        units: parts of the caption with a foil each, in the order of the caption.
    """

    id: str
    image: str
    caption: str
    negatives: tuple[Negative, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    positives: tuple[Positive, ...] = ()
    units: tuple[Unit, ...] = ()


def apply_edits(caption: str, edits: tuple[Edit, ...]) -> str:
    """Return `caption` with `edits` made, last first so that the spans stay true."""
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        caption = caption[: edit.start] + edit.new + caption[edit.end :]
    return caption
