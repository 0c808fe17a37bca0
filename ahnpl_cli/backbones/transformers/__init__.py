"""transformers' dual encoders: a folder with `config.json` and safetensors, or a name of the Hub.

This folder is the only place that knows transformers' models. `folders` reads a model's folder and
`named` finds one by its name, `adapter` makes the backbone. No code of a folder is ever run, and
weights are read from safetensors alone.
"""
