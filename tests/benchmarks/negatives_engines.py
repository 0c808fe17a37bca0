"""How long `ahnpl negatives` takes in actors of Ray beside as many processes of this machine.

    python tests/benchmarks/negatives_engines.py CAPTIONS [--limit N] [--workers N]

Both take seconds of wall clock from captions to file, models loaded in each. A cluster is started
on this machine first, and its start is told apart: a real one runs already. Needs the extra ray.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path

from ahnpl_cli.config import ClusterConfig, NegativesConfig
from ahnpl_cli.negatives.generate import generate


def timed(source: Path, output: Path, config: NegativesConfig) -> tuple[float, str]:
    """Seconds, and the hash of what was written."""
    start = time.perf_counter()
    generate(source, output, config)
    seconds = time.perf_counter() - start
    return seconds, hashlib.sha256(output.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    options = {"filler": "corpus", "limit": given.limit}
    local = NegativesConfig(workers=given.workers, **options)
    cluster = ClusterConfig(engine="ray", actors=given.workers)
    shared = NegativesConfig(cluster=cluster, **options)
    with tempfile.TemporaryDirectory() as folder:
        processes = timed(given.captions, Path(folder) / "local.jsonl", local)
        import ray

        start = time.perf_counter()
        ray.init(address="local", num_cpus=given.workers, include_dashboard=False)
        started = time.perf_counter() - start
        actors = timed(given.captions, Path(folder) / "ray.jsonl", shared)
        ray.shutdown()
    assert processes[1] == actors[1], "the bytes differ"
    print(
        f"{given.workers} processes {processes[0]:.1f} s, {given.workers} actors {actors[0]:.1f} s"
    )
    print(f"{actors[0] / processes[0]:.2f}x; the cluster itself took {started:.1f} s to start")


if __name__ == "__main__":
    main()
