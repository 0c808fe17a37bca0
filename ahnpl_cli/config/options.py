"""What an option is, the options that several commands share, and options as values by name.

Every option is written once, as a field of a dataclass: name, type, default, bounds and help. The
flags are made from these fields.

A field's help ends with the source of its default where papers and code differ. Checks across
fields stand in `__post_init__` and name the flag. Components take flat parameters, never these
objects; only workflows and the command line see them.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import ConfigError

C = TypeVar("C")

Device = Literal["auto", "cpu", "cuda", "mps"]
TableFormat = Literal["rich", "markdown", "latex", "csv", "json"]


def opt(
    default: Any,
    help: str,
    *,
    min: float | None = None,
    max: float | None = None,
    flags: tuple[str, ...] = (),
    metavar: str | None = None,
) -> Any:
    """A dataclass field that is also a command-line option.

    Args:
        default: value when the flag is not given; None means "as the help says".
        help: one sentence for `--help`.
        min: smallest value allowed.
        max: largest value allowed.
        flags: further spellings, such as `-o`; the long flag comes from the field's name.
        metavar: what stands for the value in `--help`.
    """
    metadata = {"help": help, "min": min, "max": max, "flags": flags, "metavar": metavar}
    return dataclasses.field(default=default, metadata=metadata)


# What an option without bounds of its own may be: beyond any use, and below what the libraries
# behind it can count to. Infinity and NaN lie outside.
MOST = 10**12
SEED_MOST = 2**32 - 1  # NumPy's and scikit-learn's generators take no more
BATCH_MOST = 2**20
WORKERS_MOST = 1024
LONGEST_SHOWN = 40  # characters of a wrong value in a message


def bounds(field: dataclasses.Field[Any]) -> tuple[float, float]:
    """Return the smallest and the largest value of a numeric option that `opt` made."""
    low, high = field.metadata["min"], field.metadata["max"]
    return -MOST if low is None else low, MOST if high is None else high


def check_number(value: float, flag: str, field: dataclasses.Field[Any]) -> None:
    """Refuse a number out of the bounds of its option.

    Raises:
        ConfigError: it is out of bounds, infinite or NaN.
    """
    low, high = bounds(field)
    if not low <= value <= high:
        shown = str(value)[:LONGEST_SHOWN]
        raise ConfigError(f"{flag} {shown} is out of range", hint=f"Give {low:g} to {high:g}.")


def check_text(text: str, flag: str) -> None:
    """Refuse a text that no option can mean.

    Raises:
        ConfigError: it is empty, or holds a NUL, which ends a path for the system.
    """
    if not text.strip():
        raise ConfigError(f"{flag} is empty", hint="Leave it out for its default.")
    if "\0" in text:
        raise ConfigError(f"{flag} holds a NUL character", hint="Write it again.")


def group(config: type, title: str) -> Any:
    """A nested configuration, shown as a panel of its own in `--help`."""
    return dataclasses.field(default_factory=config, metadata={"panel": title})


def seed_option() -> Any:
    """`--seed`."""
    return opt(
        0,
        "Seed of everything random; the same seed gives the same bytes.",
        min=0,
        max=SEED_MOST,
    )


def device_option() -> Any:
    """`--device`."""
    return opt("auto", "Where to compute; auto takes cuda, then mps, then cpu.")


def batch_size_option(default: int, unit: str) -> Any:
    """`--batch-size`."""
    return opt(default, f"{unit} computed at once.", min=1, max=BATCH_MOST)


def workers_option(what: str) -> Any:
    """`--workers`."""
    help = f"Processes that {what}; default: one per core, at most 8."
    return opt(None, help, min=0, max=WORKERS_MOST)


def data_option() -> Any:
    """`--data` of benchmarks."""
    help = "Folder with the benchmarks' files; default: data, then $AHNPL_DATA."
    return opt(None, help, metavar="PATH")


def cache_option() -> Any:
    """`--cache`."""
    help = "Folder for features and unpacked files; default: ~/.cache/ahnpl."
    return opt(None, help, metavar="PATH")


def allow_missing_option() -> Any:
    """`--allow-missing`."""
    return opt(False, "Score what is there and print the coverage.")


def limit_option(unit: str) -> Any:
    """`--limit`."""
    return opt(None, f"Stop after this many {unit}.", min=1)


def image_root_option() -> Any:
    """`--image-root`."""
    return opt(None, "Folder that image paths are relative to; default: the data file's folder.")


def on_error_option() -> Any:
    """`--on-error`."""
    return opt("stop", "At a broken record or image: stop, or skip it, count it and list it.")


def resume_option() -> Any:
    """`--resume`."""
    return opt(True, "Continue an interrupted run of the same command.")


def force_option() -> Any:
    """`--force`."""
    return opt(False, "Overwrite output that was made with other options.")


def shard_option() -> Any:
    """`--shard`."""
    return opt(None, "Do only part I of N, such as 0/4; part 0 is the first.", metavar="I/N")


def dry_run_option() -> Any:
    """`--dry-run`."""
    return opt(False, "Say what would be done, and write nothing.")


def output_option(help: str) -> Any:
    """`--output`."""
    return opt(None, help, flags=("-o",), metavar="PATH")


def model_option() -> Any:
    """`--model`."""
    return opt(
        None,
        "open_clip architecture, hf-hub:NAME, transformers:NAME, or scenes-tiny; default: "
        "ViT-B-32-quickgelu, the papers' model, or what a checkpoint folder says.",
    )


def pretrained_option() -> Any:
    """`--pretrained`."""
    return opt(
        None,
        "Weights: an open_clip tag, a file or a folder; default: openai for the papers' model.",
    )


def checkpoint_option() -> Any:
    """`--checkpoint`."""
    return opt((), "Folder of a model, such as runs/ahnpl/last; may repeat.", metavar="PATH")


def html_option() -> Any:
    """`--html`."""
    return opt(False, "Also write one self-contained page, beside what is shown.")


def html_path_option() -> Any:
    """`--html-path`."""
    return opt(None, "Also write that page, but here.", metavar="PAGE.html")


def check_page(path: str | None) -> None:
    """Check that `--html-path` names a page, so that no other file is replaced by mistake.

    Raises:
        ConfigError: it does not.
    """
    if path is not None and not path.lower().endswith((".html", ".htm")):
        hint = "Write a name that ends in .html."
        raise ConfigError(f"--html-path {path} is not the name of a page", hint=hint)


def format_option() -> Any:
    """`--format`."""
    return opt("rich", "How tables are printed on stdout.", flags=("-f",))


def parse_shard(text: str | None) -> tuple[int, int]:
    """Return (index, count) of `I/N`; None is the whole, (0, 1).

    Raises:
        ConfigError: not of that form, or I not below N.
    """
    if text is None:
        return 0, 1
    # Nine digits and ASCII: int() takes other scripts' digits and refuses thousands of them.
    numbers = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if numbers and int(numbers[1]) < int(numbers[2]):
        return int(numbers[1]), int(numbers[2])
    raise ConfigError(f"--shard {text} is not I/N with I below N", hint="Write 0/4 for the first.")


@dataclass(frozen=True, kw_only=True)
class ConsoleConfig:
    """Output options shared by all commands."""

    json: bool = opt(False, "Print one JSON object on stdout instead of tables.")
    quiet: bool = opt(False, "No progress and no notes on stderr.", flags=("-q",))
    verbose: bool = opt(False, "Notes for debugging on stderr.", flags=("-v",))
    print_config: bool = opt(
        False, "Print every option as a file for --config, and do nothing else."
    )


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """Who does the work of a stage that is cut into parts."""

    engine: Literal["local", "ray"] = opt(
        "local", "Processes of this machine, or actors of a Ray cluster; the bytes are the same."
    )
    address: str | None = opt(
        None,
        "Ray cluster: auto, or HOST:6379; default: the one that runs here, else one is started.",
        metavar="ADDRESS",
    )
    actors: int | None = opt(
        None,
        "Actors of Ray; default: as many as the cluster has room for.",
        min=1,
        max=WORKERS_MOST,
    )
    gpus_per_actor: float = opt(
        0.0, "GPUs of each actor of Ray; below 1, several share one.", min=0, max=WORKERS_MOST
    )

    def __post_init__(self) -> None:
        given = {
            "--address": self.address,
            "--actors": self.actors,
            "--gpus-per-actor": self.gpus_per_actor,
        }
        for flag, value in given.items():
            if value and self.engine == "local":
                what = f"{flag} has no effect with --engine local"
                raise ConfigError(what, hint="Add --engine ray.")

    def device(self, device: str) -> str | None:
        """Return where actors compute if `--device` says `device`; None on this machine.

        The driver may be a machine without a GPU, and need not know what the others have.
        """
        if self.engine == "local":
            return None
        if device != "auto":
            return device
        return "cuda" if self.gpus_per_actor else "cpu"


def cluster_group() -> Any:
    """`--engine` and what belongs to it."""
    return group(ClusterConfig, "Engine")


def refuse_workers(cluster: ClusterConfig, workers: int | None) -> None:
    """Refuse `--workers` where only `--actors` counts.

    Raises:
        ConfigError: both are given.
    """
    if cluster.engine == "ray" and workers is not None:
        raise ConfigError("--workers has no effect with --engine ray", hint="Give --actors.")


def flat(config: Any) -> dict[str, Any]:
    """Return every option by its flag's name, nested groups included, None left out."""
    options: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            options.update(flat(value))
        elif value is not None:
            options[field.name] = list(value) if isinstance(value, tuple) else value
    return options


def from_options(config: type[C], options: Mapping[str, Any]) -> C:
    """Return a configuration of options by name, whatever group they are in, as `flat` has them.

    Args:
        config: a dataclass of options.
        options: values by name; for a list of texts one text will do.

    Raises:
        ConfigError: there is no such option.
    """
    fields: Any = config
    known = list(_names(config))
    for name in options:
        choose(name, known, "option")
    values: dict[str, Any] = {}
    for field in dataclasses.fields(fields):
        if "panel" in field.metadata:
            inner: Any = field.default_factory
            own = {name: options[name] for name in _names(inner) if name in options}
            values[field.name] = from_options(inner, own)
        elif field.name in options:
            value = options[field.name]
            is_list = isinstance(field.default, tuple)
            values[field.name] = (value,) if is_list and isinstance(value, str) else value
    return config(**values)


def _names(config: Any) -> Iterator[str]:
    """Yield the names of all options, those of groups included."""
    for field in dataclasses.fields(config):
        if "panel" in field.metadata:
            yield from _names(field.default_factory)
        else:
            yield field.name


def to_toml(config: Any) -> str:
    """Return options as a file for `--config`."""
    lines = []
    for name, value in flat(config).items():
        # JSON's strings, numbers, booleans and lists of strings are TOML's too.
        lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def as_flags(config: Any, *, leave_out: tuple[str, ...] = ()) -> str:
    """Return the options that are not their defaults, as they are typed on a command line."""
    words: list[str] = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            words += [flags for flags in [as_flags(value, leave_out=leave_out)] if flags]
        elif field.name not in leave_out and value != field.default:
            words += _typed(field, value)
    return " ".join(words)


def _typed(field: dataclasses.Field[Any], value: Any) -> list[str]:
    """Return the words that give an option a value."""
    flag = "--" + field.name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if not isinstance(value, tuple):
        return [flag, shlex.quote(str(value))]
    if "," in (field.metadata["metavar"] or ""):
        return [flag, shlex.quote(",".join(value))]
    words = []
    for entry in value:
        words += [flag, shlex.quote(entry)]
    return words
