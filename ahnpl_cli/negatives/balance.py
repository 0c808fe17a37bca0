"""What words tell a negative from a caption, so that they can be avoided.

Negatives of some captions are made first, and it is counted which words and pairs of words they
gain and lose. Log-odds of a word w of a kind: log [(gained(w) + k) / (lost(w) + k)], k = 2. A
candidate that gains telling words stays with a chance that falls with their sum, so that a model
that sees no image learns little: a soft form of SugarCrepe's adversarial refinement (Hsieh et al.
2023).
"""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ahnpl_cli.files import write_atomic
from ahnpl_cli.negatives.statistics import changed_words, framed
from ahnpl_cli.records import Negative

BALANCE = "balance.json"  # in the work folder
# First captions of the file that are tried, whatever the shard: a sixth of them, at least so many
# as tell the commonest words, and no more than tell the rest.
TRIED_LEAST, TRIED = 2_048, 4_096
PSEUDO = 2.0
STOPS = frozenset(".,;:!?")
LEAST = 3  # times that a word must be gained or lost to tell anything

Odds = dict[str, dict[str, float]]
# Kind -> word or pair -> how often it is gained, and lost.
Changes = dict[str, tuple[Counter[str], Counter[str]]]


def tried(total: int) -> int:
    """Return how many of some captions are tried."""
    return min(total, TRIED, max(TRIED_LEAST, total // 6))


def changed_parts(caption: str, negative: str) -> tuple[set[str], set[str]]:
    """Return the words and pairs of words that only a negative has, and those it has no more."""
    (before, start), (after, _) = changed_words(caption, negative)
    gained = _parts(after[start - 1 :], outside=_joined(caption))
    return gained, _parts(before[start - 1 :], outside=_joined(negative))


@functools.lru_cache(maxsize=512)  # a caption is held against each of its negatives
def _joined(text: str) -> str:
    return f" {' '.join(framed(text))} "


def _parts(tokens: list[str], outside: str) -> set[str]:
    """The words and pairs of some tokens that another text, joined by spaces, has not."""
    words = [token for token in tokens if token and token not in STOPS]
    parts = {word for word in words if f" {word} " not in outside}
    for first, second in zip(tokens, tokens[1:], strict=False):
        pair = f"{first} {second}"
        if first and second not in STOPS and first not in STOPS and f" {pair} " not in outside:
            parts.add(pair)
    return parts


def changes_of(caption: str, negatives: Iterable[Negative]) -> Changes:
    """Count what negatives gain and lose against their caption."""
    changes: Changes = {}
    for negative in negatives:
        all_gained, all_lost = changes.setdefault(negative.kind, (Counter(), Counter()))
        gained, lost = changed_parts(caption, negative.caption)
        all_gained.update(gained)
        all_lost.update(lost)
    return changes


def add_changes(changes: Changes, more: Changes) -> None:
    """Add counts to others."""
    for kind, (gained, lost) in more.items():
        total = changes.setdefault(kind, (Counter(), Counter()))
        total[0].update(gained)
        total[1].update(lost)


def odds_of(changes: Changes) -> Odds:
    """Return the log-odds of the words and pairs of each kind that are changed often enough."""
    odds: Odds = {}
    for kind, (gained, lost) in sorted(changes.items()):
        odds[kind] = {
            part: round(math.log((gained[part] + PSEUDO) / (lost[part] + PSEUDO)), 4)
            for part in sorted(gained.keys() | lost.keys())
            if gained[part] + lost[part] >= LEAST
        }
    return odds


def write_balance(path: Path, odds: Odds) -> None:
    """Write the log-odds for the workers, whole or not at all."""
    write_atomic(path, json.dumps(odds))


def read_balance(path: Path) -> Odds:
    """Return what `write_balance` wrote; nothing if it wrote nothing."""
    odds: Odds = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return odds


def telling(odds: dict[str, float], caption: str, negative: str) -> float:
    """Return how much a negative's words tell of it: 0 if no more than its caption's."""
    if not odds:
        return 0.0
    gained, lost = changed_parts(caption, negative)
    gain = sum(odds.get(part, 0.0) for part in sorted(gained))
    return max(0.0, gain - sum(odds.get(part, 0.0) for part in sorted(lost)))
