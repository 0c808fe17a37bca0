"""MMVP-VLM (Tong et al. 2024, HF MMVP/MMVP_VLM): 135 pairs of images that CLIP takes for alike.

Each statement, after `a photo of `, has to choose its image; a pair counts if both do (their
`evaluate_vlm.py`), which is our `image`: the headline, overall and for each of nine visual patterns
of 15 pairs. The script asks whether the first image has more than half of the softmax, so that a
tie goes to the second: right for the second statement, wrong for the first (`--tie official`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.base import (
    FETCH_AGAIN,
    Benchmark,
    LocalCopy,
    csv_records,
    from_hub,
)
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.two_by_two import (
    IMAGE,
    ordered_tags,
    tag_means,
    two_by_two_suite,
)
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item, Scores, Suite, Verdict

PUBLISHED_PAIRS, PUBLISHED_PATTERNS = 135, 9
QUESTIONS = "Questions.csv"
COLUMNS = ("Question ID", "Type", "Statement")
IMAGES = ("MLLM_VLM Images", "MLLM_VLM_Images")
PROMPT = "a photo of "


def find(folders: DataFolders) -> dict[str, Path]:
    """Return `Questions.csv` beside the folder of images; MMVP for LLMs has a file of that name."""
    for folder in folders.holding(QUESTIONS):
        if any(name in folders.contents[folder] for name in IMAGES):
            return {"questions": folders.path(folder, QUESTIONS)}
    return {}


def judge(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """As Winoground; by the script's rule a tie of the second statement is right."""
    if not ties_win:
        yield from judging.two_by_two(item, scores, ties_win)
        return
    similarity = judging.matrix(item, scores)
    text = judging.both(judging.group_text(similarity, 0), judging.group_text(similarity, 1))
    second = judging.beats(similarity[1][1], similarity[0][1], ties_win=True)
    image = judging.both(judging.group_image(similarity, 0), second)
    outcomes: dict[str, judging.Outcome] = {}
    measures = {"text": text, "image": image, "group": judging.both(text, image)}
    for measure, outcome in measures.items():
        outcomes |= dict.fromkeys(judging.tagged(measure, item.subsets), outcome)
    yield judging.verdict(item, scores, outcomes)


def load(copy: LocalCopy) -> Suite:
    """Read the pairs: two rows that follow each other.

    Raises:
        BenchmarkError: an odd number of rows, or two rows of other patterns.
    """
    path = copy.files["questions"]
    rows = csv_records(path, COLUMNS)
    roots = [path.parent / name for name in IMAGES]
    # Numbers are the only names of these images, so they are looked up in their pattern's folder.
    images = copy.image_finder(())
    items = []
    # The file knows pairs only by place: rows 1 and 2, 3 and 4, and so on.
    for number in range(0, len(rows) - len(rows) % 2, 2):
        (where, first), (_, second) = rows[number : number + 2]
        if first["Type"] != second["Type"]:
            what = f"a pair of two patterns, {first['Type']} and {second['Type']}"
            raise BenchmarkError(what, where=where, hint=FETCH_AGAIN)
        pair = (first, second)
        names = [f"{row['Type']}/{row['Question ID'].strip()}.jpg" for row in pair]
        texts = tuple(PROMPT + row["Statement"] for row in pair)
        refs = tuple(images.below(roots, name) for name in names)
        key = f"{first['Question ID']}-{second['Question ID']}"
        items.append(Item(key, refs, texts, (first["Type"],), cluster=key))
    copy.count("pairs", len(items), PUBLISHED_PAIRS)
    patterns = ordered_tags(items)
    copy.count("patterns", len(patterns), PUBLISHED_PATTERNS)
    return two_by_two_suite(
        copy,
        copy.limited(items),
        headline=IMAGE,
        tags=patterns,
        averages=tag_means(patterns, "patterns"),
        judge=judging.Judge(judge, judging.TWO_BY_TWO.subsets),
        official_ties_win=True,
    )


BENCHMARK = Benchmark(
    name="mmvp-vlm",
    measures="which of two look-alike images a statement is true of, by nine visual patterns",
    source="huggingface.co/datasets/MMVP/MMVP_VLM: Questions.csv, MLLM_VLM Images/",
    license="MIT",
    files="Questions.csv + MLLM_VLM Images/<pattern>/<number>.jpg",
    size="270 images",
    download=from_hub("MMVP/MMVP_VLM", "mmvp_vlm"),
    find=find,
    load=load,
)
