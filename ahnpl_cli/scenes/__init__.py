"""The embedded world: rendered scenes with captions, and the small model that starts on them.

`world` says what a scene is, `grammar` what can be said of it and whether that is true, `edits`
how a scene and its caption are changed together, `render` draws, `suites` makes test items as
twins, `layouts` writes them as the benchmarks' authors publish theirs, `generate` is the workflow
and `start` the shipped model.
"""
