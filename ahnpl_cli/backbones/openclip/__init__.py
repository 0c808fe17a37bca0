"""open_clip's models: by name, by tag, from a weight file, a folder or the Hugging Face Hub.

This folder is the only place that knows open_clip. `named` finds a model by its name, `folders`
reads a model's own folder, `weights` and `hub` get the weight file, `adapter` makes the backbone,
and `adapter` encodes texts at their own length.
"""
