"""Processes beside this one: how many, and what is said when one of them dies."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from ahnpl_cli.errors import AhnplError

DIED_HINT = "If memory ran out, use fewer --workers; the same command continues from here."


def worker_count(workers: int | None) -> int:
    """Return what `--workers` means: by default one per core of this process, at most 8."""
    if workers is not None:
        return workers
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return min(len(usable) if usable else os.cpu_count() or 1, 8)


@contextlib.contextmanager
def worker_errors(*, receives: bool = True) -> Iterator[None]:
    """Raise what torch says of a dead or failing worker process as one line.

    Args:
        receives: whether the block takes in what workers send, which fails in ways of its own.

    Raises:
        AhnplError: a process that decodes images was killed, or could not be started.
    """
    died = "a process that decodes images died"
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error) and "Too many open files" not in str(error):
            raise
        raise AhnplError(died, hint=DIED_HINT) from error
    except (OSError, EOFError) as error:
        if isinstance(error, OSError) and error.errno == errno.EMFILE:
            raise AhnplError("too many open files for the workers", hint=DIED_HINT) from error
        # A tensor is fetched from the process that made it, by a socket, which has no file's name.
        unnamed = isinstance(error, FileNotFoundError) and error.filename is None
        if receives and (unnamed or isinstance(error, EOFError | ConnectionError)):
            raise AhnplError(died, hint=DIED_HINT) from error
        raise
