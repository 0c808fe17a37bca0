"""The ablation of AHNPL's Table 3 on the embedded scenes, by `--objective` and weights alone.

Draws the scenes, makes negatives, fine-tunes every row over several seeds from the same start, and
prints one table: mean and standard deviation over seeds, in percent, on held-out scenes. Every line
it runs is a command line that can be typed. Interrupted, it goes on where it stopped.

    python examples/ablation.py ablation --seeds 0 1 2
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
# Columns of Table 3, then retrieval, where a collapse would show first: (suite, average).
COLUMNS = {
    "ARO-R": ("aro", "vg_relation_macro"),
    "ARO-A": ("aro", "vg_attribution_macro"),
    "VALSE": ("valse", "macro_pieces"),
    "SugarCrepe": ("sugarcrepe", "macro_7"),
}
RECALL = ("retrieval", "coco_mean_r1")
START = "scenes-clip"


def ahnpl(*words: object) -> str:
    """Run a command line of the program, shown as it would be typed, and return its output."""
    typed = [str(word) for word in words]
    print("$ ahnpl", shlex.join(typed), file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "ahnpl_cli", *typed]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def train(out: Path, args: argparse.Namespace) -> list[Path]:
    """Fine-tune every row with every seed; return the runs."""
    world, negatives = out / "scenes", out / "negatives.jsonl"
    ahnpl("scenes", world, "--train", args.train, "--test", args.test)
    kinds = "paper"
    options = ("--filler", "corpus", "--kinds", kinds)
    ahnpl("negatives", world / "captions.jsonl", "-o", negatives, *options)
    runs = []
    for seed in args.seeds:
        for name, weights in ROWS.items():
            runs.append(out / f"{slug(name)}-{seed}")
            ahnpl(
                *("train", "--data", negatives, "--image-root", world, "--model", START),
                *("-o", runs[-1], *weights.split(), "--seed", seed, "--steps", args.steps),
                *("--batch-size", 64, "--lr", 1e-3, "--warmup", 20, "--keep", 0),
            )
    return runs


def slug(name: str) -> str:
    """Return a row's name as a folder's."""
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")


def measure(out: Path, runs: list[Path]) -> dict[str, dict[str, float]]:
    """Evaluate the start and every run; return each column by model."""
    suites = list(dict.fromkeys(suite for suite, _ in (*COLUMNS.values(), RECALL)))
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
    values["R@1"] = suites[RECALL[0]]["averages"][RECALL[1]]
    return values


def averaged(averages: dict[str, float], name: str) -> float:
    """Return an average; of few items, that of every class instead of those with 25 or more."""
    return averages[name if name in averages else f"{name}_any_n"]


def cell(values: list[float]) -> str:
    """Return mean and standard deviation over seeds."""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def table(measured: dict[str, dict[str, float]], seeds: list[int]) -> str:
    """Return the table in Markdown."""
    names = [*COLUMNS, "Avg", "R@1"]
    lines = [["", *names], ["---", *("---:" for _ in names)]]
    rows = {"start": [START], **{name: [f"{slug(name)}-{s}" for s in seeds] for name in ROWS}}
    for name, models in rows.items():
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
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(table(measure(args.out, train(args.out, args)), args.seeds))


if __name__ == "__main__":
    main()
