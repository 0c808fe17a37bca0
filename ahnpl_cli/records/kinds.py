"""The kinds of hard negatives: one line each, from which flag, slots, tables and docs follow.

A new kind is one file in `negatives/kinds/` and one line at the end of this table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

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
