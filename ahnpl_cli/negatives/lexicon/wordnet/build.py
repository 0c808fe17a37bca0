"""Makes `wordnet.tsv.gz` from Princeton's WordNet 3.0 database files (run by maintainers).

    python -m ahnpl_cli.negatives.lexicon.wordnet.build DICT_FOLDER OUTPUT_FOLDER

Kept: nouns, verbs and adjectives that people rated for concreteness (the vocabulary of caption
words, compounds included), their senses in WordNet's order, the hypernyms of these up to the root,
and for adjectives the cluster they belong to and their antonyms. Glosses and examples are left out.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.negatives.lexicon.concreteness import ratings

FILES = {"n": "noun", "v": "verb", "a": "adj"}
HYPERNYM, SIMILAR, ANTONYM = ("@", "@i"), ("&",), ("!",)


def _lines(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(encoding="latin-1").splitlines():
        if not line.startswith("  "):
            yield line.split(" | ")[0].split()


def _senses(folder: Path, pos: str) -> dict[str, list[str]]:
    """Lemma -> synset offsets in order of frequency, of the rated lemmas."""
    known = ratings()
    senses = {}
    for fields in _lines(folder / f"index.{FILES[pos]}"):
        lemma, pointers = fields[0].replace("_", " "), int(fields[3])
        if lemma in known:
            senses[lemma] = fields[6 + pointers :]
    return senses


def _synsets(folder: Path, pos: str) -> dict[str, tuple[str, list[str]]]:
    """Offset -> (lexicographer file, offsets of hypernyms, or of similar and opposite heads)."""
    kept = HYPERNYM if pos != "a" else SIMILAR + ANTONYM
    synsets = {}
    for fields in _lines(folder / f"data.{FILES[pos]}"):
        count = int(fields[3], 16)
        at = 4 + 2 * count
        pointers = [fields[at + 1 + 4 * i : at + 5 + 4 * i] for i in range(int(fields[at]))]
        marked = [
            ("!" if symbol == "!" else "") + target
            for symbol, target, kind, _ in pointers
            if symbol in kept and kind in (pos, "s" if pos == "a" else pos)
        ]
        synsets[fields[0]] = (fields[1], marked)
    return synsets


def _closure(start: set[str], synsets: dict[str, tuple[str, list[str]]]) -> list[str]:
    kept, rest = set[str](), list(start)
    while rest:
        offset = rest.pop()
        if offset not in kept:
            kept.add(offset)
            rest.extend(target.lstrip("!") for target in synsets[offset][1])
    return sorted(kept)


def build(folder: Path, output: Path) -> None:
    """Write the table; equal input gives equal bytes."""
    lines = []
    for pos in FILES:
        senses, synsets = _senses(folder, pos), _synsets(folder, pos)
        kept = _closure({offset for offsets in senses.values() for offset in offsets}, synsets)
        number = {offset: str(index) for index, offset in enumerate(kept)}
        for offset in kept:
            file, targets = synsets[offset]
            marks = ["!" + number[t[1:]] if t[0] == "!" else number[t] for t in targets]
            lines.append("\t".join(["s", pos, str(int(file)), " ".join(marks)]))
        for lemma, offsets in sorted(senses.items()):
            lines.append("\t".join(["l", pos, lemma, " ".join(number[o] for o in offsets)]))
        exceptions = (folder / f"{FILES[pos]}.exc").read_text(encoding="latin-1").splitlines()
        for form, lemma, *_ in (line.split() for line in exceptions):
            if lemma in senses and "_" not in form:
                lines.append("\t".join(["e", pos, form, lemma]))
    data = gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0)
    (output / "wordnet.tsv.gz").write_bytes(data)


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
