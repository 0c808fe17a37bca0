"""Checks whether the network is available and allowed, with a short timeout."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request

from huggingface_hub import constants

PATIENCE = 4.0  # seconds


def is_offline() -> bool:
    """Whether the user forbade the network, by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE."""
    return bool(constants.HF_HUB_OFFLINE)


def is_reachable(url: str, patience: float = PATIENCE) -> bool:
    """Whether a host answers within `patience` seconds; name lookups know no timeout."""
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=patience).close()
        except urllib.error.HTTPError:
            pass  # Any answer is an answer.
        except (OSError, ValueError):
            return
        answered.set()

    # A daemon, so that a lookup that hangs does not keep the process from ending.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    return answered.is_set()
