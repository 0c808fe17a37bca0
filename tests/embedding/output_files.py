"""What lies in a folder that `ahnpl embed` wrote."""

import json
from pathlib import Path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too, by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def index(folder: Path) -> dict[str, list[list[str]]]:
    """The lists of `index.json`, by name."""
    lists: dict[str, list[list[str]]] = json.loads((folder / "index.json").read_text())
    return lists
