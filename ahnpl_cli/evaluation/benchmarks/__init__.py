"""The suites by name, and where each is read: the one list to add a benchmark to."""

from __future__ import annotations

from collections.abc import Sequence

from ahnpl_cli.catalog import resolve
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


def benchmarks(names: Sequence[str]) -> list[Benchmark]:
    """Return the benchmarks of these names, each once; all of them without a name.

    Raises:
        ConfigError: a name is unknown.
    """
    known = dict.fromkeys(ALIASES.get(name, name) for name in names or BENCHMARKS)
    return [resolve(name, BENCHMARKS, "benchmark") for name in known]
