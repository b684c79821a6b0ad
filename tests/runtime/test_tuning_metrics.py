"""What a tuning job knows of running training jobs is what the metrics hold."""

from __future__ import annotations

from pathlib import Path

from tuning_world import SCOPE, World

from stepwell.runtime.tuning_metrics import emitted
from stepwell.store import metric_points
from stepwell.store.metric_points import Metric, Point


def test_values_in_their_order(tmp_path: Path) -> None:
    world = World(tmp_path)
    values = emitted(world.site)
    arn = SCOPE.arn("sagemaker", "training-job/tune-001-0123abcd")
    assert values(arn, "loss") == []
    metric = Metric("/aws/sagemaker/TrainingJobs", "loss", (("TrainingJobName", "tune-001-0123abcd"),))
    with world.database.write() as transaction:
        points = [(metric, Point(moment, value)) for moment, value in ((5.0, 0.3), (5.0, 0.2), (6.0, 0.25))]
        metric_points.add(transaction, SCOPE, points)
    assert values(arn, "loss") == [0.3, 0.2, 0.25]
    assert values(arn, "other") == []
