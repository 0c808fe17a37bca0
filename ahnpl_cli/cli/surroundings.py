"""What `ahnpl --version -v` says of the machine, for reports of bugs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from ahnpl_cli.runs import RUNS, is_run

PACKAGES = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "transformers",
    "accelerate",
    "spacy",
    "numpy",
)


def surroundings() -> dict[str, str]:
    """Return versions, device, cache, data and runs, by name."""
    import torch

    from ahnpl_cli.backbones.load import default_folder, pick_device
    from ahnpl_cli.evaluation.benchmarks.find_files import data_roots

    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    device = pick_device("auto")
    if device == "cuda":
        device = f"cuda, {torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    found["device"] = f"{device}; {os.cpu_count()} CPU cores, {torch.get_num_threads()} threads"
    cache = default_folder().parent
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    found["cache"] = f"{cache}, {size / 1e6:.1f} MB"
    found["data"] = ", ".join(str(root) for root in data_roots(None)) or "none found"
    runs = [run.name for run in sorted(Path(RUNS).glob("*")) if is_run(run)]
    found["runs"] = ", ".join(runs) or "none here"
    return found
