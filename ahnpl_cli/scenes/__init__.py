"""The synthetic scenes: images with captions and test suites, and the model that starts on them.

Sampling is random choice, painting makes pixels. `world` says what a scene is and samples scenes,
`meanings` what can be said of one and whether that is true, `grammar` puts it into English and
`captions` samples what training captions say.

`plans`, `edits` and `pairs` change a scene and its caption together; `suites` (and one file for
each benchmark) makes test items of such pairs.

`render` paints, `layouts` has the official records of the benchmarks, `parts` writes one range of
images in a process of its own and `generate` is the workflow. `start` is the shipped model.
"""
