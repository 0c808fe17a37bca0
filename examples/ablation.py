"""Ablations on the embedded scenes, by `--objective` and options alone.

Draws the scenes, makes negatives and their pictures, fine-tunes every row over several seeds from
the same start, and prints one table: mean and standard deviation over seeds, in percent, on
held-out scenes. Every line it runs is a command line that can be typed. Interrupted, it goes on
where it stopped.

    python examples/ablation.py ablation --seeds 0 1 2 --rows losses

    losses    AHNPL's Table 3 and its rivals
    pictures  methods that train on exact pictures of the negatives
    amounts   GNM by number of painted images (its Fig. 4)
    figures   CE-CLIP's Figs. 4-6: one kind at a time, fixed margins, u, alpha, beta
    slipform  a margin in the softmax: constant or by concreteness, of three sizes
    rivals    further methods at the same number of steps, on negatives with positives and units
    travel    AHNPL with one thing more on the same data: what it is worth elsewhere
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

NO_HARD_NEGATIVE = "--weight-hard-negative 0"
NO_MARGINS = "--weight-positive-margin 0 --weight-negative-margin 0"
ROWS: dict[str, str] = {
    "CLIP fine-tuned": "--objective clip",
    # These weights are NegCLIP's recipe.
    "+ negatives": f"--objective ahnpl {NO_HARD_NEGATIVE} {NO_MARGINS}",
    "+ negatives, MHNL": f"--objective ahnpl {NO_MARGINS}",
    "+ negatives, DMCL": f"--objective ahnpl {NO_HARD_NEGATIVE}",
    "AHNPL": "--objective ahnpl",
    "CE-CLIP": "--objective ce-clip",
    "Slipform": "--objective slipform",
}
CE_CLIP = "--objective ce-clip"
# The kinds of the paper's negatives that drawn scenes have.
SINGLE_KINDS = {f"CE-CLIP, {kind} alone": kind for kind in ("swap", "attribute", "object")}
FIGURES: dict[str, str] = {
    # Fig. 5: a margin of so many logits against the adaptive one, which is the row CE-CLIP.
    **{f"CE-CLIP, Th fixed at {th}": f"{CE_CLIP} --margin-fixed {th}" for th in (1, 5, 10)},
    **{f"CE-CLIP, u {u}": f"{CE_CLIP} --rank-cap {u}" for u in (2, 5, 20)},
    # Fig. 6: alpha is 0.2 in the row CE-CLIP, and beta 0.4.
    **{f"CE-CLIP, alpha {w}": f"{CE_CLIP} --weight-intra-modal {w}" for w in (0.1, 0.4)},
    **{f"CE-CLIP, beta {w}": f"{CE_CLIP} --weight-cross-modal-rank {w}" for w in (0.2, 0.8)},
}
# Slipform has one negative a pair, and its margin in the softmax of the batch.
IN_SOFTMAX = "--objective negclip --one-negative --softmax-negatives own"
SLIPFORM: dict[str, str] = {"own negative in the softmax, no margin": IN_SOFTMAX}
for shape in ("constant", "concreteness"):
    for size in (0.01, 0.02, 0.05):
        margin = f"--softmax-margin {shape} --softmax-margin-size {size}"
        SLIPFORM[f"margin by {shape}, {size}"] = f"{IN_SOFTMAX} {margin}"
# One negative a caption, of one of its three most concrete words (ConcretePlant).
CONCRETE: dict[str, str] = {
    "concrete words, no margin": IN_SOFTMAX,
    "concrete words, margin by concreteness": f"{IN_SOFTMAX} --softmax-margin concreteness",
}
# What these learn from is in `travel.jsonl`: more kinds, other true texts, units.
RIVALS: dict[str, str] = {
    "NegCLIP with neighbors": "--objective negclip --image-neighbors 3 --batch-size 32",
    "FSC-CLIP": "--objective fsc",
    "READ": "--objective read",
    "CS-CLIP": "--objective cs-clip",
    "DeGLA": "--objective degla",
    "CLIC": "--objective clic",
}
TRAVEL: dict[str, str] = {
    "AHNPL, more kinds": "--objective ahnpl",
    "AHNPL + paraphrase": "--objective ahnpl --weight-paraphrase 0.5",
    "AHNPL + units": "--objective ahnpl --weight-unit 0.5",
    "AHNPL + addition": "--objective ahnpl --weight-addition 1",
    "AHNPL + neighbors": "--objective ahnpl --image-neighbors 3 --batch-size 32",
    "AHNPL + plain steps": "--objective ahnpl --plain-every 2",
    "AHNPL + teacher": "--objective ahnpl --teacher start --weight-teacher-similarity 0.5",
    "AHNPL, image frozen": "--objective ahnpl --freeze image",
    "AHNPL, shift of the start": "--objective ahnpl --shift-model start",
}
# A crop of a drawn scene cuts off what its caption says of places.
GNM = "--objective gnm --random-crop 1"
PICTURES: dict[str, str] = {
    "GNM": GNM,
    "TROHN": "--objective trohn",
    "TripletCLIP": "--objective triplet",
    "AHNPL (real)": "--objective ahnpl --image-negatives real",
    "AHNPL (both)": "--objective ahnpl --image-negatives both",
}
AMOUNTS = {f"GNM, {count} painted images": count for count in (100, 400, 1600)}
# What is shown beside methods that train on pictures, at equal steps.
PLAIN = ("CLIP fine-tuned", "+ negatives", "AHNPL")
GROUPS = {
    "losses": tuple(ROWS),
    "pictures": (*PLAIN, *PICTURES),
    "amounts": ("CLIP fine-tuned", *AMOUNTS, "GNM"),
    "figures": ("CE-CLIP", *SINGLE_KINDS, *FIGURES),
    "slipform": ("CLIP fine-tuned", "+ negatives", "Slipform", *SLIPFORM, *CONCRETE),
    "rivals": ("CLIP fine-tuned", "+ negatives", "AHNPL", "CE-CLIP", *RIVALS),
    "travel": ("CLIP fine-tuned", "AHNPL", *TRAVEL),
}
ORDER = (
    *ROWS,
    *SINGLE_KINDS,
    *FIGURES,
    *SLIPFORM,
    *CONCRETE,
    *RIVALS,
    *TRAVEL,
    *PICTURES,
    *AMOUNTS,
)
# Made for rows beyond the paper's own negatives.
TRAVEL_OPTIONS = ("--kinds", "paper,spatial,quantity,addition", "--positives", "all", "--units")
# Columns of Table 3, then BiVLC's groups, whose scenes are each other's exact image negatives, and
# retrieval, where a collapse would show first: (suite, average).
COLUMNS = {
    "ARO-R": ("aro", "vg_relation_macro"),
    "ARO-A": ("aro", "vg_attribution_macro"),
    "VALSE": ("valse", "macro_11_pieces"),
    "SugarCrepe": ("sugarcrepe", "macro_7"),
}
GROUP_COLUMNS = {
    "I2T": ("bivlc", "text"),
    "T2I": ("bivlc", "image"),
    "group": ("bivlc", "group"),
}
RECALL = ("retrieval", "coco_mean_r1")
START = "scenes-clip"


def ahnpl(*words: object) -> str:
    """Run a command line of the program, shown as it would be typed, and return its output."""
    typed = [str(word) for word in words]
    print("$ ahnpl", shlex.join(typed), file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "ahnpl_cli", *typed]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def rows_of(groups: list[str]) -> list[str]:
    """Return the rows of some groups, each once, in the order of the table."""
    wanted = {name for group in groups for name in GROUPS[group]}
    return [name for name in ORDER if name in wanted]


def options_of(row: str, out: Path) -> list[str]:
    """Return the options of a row, with the file that it trains on."""
    paper = out / "negatives.jsonl"
    for options in (ROWS, FIGURES, SLIPFORM):
        if row in options:
            return ["--data", str(paper), *options[row].split()]
    if row in SINGLE_KINDS:
        return ["--data", str(of_kind(paper, SINGLE_KINDS[row])), *CE_CLIP.split()]
    if row in CONCRETE:
        return ["--data", str(out / "concrete.jsonl"), *CONCRETE[row].split()]
    for options in (RIVALS, TRAVEL):
        if row in options:
            return ["--data", str(out / "travel.jsonl"), *options[row].split()]
    painted = out / "images" / "images.jsonl"
    if row in AMOUNTS:
        return ["--data", str(fewer(painted, AMOUNTS[row])), *GNM.split()]
    return ["--data", str(painted), *PICTURES[row].split()]


def of_kind(negatives: Path, kind: str) -> Path:
    """Return a file of the same records with the negatives of one kind alone."""
    path = negatives.with_name(f"negatives-{kind}.jsonl")
    if path.exists():
        return path
    lines = []
    for line in negatives.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        every = record.get("negatives", ())
        record["negatives"] = [negative for negative in every if negative["kind"] == kind]
        lines.append(json.dumps(record) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def fewer(painted: Path, count: int) -> Path:
    """Return a file of the same records in which pictures are of the first images only."""
    path = painted.with_name(f"images-{count}.jsonl")
    if path.exists():
        return path
    records = [json.loads(line) for line in painted.read_text(encoding="utf-8").splitlines()]
    kept = set(list(dict.fromkeys(record["image"] for record in records))[:count])
    for record in records:
        if record["image"] not in kept:
            for negative in record.get("negatives", ()):
                negative["image"] = negative["painter"] = None
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def train(out: Path, args: argparse.Namespace) -> list[Path]:
    """Fine-tune every row with every seed; return the runs."""
    world, negatives = out / "scenes", out / "negatives.jsonl"
    ahnpl("scenes", world, "--train", args.train, "--test", args.test)
    captions = world / "captions.jsonl"
    # One of each kind a caption, as AHNPL 3.1 has.
    corpus = ("--filler", "corpus", "--per-kind", 1)
    ahnpl("negatives", captions, "-o", negatives, *corpus, "--kinds", "paper")
    rows = rows_of(args.rows)
    if set(CONCRETE) & set(rows):
        concrete = ("--kinds", "paper,spatial", "--select", "top-k")
        ahnpl("negatives", captions, "-o", out / "concrete.jsonl", *corpus, *concrete)
    if {*RIVALS, *TRAVEL} & set(rows):
        ahnpl("negatives", captions, "-o", out / "travel.jsonl", *corpus, *TRAVEL_OPTIONS)
    if {*PICTURES, *AMOUNTS} & set(rows):
        ahnpl("images", negatives, "--image-root", world, "-o", out / "images")
    runs = []
    for seed in args.seeds:
        for name in rows:
            runs.append(out / f"{slug(name)}-{seed}")
            ahnpl(
                *("train", "--image-root", world, "--model", START),
                *("-o", runs[-1], "--seed", seed, "--steps", args.steps),
                *("--batch-size", 64, "--lr", 1e-3, "--warmup", 20, "--keep", 0),
                # Behind what all rows share: of an option given twice the last counts.
                *options_of(name, out),
            )
    return runs


def slug(name: str) -> str:
    """Return a row's name as a folder's."""
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")


def measure(out: Path, runs: list[Path]) -> dict[str, dict[str, float]]:
    """Evaluate the start and every run; return each column by model."""
    measured = (*COLUMNS.values(), *GROUP_COLUMNS.values(), RECALL)
    suites = list(dict.fromkeys(suite for suite, _ in measured))
    checkpoints = [word for run in runs for word in ("--checkpoint", run)]
    results = out / "results.json"
    options = ("--data", out / "scenes", "-o", results, "--force", "--quiet")
    ahnpl("eval", *suites, *options, "--model", START, *checkpoints)
    report = json.loads(results.read_text(encoding="utf-8"))
    return {model["name"]: columns(model["suites"]) for model in report["models"]}


def columns(suites: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Return the table's columns of one model."""
    values = {}
    for name, (suite, average) in COLUMNS.items():
        values[name] = averaged(suites[suite]["averages"], average)
    values["Avg"] = statistics.mean(values.values())
    for name, (suite, average) in GROUP_COLUMNS.items():
        values[name] = suites[suite]["averages"][average]
    values["R@1"] = suites[RECALL[0]]["averages"][RECALL[1]]
    return values


def averaged(averages: dict[str, float], name: str) -> float:
    """Return an average.

    Of few items it is that of every class instead of those with 25 or more, and of VALSE that of
    the eight pieces which scenes can show.
    """
    names = (name, f"{name}_any_n", f"{name}_partial")
    return next(averages[known] for known in names if known in averages)


def cell(values: list[float]) -> str:
    """Return mean and standard deviation over seeds."""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def table(measured: dict[str, dict[str, float]], rows: list[str], seeds: list[int]) -> str:
    """Return the table in Markdown."""
    names = [*COLUMNS, "Avg", *GROUP_COLUMNS, "R@1"]
    lines = [["", *names], ["---", *("---:" for _ in names)]]
    models_of = {"start": [START]}
    for row in rows:
        models_of[row] = [f"{slug(row)}-{seed}" for seed in seeds]
    for name, models in models_of.items():
        cells = [cell([measured[model][column] for model in models]) for column in names]
        lines.append([name, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Read the arguments and do it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--train", type=int, default=4000, help="training images")
    parser.add_argument("--test", type=int, default=500, help="items of each test file")
    parser.add_argument("--rows", nargs="+", choices=GROUPS, default=list(GROUPS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    measured = measure(args.out, train(args.out, args))
    print(table(measured, rows_of(args.rows), args.seeds))


if __name__ == "__main__":
    main()
