"""The embedded world: rendered scenes with captions, and the small model that starts on them.

`world` says what a scene is, `meanings` what can be said of it and whether that is true, `grammar`
puts it into English and `captions` chooses what training captions say. `plans`, `edits` and `twins`
change a scene and its caption together; `suites` (one file per benchmark) makes test items of them.
`render` draws, `layouts` has the benchmarks' official records, `draw` fills files and `generate` is
the workflow. `start` is the shipped model.
"""
