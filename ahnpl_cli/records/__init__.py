"""Every line and report that stages hand on, as frozen dataclasses, one file per stage.

What is read is checked against these types. A field is added at the end with a default, so that
older files stay readable.
"""

from ahnpl_cli.records.captions import (
    DEFAULT_KINDS,
    KIND_MODULES,
    KINDS,
    LONGER,
    POSITIVE_KINDS,
    PRESETS,
    SCHEMA,
    UNIT_KINDS,
    CaptionRecord,
    Edit,
    Kind,
    Negative,
    Painting,
    Positive,
    PositiveKind,
    Unit,
    UnitKind,
    apply_edits,
    described,
    expand_presets,
)
from ahnpl_cli.records.embedding import EmbedReport
from ahnpl_cli.records.export import ExportReport
from ahnpl_cli.records.images import (
    PICTURE_REASONS,
    BenchmarkExport,
    ImagesReport,
    PartInfo,
    ReviewReport,
)
from ahnpl_cli.records.negatives import REASONS, NegativesReport
from ahnpl_cli.records.scenes import (
    SCENES_MANIFEST,
    ImageNegativeRecord,
    ScenesManifest,
    ScenesReport,
)
from ahnpl_cli.records.training import (
    DEAD_AFTER,
    CheckpointOrigin,
    ConcretenessFifth,
    Hardness,
    PaintedUse,
    RunStart,
    StepReport,
    TrainPlan,
    TrainReport,
    dead_terms,
    spread,
)

__all__ = [
    "SCENES_MANIFEST",
    "BenchmarkExport",
    "CaptionRecord",
    "CheckpointOrigin",
    "ConcretenessFifth",
    "DEAD_AFTER",
    "DEFAULT_KINDS",
    "Edit",
    "EmbedReport",
    "ExportReport",
    "Hardness",
    "ImageNegativeRecord",
    "ImagesReport",
    "KINDS",
    "LONGER",
    "PRESETS",
    "KIND_MODULES",
    "Kind",
    "Negative",
    "NegativesReport",
    "PaintedUse",
    "Painting",
    "PartInfo",
    "POSITIVE_KINDS",
    "Positive",
    "PositiveKind",
    "PICTURE_REASONS",
    "REASONS",
    "ReviewReport",
    "RunStart",
    "SCHEMA",
    "ScenesManifest",
    "ScenesReport",
    "StepReport",
    "TrainPlan",
    "TrainReport",
    "UNIT_KINDS",
    "Unit",
    "UnitKind",
    "apply_edits",
    "expand_presets",
    "dead_terms",
    "described",
    "spread",
]
