"""The options of `ahnpl embed`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.config.captions import CaptionsConfig, captions_group
from ahnpl_cli.config.options import (
    ClusterConfig,
    Device,
    batch_size_option,
    cluster_group,
    device_option,
    dry_run_option,
    force_option,
    image_root_option,
    limit_option,
    model_option,
    on_error_option,
    opt,
    output_option,
    parse_shard,
    pretrained_option,
    resume_option,
    shard_option,
    workers_option,
)
from ahnpl_cli.errors import ConfigError, OnError


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """Features of images, captions and negatives."""

    output: str | None = output_option("Folder to write; default: embeddings.")
    image_root: str | None = image_root_option()
    captions: CaptionsConfig = captions_group()
    model: str | None = model_option()
    pretrained: str | None = pretrained_option()
    checkpoint: str | None = opt(None, "Folder of a model, such as runs/ahnpl/last.")
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    dtype: Literal["float32", "float16"] = opt("float32", "Number format of what is stored.")
    perturb: bool = opt(False, "Also write the image negatives of Eqs. 1-2.")
    rows_per_shard: int = opt(50_000, "Rows of one safetensors file.", min=1)
    device: Device = device_option()
    batch_size: int = batch_size_option(256, "Images or texts")
    workers: int | None = workers_option("decode images")
    shard: str | None = shard_option()
    cluster: ClusterConfig = cluster_group()
    limit: int | None = limit_option("records")
    on_error: OnError = on_error_option()
    resume: bool = resume_option()
    force: bool = force_option()
    dry_run: bool = dry_run_option()

    def __post_init__(self) -> None:
        parse_shard(self.shard)
        if self.shard and (self.force or not self.resume):
            what = "--shard would remove what other parts wrote"
            hint = "Leave --force and --no-resume out, or choose another --output."
            raise ConfigError(what, hint=hint)
