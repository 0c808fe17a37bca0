"""Seconds that a benchmark counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def timed(call: Callable[[], T], device: str) -> tuple[float, T]:
    """Return seconds and result: the processor's on a CPU, the clock's on a GPU.

    The result has to lie on the CPU, so that a GPU has finished.
    """
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    result = call()
    return clock() - start, result
