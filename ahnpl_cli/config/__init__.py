"""The options of every command, one file per command; the flags are made from their fields."""

from ahnpl_cli.config.captions import (
    CaptionsConfig,
)
from ahnpl_cli.config.compare import (
    CompareConfig,
)
from ahnpl_cli.config.demo import (
    DemoConfig,
)
from ahnpl_cli.config.docs import (
    DocsConfig,
)
from ahnpl_cli.config.embed import (
    EmbedConfig,
)
from ahnpl_cli.config.eval import (
    EvalConfig,
)
from ahnpl_cli.config.export import (
    ExportConfig,
)
from ahnpl_cli.config.frontier import (
    FrontierConfig,
)
from ahnpl_cli.config.images import (
    ConceptsConfig,
    ImagesConfig,
    PaintConfig,
    PartsConfig,
)
from ahnpl_cli.config.inspect import (
    InspectConfig,
)
from ahnpl_cli.config.losses import (
    LossConfig,
    WeightConfig,
)
from ahnpl_cli.config.negatives import (
    LanguageConfig,
    NegativesConfig,
)
from ahnpl_cli.config.options import (
    ClusterConfig,
    ConsoleConfig,
    Device,
    TableFormat,
    as_flags,
    flat,
    from_options,
    group,
    opt,
    parse_shard,
    to_toml,
)
from ahnpl_cli.config.runs import (
    CleanConfig,
    RunsConfig,
)
from ahnpl_cli.config.scenes import (
    ScenesConfig,
)
from ahnpl_cli.config.train import (
    MemoryConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
    deciding,
    deciding_options,
    resolve_recipe,
    resolve_training,
    resolved,
)

__all__ = [
    "CaptionsConfig",
    "ClusterConfig",
    "CleanConfig",
    "CompareConfig",
    "ConceptsConfig",
    "ConsoleConfig",
    "DemoConfig",
    "Device",
    "DocsConfig",
    "EmbedConfig",
    "EvalConfig",
    "ExportConfig",
    "FrontierConfig",
    "ImagesConfig",
    "InspectConfig",
    "LanguageConfig",
    "LossConfig",
    "MemoryConfig",
    "NegativesConfig",
    "OptimizerConfig",
    "PaintConfig",
    "PartsConfig",
    "RunConfig",
    "RunsConfig",
    "ScenesConfig",
    "TableFormat",
    "TrainConfig",
    "WeightConfig",
    "as_flags",
    "deciding",
    "deciding_options",
    "flat",
    "from_options",
    "group",
    "opt",
    "parse_shard",
    "resolve_recipe",
    "resolve_training",
    "resolved",
    "to_toml",
]
