"""From verdicts to a report: what stands beside each number."""

import numpy as np

from ahnpl_cli.evaluation.scoring.items import SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.scoring.metrics import DerivedMetric, label_metrics
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report


def multi_label(images: int, classes: int) -> list[Verdict]:
    """Random scores, and one positive a class, as COCO's rare objects have on few images."""
    generator = np.random.default_rng(0)
    scores = generator.random((images, classes)).astype(np.float32)
    targets = np.zeros((images, classes), dtype=int)
    for number in range(classes):
        targets[generator.integers(images), number] = 1
    verdicts = []
    for number in range(images):
        key = f"coco/{number}"
        own = (tuple(scores[number].tolist()), tuple(targets[number].tolist()))
        verdicts.append(Verdict(key, key, {}, (), *own))
    return verdicts


def test_the_interval_of_a_map_holds_it_though_resampled_images_stand_beside_themselves():
    verdicts = multi_label(80, 60)
    derived = label_metrics(verdicts)
    plan = SuitePlan({}, "coco mAP", [], {name: 80 for name in derived})
    report = suite_report(plan, SuiteVerdicts(verdicts), derived, Bootstrap(200, 0))
    for name, value in report.values.items():
        low, high = report.intervals[name]
        assert low < value < high, name


def test_a_mean_over_data_sets_is_covered_as_the_suite_is():
    verdicts = multi_label(20, 5)
    (metric, *_) = label_metrics(verdicts).values()
    # Half of the images are here; a named mean over sets has no total of its own.
    plan = SuitePlan({}, "elevater_20", [], {"coco mAP": 40})
    mean = DerivedMetric(metric.clusters, metric.measure, "elevater_20")
    derived = {"coco mAP": metric, "elevater_20": mean}
    report = suite_report(plan, SuiteVerdicts(verdicts), derived, Bootstrap(20, 0))
    assert report.support["elevater_20"].coverage == report.support["coco mAP"].coverage == 50.0
