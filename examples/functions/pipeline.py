"""A pipeline of plain Python functions: each runs as a job of its own and passes on what it returns.

Run by `python pipeline.py [--noise NOISE]`; the environment says which AWS.
"""

from __future__ import annotations

import argparse
import os

from botocore.exceptions import WaiterError
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThan
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.functions import Join
from sagemaker.workflow.parameters import ParameterFloat
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

ROLE = os.environ.get("SAGEMAKER_ROLE", "arn:aws:iam::123456789012:role/SageMakerRole")
JOB = {"role": ROLE, "image_uri": "python:3.11", "instance_type": "ml.m5.large"}
"""The image's Python must be the client's: the SDK compares them."""

Point = tuple[float, float]


@step(name="measure", **JOB)
def measure(noise: float) -> list[Point]:
    """Points on a line, as well as one can measure them."""
    import random

    dice = random.Random(7)
    return [(x, 3 * x + 2 + dice.gauss(0, noise)) for x in range(50)]


@step(name="fit", **JOB)
def fit(points: list[Point]) -> dict[str, float]:
    """The line through them, by least squares."""
    xs, ys = zip(*points, strict=True)
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / sum((x - middle_x) ** 2 for x in xs)
    offset = middle_y - slope * middle_x
    error = sum((y - slope * x - offset) ** 2 for x, y in points) / len(points)
    return {"slope": slope, "offset": offset, "error": error}


@step(name="report", **JOB)
def report(line: dict[str, float]) -> str:
    """One sentence."""
    return f"y = {line['slope']:.2f} x + {line['offset']:.2f}"


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--noise", type=float, default=1.0)
    noise = ParameterFloat("Noise", default_value=1.0)
    line = fit(measure(noise))
    decide = ConditionStep(
        "decide",
        conditions=[ConditionLessThan(left=line["error"], right=4.0)],
        if_steps=[report(line)],
        else_steps=[FailStep("refuse", error_message=Join(on=" ", values=["The error is", line["error"]]))],
    )
    pipeline = Pipeline("functions-example", parameters=[noise], steps=[decide], sagemaker_session=PipelineSession())
    pipeline.upsert(role_arn=ROLE)
    execution = pipeline.start(parameters={"Noise": asked.parse_args().noise})
    try:
        execution.wait(delay=2)
    except WaiterError:
        for each in execution.list_steps():
            print(each["StepName"], each["StepStatus"], each.get("FailureReason", ""))
        return 1
    print(execution.result("report"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
