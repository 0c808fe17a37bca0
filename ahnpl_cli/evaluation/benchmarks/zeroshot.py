"""Zero-shot classification: the class whose averaged prompt is nearest to the image.

Classifier: normalize(mean over templates of normalize(E_T(template(class)))), as CLIP_benchmark's.
Single label: top-1, top-5 and mean per class. Multi-label: mAP, all points (CLIP_benchmark) and 11
points (ELEVATER), which differ by several points on VOC 2007.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ahnpl_cli.evaluation.benchmarks import labeled_sets
from ahnpl_cli.evaluation.benchmarks.base import (
    VOC_TEST,
    Benchmark,
    LocalCopy,
)
from ahnpl_cli.evaluation.benchmarks.label_task import ClassScores, label_suite
from ahnpl_cli.evaluation.benchmarks.labeled_images import (
    DEFAULT_TEMPLATES,
    ClassData,
    LabeledImage,
)
from ahnpl_cli.evaluation.benchmarks.retention_sets import retention_metrics
from ahnpl_cli.evaluation.scoring.items import Features, Floats, Suite


def class_weights(data: ClassData, features: Features) -> Floats:
    """Return the class weights (C, D), L2-normalized."""
    weights = []
    for name in data.classes:
        prompts = features.texts([template.replace("{}", name) for template in data.templates])
        # Normalized again: the mean of unit vectors is shorter, the more the templates differ.
        middle = prompts.mean(axis=0)
        weights.append(middle / np.linalg.norm(middle))
    return np.stack(weights).astype(np.float32)


class PromptClassifier:
    """Scores of classes by their prompts; see `label_task.Classifier`."""

    def training_images(self, data: ClassData) -> Sequence[LabeledImage]:
        """No training image is looked at."""
        return ()

    def texts(self, data: ClassData) -> Iterator[str]:
        """Yield every class in every template."""
        for name in data.classes:
            for template in data.templates:
                yield template.replace("{}", name)

    def scores(
        self, data: ClassData, rows: Sequence[LabeledImage], features: Features
    ) -> ClassScores:
        """Return the similarities (N, C) of images and class weights."""
        images = features.images([row.image for row in rows])
        return ClassScores(images @ class_weights(data, features).T, {})


def load(copy: LocalCopy) -> Suite:
    """Read the data sets that `find` found."""
    data_sets = labeled_sets.read(copy)
    # Prompts move ImageNet by several points, so the default is not passed over in silence.
    plain = [data.name for data in data_sets if data.templates == DEFAULT_TEMPLATES]
    if plain:
        copy.notes.append(f"one prompt, {DEFAULT_TEMPLATES[0]!r}, for {', '.join(plain)}")
    return label_suite(copy, data_sets, PromptClassifier())


BENCHMARK = Benchmark(
    name="zeroshot",
    measures="naming what is on an image, by class names alone",
    source="your own image folders; host.robots.ox.ac.uk/pascal/VOC/voc2007; "
    "images.cocodataset.org/annotations",
    license="each data set's own",
    files="NAME/test|val/<class>/*.jpg (+ classnames.txt, templates.txt), NAME/labels.csv, "
    "VOCdevkit/VOC2007 or VOC2012, annotations/instances_val*.json",
    size="VOC2007: 0.5 GB; other sets as their authors publish them",
    download=VOC_TEST,
    find=labeled_sets.find,
    load=load,
    derived_metrics=retention_metrics,
)
