"""The rule book for captions that a language model wrote: what is false of the image, what is true.

A filler's word is held against the one that it replaces; here a whole text is, and the edits that
lead to it. What cannot be told from words and tables, such as who does what in a sentence turned
around, is rejected where it might be wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit, Kind
from ahnpl_cli.reporting.edits import word_edits

MOST_EDITS, MOST_CHANGED = 3, 8  # places and words of a caption that a negative changes at most
LONGEST_ADDED = 80  # characters by which a text may be longer than its caption
MALFORMED = "malformed"
TOO_MUCH = "too much changed"
OTHER_KIND = "another kind"
ADDS, LOSES, NUMBERS, ORDER = "adds something", "loses something", "another number", "another order"
# The part of speech that a kind changes.
_POS = {"attribute": "a", "action": "v", "object": "n"}
_SWAPS = ("swap", "attribute_swap", "relation", "order")
_WEAK = frozenset(("be", "have", "do", "get", "make", "see", "show", "feature", "there", "appear"))


def tidy(text: str, caption: str) -> str:
    """Return a text of a model that begins and ends as the caption does.

    Empty if it is more than a line, too long, or holds what no caption has.
    """
    if len(text.strip().splitlines()) > 1:
        return ""
    line = " ".join(text.split())
    if len(line) > 2 * len(caption) + LONGEST_ADDED or not line.isprintable():
        return ""
    bare, end = line.rstrip(" ."), caption.rstrip()[-1:]
    if bare[1:2].islower():
        first = bare[:1].lower() if caption[:1].islower() else bare[:1].upper()
        bare = first + bare[1:]
    return bare + end if bare and end == "." else bare


def rewritten(caption: str, text: str) -> tuple[Edit, ...] | Rejected:
    """Return the edits that turn a caption into a model's text, or why they make no negative."""
    stripped = caption.rstrip()
    tidied = tidy(text, caption)
    if not tidied:
        return Rejected(MALFORMED)
    edits = tuple(_tight(edit) for edit in word_edits(stripped, tidied))
    if not edits:
        return Rejected(validity.SAME_TEXT)
    changed = sum(max(len(edit.old.split()), len(edit.new.split())) for edit in edits)
    if len(edits) > MOST_EDITS or changed > MOST_CHANGED:
        return Rejected(TOO_MUCH)
    return edits


def _tight(edit: Edit) -> Edit:
    """An edit without the stops that both sides end in."""
    same = 0
    for old, new in zip(reversed(edit.old), reversed(edit.new), strict=False):
        if old != new or old.isalnum():
            break
        same += 1
    if not same:
        return edit
    return Edit(edit.start, edit.end - same, edit.old[:-same], edit.new[:-same])


def _touched(caption: ParsedCaption, edit: Edit) -> list[int]:
    """Indices of the words that an edit changes."""
    return [
        index
        for index, word in enumerate(caption.words)
        if word.start < edit.end and edit.start < word.end
    ]


def rewrite_reason(caption: ParsedCaption, edits: Sequence[Edit], kind: Kind) -> str | None:
    """Return why edits that a model made give no negative of a kind, or None."""
    words = caption.words
    touched = [index for edit in edits for index in _touched(caption, edit)]
    if kind != "negation" and any(grammar.negated(words, index) for index in touched):
        return validity.NEGATED
    pos = _POS.get(kind)
    if pos is not None and all(words[index].pos != pos for index in touched):
        return OTHER_KIND
    before = Counter(" ".join(edit.old for edit in edits).lower().split())
    after = Counter(" ".join(edit.new for edit in edits).lower().split())
    if before == after:
        return _swap_reason(caption, touched, kind)
    for edit in edits:
        reason = _edit_reason(caption, edit)
        if reason is not None:
            return reason
    return None


def _swap_reason(caption: ParsedCaption, touched: Sequence[int], kind: Kind) -> str | None:
    """Why the same words in other places make no negative."""
    if kind not in _SWAPS:
        return OTHER_KIND
    nouns = [index for index in touched if grammar.is_noun(caption.words[index])]
    if len(nouns) > 1 and grammar.symmetric(caption.words, nouns[0], nouns[-1]):
        return "symmetric"
    return None


def _edit_reason(caption: ParsedCaption, edit: Edit) -> str | None:
    """Why one edit makes no negative, as far as its words tell."""
    words = caption.words
    kept = {word.lower for word in words}
    new = [word.strip(",.;:!?\"'").lower() for word in edit.new.split()]
    added = [word for word in new if word and word not in kept]
    changed = [index for index in _touched(caption, edit) if words[index].pos is not None]
    if len(changed) == 1 and added:
        index = changed[0]
        context = validity.context_of(words, index)
        phrase = " ".join(added)
        known = wordnet.known(phrase, words[index].pos or "n")
        lower = phrase if known else added[-1]
        # Who writes whole captions knows what belongs where.
        return validity.word_reason(
            words[index], lower, context, caption.image_words, keeps_peers=False
        )
    for word in added:
        lemma = wordnet.lemma(word, "n")
        named = grammar.depictable(lemma) and wordnet.known(word, "n")
        if named and validity.said_of_image(lemma, "n", caption.image_words):
            return validity.IN_IMAGE
    return None


def changed_words(caption: ParsedCaption, edits: Sequence[Edit]) -> Iterator[Change]:
    """The words that edits change."""
    for edit in edits:
        for index in _touched(caption, edit):
            word: Word = caption.words[index]
            lemma = wordnet.lemma(edit.new.lower(), word.pos) if word.pos else edit.new.lower()
            yield Change(word, edit.new, lemma)


# Texts that shall say the same


def rewording_reason(caption: ParsedCaption, text: str, words: Sequence[Word]) -> str | None:
    """Return why a model's text does not say what a caption says, as far as words tell, or None.

    Args:
        caption: the caption.
        text: the text; empty if it could be none.
        words: of the text.
    """
    if not text:
        return MALFORMED
    if validity.normalized(text) == validity.normalized(caption.record.caption):
        return validity.SAME_TEXT
    own = {word.lemma for word in caption.words}
    said = caption.image_words | own
    for word in words:
        if word.pos is None or word.lemma in said or word.lemma in _WEAK:
            continue
        if word.pos == "v":
            verbs = [other.lemma for other in caption.words if other.pos == "v"]
            if not any(wordnet.related(verb, word.lemma, "v") for verb in verbs):
                return ADDS
        elif not validity.said_of_image(word.lemma, word.pos, frozenset(said)):
            return ADDS
    new = frozenset(word.lemma for word in words)
    nouns = [word for word in caption.words if word.pos == "n" and grammar.is_noun(word)]
    if any(not validity.said_of_image(noun.lemma, "n", new) for noun in nouns):
        return LOSES
    return _structure_reason(caption.words, words)


def _structure_reason(old: Sequence[Word], new: Sequence[Word]) -> str | None:
    """Why words that are all true together may be false as they stand."""
    if _numbers(old) != _numbers(new):
        return NUMBERS
    negations = [sum(w.lower in grammar.NEGATIONS for w in text) for text in (old, new)]
    if negations[0] != negations[1]:
        return validity.NEGATED
    shared = {w.lemma for w in old if w.pos == "n"} & {w.lemma for w in new if w.pos == "n"}
    orders = [[w.lemma for w in text if w.lemma in shared] for text in (old, new)]
    # "A cat chases a dog" holds the same words as "a dog chases a cat"; the passive says "by".
    is_turned = any(w.lower == "by" for w in new) and not any(w.lower == "by" for w in old)
    return None if is_turned or orders[0] == orders[1] else ORDER


def _numbers(words: Sequence[Word]) -> list[str]:
    return sorted(word.lower for word in words if word.tag == "CD" and word.lower != "one")
