"""Dual encoders behind one protocol, whatever library they come from.

`base` is the protocol, `load` finds the library that knows a name or a folder, and each library has
a folder of its own (`openclip/`). `encode` turns many texts or images into features,
`feature_cache` keeps them on disk, and `source` names models for tables. Here is the registry: one
line and one folder add a library.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Library:
    """How models of one library are recognized and loaded.

    Attributes:
        marker: file that every folder with such a model holds.
        by_name: "module:function" that takes (model, pretrained, device=, force_quick_gelu=,
            download=).
        by_folder: "module:function" that takes (folder, model, device=, force_quick_gelu=).
        check: "module:function" that refuses (model, pretrained) that the library does not know,
            without importing the library; empty if only the library can tell.
    """

    marker: str
    by_name: str
    by_folder: str
    check: str = ""


# A model's name may start with its library, `open_clip:ViT-B-32`; without, it is open_clip's. A
# folder belongs to the first library whose marker it holds.
LIBRARIES = {
    "open_clip": Library(
        marker="open_clip_config.json",
        by_name="ahnpl_cli.backbones.openclip.named:load_named",
        by_folder="ahnpl_cli.backbones.openclip.folders:load_folder",
        check="ahnpl_cli.backbones.openclip.known:check_named",
    ),
    # After open_clip, whose repositories on the Hub often hold both files.
    "transformers": Library(
        marker="config.json",
        by_name="ahnpl_cli.backbones.transformers.named:load_named",
        by_folder="ahnpl_cli.backbones.transformers.folders:load_folder",
    ),
}
DEFAULT_LIBRARY = "open_clip"
# Models that score a picture with a text as one pair, by how they are used: "module:function" of
# (NAME or folder, device=).
HEADS = {
    "itm": "ahnpl_cli.backbones.transformers.matching:load_itm",
    "itc": "ahnpl_cli.backbones.transformers.matching:load_itc",
    "caption": "ahnpl_cli.backbones.transformers.captioner:load_captioner",
}
# Of those, what training knows: "module:function" of (NAME or folder, device=, download=).
TRAINED = {"itm": "ahnpl_cli.backbones.transformers.blip:load_blip"}
# By what `ahnpl.json` of a checkpoint calls its architecture.
TRAINED_ARCHITECTURES = {"BlipForImageTextRetrieval": "itm"}
# Models that the package brings, each with a loader like `Library.by_name`.
EMBEDDED = {
    "scenes-tiny": "ahnpl_cli.scenes.start:load_start_model",
    "scenes-clip": "ahnpl_cli.scenes.start:load_start_model",
}
