"""The packages of the extra `images`, imported where they are needed."""

from __future__ import annotations

import importlib.util

from ahnpl_cli.errors import ConfigError

# The package that brings a module; from a clone, `pip install '.[images]'` brings them all.
PACKAGES = {
    "cv2": "opencv-python-headless",
    "diffusers": "diffusers",
    "pycocotools": "pycocotools",
}


def has(module: str) -> bool:
    """Whether a module can be imported, without doing so."""
    return importlib.util.find_spec(module) is not None


def require(module: str) -> None:
    """Check that a module of the extra is installed.

    Raises:
        ConfigError: it is not; the message has the line that installs it.
    """
    if not has(module):
        what = f"this needs the package {module}"
        raise ConfigError(what, hint=f"Run: pip install {PACKAGES.get(module, module)}")
