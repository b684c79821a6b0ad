"""What a user of the SageMaker SDK 2 writes: a chain of Processing steps, here or in local mode; a model repacked.

Run by kinds_chain.py and kinds_data.py in an environment with the SDK. In: a task and its arguments on the command
line, the server's variables in the environment. Out: a line of JSON, the last on standard output.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from sagemaker.processing import Processor
from sagemaker.sklearn import SKLearn
from sagemaker.telemetry import telemetry_logging
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import LocalPipelineSession, PipelineSession
from sagemaker.workflow.step_collections import RegisterModel
from sagemaker.workflow.steps import ProcessingStep

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
POLL_SECONDS = 0.02


def chain(session: Any, image: str, length: int, instance: str) -> Pipeline:
    """Steps that run `true`, each after the one before."""
    steps: list[ProcessingStep] = []
    for number in range(length):
        processor = Processor(
            role=ROLE,
            image_uri=image,
            entrypoint=["true"],
            instance_count=1,
            instance_type=instance,
            sagemaker_session=session,
        )
        arguments = processor.run()
        steps += [ProcessingStep(f"S{number}", step_args=arguments, depends_on=steps[-1:])]
    return Pipeline("chain", steps=steps, sagemaker_session=session)


def run_here(image: str, length: str) -> dict[str, float]:
    """Seconds from the start of an execution to the answer that it has ended; the second one counts."""
    pipeline = chain(PipelineSession(), image, int(length), "ml.t3.medium")
    pipeline.upsert(ROLE)
    wait(pipeline.start())
    begun = time.perf_counter()
    wait(pipeline.start())
    return {"seconds": time.perf_counter() - begun}


def run_local(image: str, length: str) -> dict[str, float]:
    """The same in the SDK's local mode, which runs a pipeline within the call that starts it."""
    session = LocalPipelineSession(default_bucket="bench-local")
    seconds = []
    for steps in (1, int(length)):
        pipeline = chain(session, image, steps, "local")
        pipeline.upsert(ROLE)
        begun = time.perf_counter()
        execution = pipeline.start()
        seconds.append(time.perf_counter() - begun)
        status = execution.describe()["PipelineExecutionStatus"]
        if status not in ("Succeeded", "SUCCEEDED"):
            raise SystemExit(f"local mode: the execution is {status}")
    return {"seconds": seconds[-1]}


def wait(execution: Any) -> None:
    sagemaker = boto3.client("sagemaker")
    while True:
        seen = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution.arn)
        match seen["PipelineExecutionStatus"]:
            case "Succeeded":
                return
            case "Executing":
                time.sleep(POLL_SECONDS)
            case status:
                raise SystemExit(f"the execution is {status}: {seen.get('FailureReason', '')}")


def define_repack(bucket: str) -> dict[str, str]:
    """A pipeline that registers a model with a script of its own, to which the SDK adds a step that repacks it."""
    session = PipelineSession(default_bucket=bucket)
    model_data = ParameterString("ModelData")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "inference.py")
        script.write_text("x = 1\n")
        estimator = SKLearn(
            str(script), framework_version="1.2-1", role=ROLE, instance_type="ml.m5.large", sagemaker_session=session
        )
        register = RegisterModel(
            "Register",
            estimator=estimator,
            model_data=model_data,
            entry_point=str(script),
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=["ml.m5.large"],
            transform_instances=["ml.m5.large"],
            model_package_group_name="bench",
        )
        Pipeline("repack", parameters=[model_data], steps=[register], sagemaker_session=session).upsert(ROLE)
    return {"pipeline": "repack"}


TASKS: dict[str, Any] = {"here": run_here, "local": run_local, "repack": define_repack}

if __name__ == "__main__":
    # the SDK would report each step of local mode to AWS, within the time that is measured
    telemetry_logging._send_telemetry_request = lambda *_words, **_more: None
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
