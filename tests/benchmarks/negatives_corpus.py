"""How long `ahnpl negatives --filler corpus` takes beside spaCy tagging the same captions alone.

    python tests/benchmarks/negatives_corpus.py CAPTIONS [--limit N]

Prints seconds of wall clock and of processor time, one process each. "tagging" is `nlp.pipe` of the
model with the parser and the entities left out, as its lemmas and coarse tags need the tagger;
"tagger alone" also leaves out lemmas and attribute rules.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import spacy

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.negatives.tagging import find_model


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def tag(captions: list[str], exclude: list[str]) -> None:
    nlp = spacy.load(find_model(None), exclude=exclude)
    for _ in nlp.pipe(captions, batch_size=256):
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    captions = [r.caption for r in islice(read_captions(asked.captions), asked.limit)]
    with tempfile.TemporaryDirectory() as folder:
        config = NegativesConfig(filler="corpus", workers=1, limit=asked.limit)
        output = Path(folder) / "negatives.jsonl"
        rows = {
            "tagging": timed(lambda: tag(captions, ["parser", "ner"])),
            "tagger alone": timed(
                lambda: tag(captions, ["parser", "ner", "attribute_ruler", "lemmatizer"])
            ),
            "ahnpl negatives": timed(lambda: generate(asked.captions, output, config)),
        }
    base, alone = rows["tagging"], rows["tagger alone"]
    print(f"{len(captions):,} captions, models loaded in each, {sys.version.split()[0]}")
    print(f"{'':16} {'wall s':>8} {'cpu s':>8} {'x tagging (cpu)':>16} {'x tagger (cpu)':>15}")
    for name, (wall, cpu) in rows.items():
        print(f"{name:16} {wall:8.1f} {cpu:8.1f} {cpu / base[1]:16.2f} {cpu / alone[1]:15.2f}")


if __name__ == "__main__":
    main()
