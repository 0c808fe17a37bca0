"""What pyproject.toml asks for is what the code imports: nothing more, and nothing less."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = [path.read_text(encoding="utf-8") for path in (ROOT / "ahnpl_cli").rglob("*.py")]


def normalized(name: str) -> str:
    return re.split(r"[<>=!~\[ ;]", name)[0].lower().replace("_", "-")


def imported() -> set[str]:
    """Top names of every module that the package imports, at the top or inside a function."""
    modules = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.split(".")[0])
    return modules - set(sys.stdlib_module_names) - {"ahnpl_cli"}


REQUIRED = {normalized(name) for name in PROJECT["dependencies"]}
EXTRAS = {
    normalized(name)
    for extra, names in PROJECT["optional-dependencies"].items()
    if extra != "dev"
    for name in names
}
DISTRIBUTIONS = {
    module: {normalized(name) for name in names}
    for module, names in packages_distributions().items()
}


def test_everything_imported_is_asked_for() -> None:
    asked = REQUIRED | EXTRAS
    missing = {m for m in imported() if m in DISTRIBUTIONS and not DISTRIBUTIONS[m] & asked}
    assert missing == set()


def test_everything_asked_for_is_used() -> None:
    used = {name for module in imported() for name in DISTRIBUTIONS.get(module, set())}
    # Packages of data, and trackers, are named in a string and loaded by it.
    text = "\n".join(SOURCES)
    by_name = {
        name
        for module, names in DISTRIBUTIONS.items()
        for name in names
        if re.search(rf"[\"']{re.escape(module)}[\"'.:]", text)
    }
    assert REQUIRED - used - by_name == set()
