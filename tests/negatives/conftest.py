"""spaCy's real model once for all, and captions parsed with it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ahnpl_cli.negatives.candidates import ParsedCaption
from ahnpl_cli.negatives.text.words import Tagger, words_of
from ahnpl_cli.records import CaptionRecord

# Small scenes that stand for COCO: enough for every kind, several captions an image.
SUBJECTS = ("man", "woman", "boy", "girl", "dog", "cat", "horse", "elephant")
PLACES = ("a wooden bench", "the green grass", "a red couch", "a small table", "a large bed")
ACTIONS = ("sitting on", "standing on", "sleeping on", "lying on", "jumping on")


def caption_of(number: int) -> str:
    subject = SUBJECTS[number % len(SUBJECTS)]
    other = SUBJECTS[(number * 3 + 1) % len(SUBJECTS)]
    action = ACTIONS[(number // 3) % len(ACTIONS)]
    place = PLACES[(number // 7) % len(PLACES)]
    color = ("black", "white", "brown")[number % 3]
    return (
        f"A young {subject} is {action} {place} in front of a {color} {other}.",
        f"a {color} {subject} {action} {place}",
        f"Two {color} {subject}s and a small {other} near {place}",
    )[number % 3 if subject not in ("man", "woman") else 0]


def _write_captions(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            record = {"id": f"c{n}", "image": f"{n // 3}.jpg", "caption": caption_of(n)}
            file.write(json.dumps(record) + "\n")
    return path


@pytest.fixture(scope="session")
def write_captions() -> Callable[[Path, int], Path]:
    """Writes so many captions of small scenes, three to an image."""
    return _write_captions


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    return Tagger()


@pytest.fixture(scope="session")
def parse(tagger: Tagger) -> Callable[..., ParsedCaption]:
    """Gives a caption parsed, with words that other captions of its image use."""

    def parsed(caption: str, *said: str, identity: str = "1") -> ParsedCaption:
        words = words_of(caption, tagger.tag([caption])[0])
        return ParsedCaption(CaptionRecord(identity, "a.jpg", caption), words, frozenset(said))

    return parsed
