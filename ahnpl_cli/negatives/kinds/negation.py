"""Negatives by presence (`negation`): what is there is denied, what is not is affirmed.

In the three forms of NegBench's templates ("there is no dog", "a photo with a bed but no dog") and
as captions say it ("without a dog", "no dog in sight").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ahnpl_cli.english import vowel_sound
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.tables import word_list
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

# Sentences behind a caption; {thing} has its article or is a plural.
AFFIRMED = (" There is {thing}.", ", with {thing} in view")
DENIED = (" There is no {noun}.", ", and no {noun} is in sight", ", but without {thing}")
LEAST = 12  # images that must show a thing before it is said to be there
LIKELY = 12  # things that go with the caption, of which one is drawn
_STOPS = " .!"


def change_presence(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """A hat is denied of who wears it; or a few words at the end deny or affirm a thing."""
    for index in stream.order(range(len(caption.words))):
        candidate = _in_place(caption, index)
        if candidate is not None:
            yield candidate
    if not caption.is_whole or not caption.words:
        return
    nouns = [word for word in caption.words if grammar.is_noun(word)]
    denied = [word for word in nouns if word.tag == "NN" and not _is_negated(caption, word)]
    absent = _absent(caption, [word.lemma for word in nouns], corpus)
    # As often affirmed as denied, so that "no" alone tells nothing.
    affirm = stream.uniform() < 0.5
    for noun in stream.order(absent if affirm else [word.lower for word in denied]):
        forms = AFFIRMED if affirm else DENIED
        form = next(stream.order(forms))
        yield _at_end(caption, form.format(thing=_with_article(noun), noun=noun), noun)


def _in_place(caption: ParsedCaption, index: int) -> Candidate | None:
    """What was with becomes without, and the other way round."""
    words = caption.words
    word = words[index]
    if word.lower not in ("with", "without"):
        return None
    noun = grammar.noun_ahead(words, index + 1, ("DT", "JJ", "PRP$", "CD", "VBN"), 4)
    if noun is None or not grammar.is_noun(words[noun]):
        return None
    if word.lower == "with" and grammar.determiner(words, noun) not in ("a", "none"):
        return None
    new = "without" if word.lower == "with" else "with"
    new = new.capitalize() if word.text[0].isupper() else new
    edit = Edit(word.start, word.end, word.text, new)
    return Candidate((Change(word, new, new.lower()),), (edit,), mean_rating(words[noun].lemma))


def _is_negated(caption: ParsedCaption, word: Word) -> bool:
    return grammar.negated(caption.words, caption.words.index(word))


def _absent(caption: ParsedCaption, nouns: Sequence[str], corpus: Corpus) -> list[str]:
    """Things that no caption of the image names, though they go with those that it names."""
    absent: list[str] = []
    for thing, associated in corpus.companions(nouns, LEAST) if nouns else ():
        if associated <= 0 or len(absent) == LIKELY:
            break
        if thing in word_list("ubiquitous") or thing in word_list("mass"):
            continue
        if not validity.said_of_image(thing, "n", caption.image_words):
            absent.append(thing)
    return absent


def _with_article(noun: str) -> str:
    return ("an " if vowel_sound(noun) else "a ") + noun


def _at_end(caption: ParsedCaption, text: str, noun: str) -> Candidate:
    """Put words behind the caption's last word, and its full stop behind or before them."""
    words: Sequence[Word] = caption.words
    last = next(word for word in reversed(words) if re.search(r"\w", word.text))
    stop = caption.record.caption[last.end :].strip()[:1] == "."
    if text.startswith(" "):
        text = "." + text.removesuffix(".") if stop else "." + text
    old = last.text
    edit = Edit(last.start, last.end, old, old + text)
    return Candidate((Change(last, old + text, noun),), (edit,), mean_rating(noun))
