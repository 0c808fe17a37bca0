"""Imports point one way, and the command line starts light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ahnpl_cli

PACKAGE = Path(ahnpl_cli.__file__).parent
# The longest matching prefix decides; a module may import its own layer and those before it.
LAYERS = {
    "leaf": (
        *("__init__", "errors", "files", "outputs", "records", "config", "stable_hash", "workers"),
        "version",
        *("losses.registry", "losses.recipes", "losses.hyperparameters"),
        *("progress", "catalog", "runs", "caption_words", "english"),
    ),
    "maths": (
        "similarity",
        "losses",
        "evaluation.scoring.statistics",
    ),
    "adapter": (
        *("data", "engines", "imaging", "language_models", "negatives", "backbones", "scenes"),
        # What shows things, whatever they are; each stage's own tables lie beside its report.
        "reporting",
    ),
    "workflow": (
        "embedding",
        "training",
        "evaluation",
        "imaging.generate",
        "negatives.generate",
        "inspection",
        "demo",
        *("exporting", "frontier"),
    ),
    "cli": ("cli", "__main__"),
}
ORDER = list(LAYERS)
# Rooms of one layer that must not lean on each other: a change in one would move the other.
APART = {
    "training": ("inspection", "negatives"),
    "evaluation": ("negatives", "inspection", "training"),
    "negatives": ("evaluation", "training", "inspection"),
    "imaging": ("negatives", "evaluation", "training", "inspection"),
    "backbones": ("scenes", "training", "evaluation"),
    "reporting": ("inspection", "evaluation", "training", "negatives", "scenes", "imaging"),
}
HEAVY = {
    *("accelerate", "numpy", "open_clip", "pandas", "PIL", "pydantic", "safetensors"),
    *("cv2", "diffusers", "pycocotools"),
    *("scipy", "sklearn", "spacy", "torch", "torchvision", "transformers"),
}


def module_name(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def layer(module: str) -> str:
    matches = [
        (len(prefix), name)
        for name, prefixes in LAYERS.items()
        for prefix in prefixes
        if module == prefix or module.startswith(prefix + ".")
    ]
    assert matches, f"{module} has no layer: give it one in {__file__}"
    return max(matches)[1]


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def violations(module: str, source: str) -> list[str]:
    """Return what in `source` breaks the house's rules for `module`."""
    mine, found = layer(module), []
    tree = ast.parse(source)
    if module == "__init__":
        # The Python surface tells type checkers what it imports at first use, from any layer.
        tree.body = [node for node in tree.body if not isinstance(node, ast.If)]
    for name in imports(tree):
        top = name.split(".")[0]
        if top == "ahnpl_cli":
            theirs = layer(name.removeprefix("ahnpl_cli").strip(".") or "__init__")
            if ORDER.index(theirs) > ORDER.index(mine):
                found.append(f"{mine} {module} imports {theirs} {name}")
            if mine == "maths" and name == "ahnpl_cli.config":
                found.append(f"maths {module} sees the configuration")
            room = module.split(".")[0]
            for other in APART.get(room, ()):
                if f"{name}.".startswith(f"ahnpl_cli.{other}."):
                    found.append(f"{room} {module} leans on {name}")
        if top == "rich" and module.split(".")[0] not in ("cli", "reporting"):
            found.append(f"{module} imports rich")
        if top == "typer" and module.split(".")[0] != "cli":
            found.append(f"{module} imports typer")
        if top == "pathlib" and mine == "maths":
            found.append(f"maths {module} sees a path")
    if re.search(r"\b(pickle|marshal|dill|joblib)\.(loads?|Unpickler)\b|allow_pickle=True", source):
        found.append(f"{module} unpickles")
    return found


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_one_way(path: Path) -> None:
    assert violations(module_name(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "import ahnpl_cli.data.jsonl"),
        ("__init__", "from ahnpl_cli.losses import recipe"),
        ("losses.margin", "from ahnpl_cli.backbones.base import Backbone"),
        ("losses.margin", "from ahnpl_cli.config import TrainConfig"),
        ("similarity", "from pathlib import Path"),
        ("data.jsonl", "from ahnpl_cli.training.loop import fit"),
        ("training.loop", "from rich.console import Console"),
        ("training.loop", "import typer"),
        ("reporting.tables", "from ahnpl_cli.cli.app import main"),
        ("training.loop", "from ahnpl_cli.inspection.run import inspect_run"),
        ("reporting.tables", "import ahnpl_cli.inspection"),
        ("data.tensors", "import pickle\nread = pickle.load"),
        ("data.tensors", "np.load(path, allow_pickle=True)"),
    ],
)
def test_the_import_rule_can_fail(module: str, source: str) -> None:
    assert violations(module, source)


def test_a_module_without_a_layer_is_noticed() -> None:
    with pytest.raises(AssertionError, match="brandnew has no layer"):
        layer("brandnew")


def rooms() -> dict[str, set[str]]:
    """Return which top-level names of the package each of them imports from."""
    leans_on: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        room = module_name(path).split(".")[0]
        if room == "__init__":
            continue  # The Python surface imports anything, at its first use.
        others = leans_on.setdefault(room, set())
        for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
            parts = name.split(".")
            if parts[0] == "ahnpl_cli" and parts[1:2] not in ([], [room]):
                others.add(parts[1])
    return leans_on


def floor_of(room: str, leans_on: dict[str, set[str]], above: tuple[str, ...] = ()) -> int:
    """Return the length of the longest chain of rooms that a room stands on, itself included."""
    assert room not in above, f"a circle: {' -> '.join([*above, room])}"
    below = (floor_of(other, leans_on, (*above, room)) for other in leans_on[room])
    return 1 + max(below, default=0)


@pytest.mark.parametrize(
    ("room", "most"),
    [
        ("data", 3),
        ("backbones", 4),
        ("reporting", 4),
        ("evaluation", 5),
        ("embedding", 5),
        ("negatives", 6),
        ("training", 6),
        ("inspection", 6),
        ("cli", 7),
    ],
)
def test_no_room_stands_on_more_floors(room: str, most: int) -> None:
    assert floor_of(room, rooms()) <= most


def test_a_circle_of_rooms_is_noticed() -> None:
    with pytest.raises(AssertionError, match="a circle: a -> b -> a"):
        floor_of("a", {"a": {"b"}, "b": {"a"}})


def heavy_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.split())


def test_help_needs_no_heavy_import() -> None:
    # pydantic comes with typer itself in some versions, so it is measured against that.
    assert heavy_after("import ahnpl_cli.cli.app") - heavy_after("import typer") == set()


def test_the_heavy_import_check_can_fail() -> None:
    assert "numpy" in heavy_after("import numpy")


def test_no_file_has_grown_past_400_lines() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
