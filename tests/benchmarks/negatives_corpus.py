"""How long `ahnpl negatives --filler corpus` takes beside spaCy tagging the same captions alone.

    python tests/benchmarks/negatives_corpus.py CAPTIONS [--limit N] [--workers N]

"tagging" is spaCy's pipeline as it comes, without parser and entities; "tagger alone" leaves out
lemmas and attribute rules too. Both and the whole run work in this one process, models loaded in
each: with one negative of each kind, of the paper's and of the default ones, and with as many as
are made by default. The processor's seconds count, so that neighbors on the machine count less.
The last line compares the wall clock of one worker with that of several.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import spacy

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.english import find_spacy_model
from ahnpl_cli.negatives.generate import generate


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock and of this process's time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def tag(captions: list[str], exclude: list[str]) -> None:
    """Tag with spaCy as it comes."""
    nlp = spacy.load(find_spacy_model(None), exclude=exclude)
    for _ in nlp.pipe(captions, batch_size=256):
        pass


def run(
    source: Path,
    limit: int | None,
    workers: int,
    preset: str = "default",
    per_kind: int | None = None,
) -> None:
    """Make the negatives, and throw them away."""
    with tempfile.TemporaryDirectory() as folder:
        config = NegativesConfig(
            filler="corpus", workers=workers, limit=limit, kinds=(preset,), per_kind=per_kind
        )
        generate(source, Path(folder) / "negatives.jsonl", config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    captions = [record.caption for record in islice(read_captions(asked.captions), asked.limit)]
    plain, bare = ["parser", "ner"], ["parser", "ner", "attribute_ruler", "lemmatizer"]
    rows = {
        "tagging": timed(lambda: tag(captions, plain)),
        "tagger alone": timed(lambda: tag(captions, bare)),
        "one of paper's": timed(lambda: run(asked.captions, asked.limit, 1, "paper", 1)),
        "one of default's": timed(lambda: run(asked.captions, asked.limit, 1, "default", 1)),
        "defaults": timed(lambda: run(asked.captions, asked.limit, 1)),
    }
    several = timed(lambda: run(asked.captions, asked.limit, asked.workers))[0]
    print(f"{len(captions):,} captions")
    print(f"{'':16} {'wall s':>8} {'cpu s':>8} {'x tagging':>10} {'x tagger':>9}")
    base, alone = rows["tagging"][1], rows["tagger alone"][1]
    for name, (wall, cpu) in rows.items():
        print(f"{name:16} {wall:8.1f} {cpu:8.1f} {cpu / base:10.2f} {cpu / alone:9.2f}")
    one = rows["defaults"][0]
    print(
        f"{asked.workers} workers: {several:.1f} s of wall clock, {one / several:.2f}x one worker"
    )


if __name__ == "__main__":
    main()
