"""The suites by name, and where each is read: the one list to add a benchmark to.

Importing this package imports no benchmark: `--help` lists them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ahnpl_cli.catalog import choose, resolve
from ahnpl_cli.errors import ConfigError

if TYPE_CHECKING:
    from ahnpl_cli.evaluation.benchmarks.base import Benchmark

BENCHMARKS = {
    "sugarcrepe": "ahnpl_cli.evaluation.benchmarks.sugarcrepe:BENCHMARK",
    "aro": "ahnpl_cli.evaluation.benchmarks.aro:BENCHMARK",
    "valse": "ahnpl_cli.evaluation.benchmarks.valse:BENCHMARK",
    "winoground": "ahnpl_cli.evaluation.benchmarks.winoground:BENCHMARK",
    "crepe": "ahnpl_cli.evaluation.benchmarks.crepe:BENCHMARK",
    "vl-checklist": "ahnpl_cli.evaluation.benchmarks.vl_checklist:BENCHMARK",
    "sugarcrepe++": "ahnpl_cli.evaluation.benchmarks.sugarcrepe_pp:BENCHMARK",
    "gnm": "ahnpl_cli.evaluation.benchmarks.gnm:BENCHMARK",
    "bivlc": "ahnpl_cli.evaluation.benchmarks.bivlc:BENCHMARK",
    "cola": "ahnpl_cli.evaluation.benchmarks.cola:BENCHMARK",
    "colorswap": "ahnpl_cli.evaluation.benchmarks.colorswap:BENCHMARK",
    "mmvp-vlm": "ahnpl_cli.evaluation.benchmarks.mmvp_vlm:BENCHMARK",
    "vismin": "ahnpl_cli.evaluation.benchmarks.vismin:BENCHMARK",
    "eqben": "ahnpl_cli.evaluation.benchmarks.eqben:BENCHMARK",
    "negbench": "ahnpl_cli.evaluation.benchmarks.negbench:BENCHMARK",
    "negbench-retrieval": "ahnpl_cli.evaluation.benchmarks.negated_retrieval:BENCHMARK",
    "cc-neg": "ahnpl_cli.evaluation.benchmarks.cc_neg:BENCHMARK",
    "negrefcocog": "ahnpl_cli.evaluation.benchmarks.negrefcocog:BENCHMARK",
    "whatsup": "ahnpl_cli.evaluation.benchmarks.whatsup:BENCHMARK",
    "spec": "ahnpl_cli.evaluation.benchmarks.spec:BENCHMARK",
    "svo-probes": "ahnpl_cli.evaluation.benchmarks.svo_probes:BENCHMARK",
    "half-truths": "ahnpl_cli.evaluation.benchmarks.half_truths:BENCHMARK",
    "retrieval": "ahnpl_cli.evaluation.benchmarks.retrieval:BENCHMARK",
    "zeroshot": "ahnpl_cli.evaluation.benchmarks.zeroshot:BENCHMARK",
    "probe": "ahnpl_cli.evaluation.benchmarks.probe:BENCHMARK",
    "custom": "ahnpl_cli.evaluation.benchmarks.custom:BENCHMARK",
}
ALIASES = {
    "vals": "valse",
    "sugarcrepe-pp": "sugarcrepe++",
    "scpp": "sugarcrepe++",
    "vlchecklist": "vl-checklist",
}
CUSTOM = "custom"
# What fine-tuning must not lose; every other suite measures what it is to gain.
RETENTION = ("retrieval", "zeroshot", "probe")
# Names of several suites at once, of which those are evaluated that are here.
SETS = ("all", "compositional", "retention")


def members(name: str) -> list[str]:
    """Return the suites of a set, or the name itself if it is none."""
    # A file of one's own belongs to no set: it is named, or not meant.
    if name == "retention":
        return list(RETENTION)
    every = [suite for suite in BENCHMARKS if suite != CUSTOM]
    if name == "compositional":
        return [suite for suite in every if suite not in RETENTION]
    return every if name == "all" else [name]


def optional_suites(names: Sequence[str]) -> frozenset[str]:
    """Return the suites that only a set stands for: those of them are evaluated that are here."""
    named = {ALIASES.get(name, name) for name in names}
    optional: set[str] = set()
    for name in named.intersection(SETS):
        optional.update(members(name))
    return frozenset(optional - named)


def is_retention(suite: str) -> bool:
    """Whether a suite measures what must not be lost."""
    return suite in RETENTION


def in_set(suite: str, name: str) -> bool:
    """Whether a suite belongs to a set; one's own files are compositional."""
    return name == "all" or is_retention(suite) == (name == "retention")


def benchmarks(names: Sequence[str]) -> list[Benchmark]:
    """Return the benchmarks of these names, each once; all of them without a name.

    A name of a set stands for its suites. A name that is none of a suite but of an existing file is
    a custom suite: `custom`, or of several files `custom:STEM`.

    Raises:
        ConfigError: a name is unknown.
    """
    canonical: dict[str, None] = {}
    for name in names or BENCHMARKS:
        canonical |= dict.fromkeys(members(ALIASES.get(name, name)))
    files = [name for name in canonical if name not in BENCHMARKS and Path(name).is_file()]
    if CUSTOM in canonical and files:
        raise ConfigError(f"{CUSTOM} is what a file is called: name the suite or the file")
    return [
        _of_file(name, files) if name in files else resolve(name, BENCHMARKS, "benchmark")
        for name in canonical
    ]


def check_names(names: Sequence[str]) -> None:
    """Refuse what is neither a suite nor a file, without importing any benchmark.

    Raises:
        ConfigError: a name is unknown.
    """
    for name in names:
        if name not in SETS and not Path(name).is_file():
            choose(ALIASES.get(name, name), BENCHMARKS, "benchmark")


def _of_file(name: str, files: Sequence[str]) -> Benchmark:
    from ahnpl_cli.evaluation.benchmarks.custom import of_file

    if len(files) == 1:
        return of_file(Path(name))
    stem = Path(name).stem
    if [Path(other).stem for other in files].count(stem) > 1:
        raise ConfigError(f"two files are called {stem}", hint="Rename one of them.")
    return of_file(Path(name), f"{CUSTOM}:{stem}")


def benchmark_of_suite(suite: str) -> Benchmark:
    """Return the benchmark that a suite of saved results was read by.

    Raises:
        ConfigError: this version knows none of that name.
    """
    (benchmark,) = benchmarks([suite.partition(":")[0]])
    return benchmark
