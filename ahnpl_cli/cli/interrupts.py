"""Ctrl-C at any moment ends in one line, before the first import as in the middle of the work.

Two moments would lose it. While modules load, Python prints a traceback of some import; nothing
has begun by then, so the process may simply end. Inside a destructor or a callback of a library,
Python reports the interrupt as "ignored" and goes on; it is then raised once more.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

LINE = "Interrupted. Run the same command again to resume.\n"
EXIT_CODE = 130  # 128 + SIGINT, as shells have it


def _end_at_once(number: int, frame: FrameType | None) -> None:
    # Not sys.exit: an import machinery that is half way through may swallow an exception.
    os.write(2, LINE.encode())
    os._exit(EXIT_CODE)


def before_work() -> None:
    """End at once on Ctrl-C until `during_work` is called; a shell's background job stays deaf."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)


def during_work() -> None:
    """Let Ctrl-C raise KeyboardInterrupt, so that work can be saved, wherever it falls."""
    if signal.getsignal(signal.SIGINT) is not _end_at_once:
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    previous = sys.unraisablehook

    def raise_again(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # Here, for the fewer imports come before `before_work`, the better.
            import threading

            # A moment later, for within this hook it would be ignored once more.
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            previous(unraisable)

    sys.unraisablehook = raise_again
