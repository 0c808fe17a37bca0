"""The embedded world: painted scenes with captions, and the small model that starts on them.

`world` says what a scene is and samples them, `meanings` what can be said of a scene and whether
that is true, `grammar` puts it into English, and `captions` chooses what training captions say.
`plans`, `edits` and `pairs` change a scene and its caption together; `suites` (one file per
benchmark) makes test items of them. `render` paints, `layouts` has the benchmarks' official
records, `parts` writes files and `generate` is the workflow. `start` is the shipped model.
"""
