"""Room steps: a Tuning step's properties hold its training jobs, best first."""

from __future__ import annotations

import pytest

from stepwell.spec.models import operation
from stepwell.steps import registry


def described(type_: str | None) -> dict[str, object]:
    best = {"FinalHyperParameterTuningJobObjectiveMetric": {"Type": type_, "MetricName": "m", "Value": 1.0}}
    return {"HyperParameterTuningJobName": "t", **({"BestTrainingJob": best} if type_ else {})}


@pytest.mark.parametrize(
    ("type_", "order"), [("Minimize", "Ascending"), ("Maximize", "Descending"), (None, "Descending")]
)
def test_best_first(type_: str | None, order: str) -> None:
    job = registry.of("Tuning").job
    assert job is not None
    assert job.addition is not None
    addition = job.addition(described(type_))
    assert addition.params == {
        "HyperParameterTuningJobName": "t",
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": order,
        "MaxResults": 50,
    }
    asked = operation("sagemaker", addition.operation)
    assert asked.input_shape is not None
    assert asked.output_shape is not None
    assert set(addition.params) <= set(asked.input_shape.members)
    assert addition.member in asked.output_shape.members
    assert addition.member == "TrainingJobSummaries"
