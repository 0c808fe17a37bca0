"""The kinds of hard negatives: one line each, from which flag, slots, tables and docs follow.

A new kind is one file in `negatives/kinds/` and one line at the end of this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

# Kind -> what makes it. Slot order: append only, since thresholds M and saved features depend on
# it. What is named is imported only where negatives are made.
KIND_MODULES: dict[str, str] = {
    "relation": "ahnpl_cli.negatives.kinds.swap:swap_nouns",
    "attribute": "ahnpl_cli.negatives.kinds.refill:ATTRIBUTE",
    "action": "ahnpl_cli.negatives.kinds.refill:ACTION",
    "object": "ahnpl_cli.negatives.kinds.refill:OBJECT",
    "attribute_swap": "ahnpl_cli.negatives.kinds.swap:swap_adjectives",
    "quantity": "ahnpl_cli.negatives.kinds.quantity:change_quantity",
    "spatial": "ahnpl_cli.negatives.kinds.spatial:change_place",
}
KINDS = tuple(KIND_MODULES)
DEFAULT_KINDS = KINDS[:4]  # the paper's

if TYPE_CHECKING:
    Kind = str
else:
    # Records are read against this type, so an unknown kind in a file is an error.
    Kind = Literal[KINDS]
