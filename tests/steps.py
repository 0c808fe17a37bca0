"""A logged step of a run, for tests of what shows one."""

from typing import Any

from ahnpl_cli.records import StepReport


def make_step(**values: Any) -> StepReport:
    """Step 10 of a run, with some of its values; those that no table tells apart are the same."""
    usual = {
        "step": 10,
        "epoch": 1,
        "active": {},
        "a": 0.9,
        "valid": 1.0,
        "logit_scale": 30.0,
        "lr": 1e-3,
        "grad_norm": 1.0,
        "images_per_second": 100.0,
        "memory_mb": 10.0,
    }
    return StepReport(**{**usual, **values})
