"""What a user of the SageMaker SDK 2 writes to tune hyperparameters, alone and in a pipeline. Prints what came of it.

Run by test_contract_tuning.py in the client's environment.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import sagemaker
from botocore.exceptions import WaiterError
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TuningStep

TRAIN = """\
import argparse, pathlib

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--depth", type=int)
parser.add_argument("--kind")
parser.add_argument("--offset", type=float)
given = parser.parse_args()
loss = abs(given.rate - 0.1) + abs(given.depth - 4) / 10 + (given.kind == "worse") + given.offset
for epoch in (3, 2, 1):
    print(f"loss={loss * epoch:.6f};", flush=True)
pathlib.Path("/opt/ml/model/loss.txt").write_text(str(loss))
"""

LOOK = """\
import json, pathlib, tarfile

with tarfile.open("/opt/ml/processing/model/model.tar.gz") as archive:
    loss = archive.extractfile("loss.txt").read().decode()
pathlib.Path("/opt/ml/processing/out/best.json").write_text(json.dumps({"loss": float(loss)}))
"""


def tuner_for(session: Any, folder: Path, role: str, **more: Any) -> HyperparameterTuner:
    (folder / "train.py").write_text(TRAIN)
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=str(folder),
        role=role,
        instance_type="ml.m5.large",
        framework_version="1.2-1",
        hyperparameters={"offset": 0.5},
        sagemaker_session=session,
        output_path=f"s3://{session.default_bucket()}/models",
    )
    ranges = {
        "rate": ContinuousParameter(0.001, 1.0, scaling_type="Logarithmic"),
        "depth": IntegerParameter(1, 8),
        "kind": CategoricalParameter(["better", "worse"]),
    }
    return HyperparameterTuner(
        estimator,
        "loss",
        ranges,
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        objective_type="Minimize",
        max_jobs=5,
        max_parallel_jobs=2,
        random_seed=1,
        **more,
    )


def alone(role: str, folder: Path) -> dict[str, Any]:
    """A tuner of its own: fit, wait, analytics, the best estimator, attach."""
    session = sagemaker.Session()
    tuner = tuner_for(session, folder, role)
    tuner.fit(wait=True)
    name = tuner.latest_tuning_job.name
    frame = tuner.analytics().dataframe()
    best = tuner.best_estimator()
    again = HyperparameterTuner.attach(name, sagemaker_session=session)
    return {
        "name": name,
        "strategy": again.strategy,
        "columns": sorted(frame.columns),
        "statuses": sorted(set(frame["TrainingJobStatus"])),
        "losses": list(frame["FinalObjectiveValue"]),
        "names": list(frame["TrainingJobName"]),
        "best": tuner.best_training_job(),
        "same": again.best_training_job(),
        "hyperparameters": best.hyperparameters(),
        "model": best.model_data,
    }


def piped(role: str, folder: Path) -> dict[str, Any]:
    """A tuner in a pipeline, and a step that looks into its best model; then the same again, from the cache."""
    session = PipelineSession()
    bucket = session.default_bucket()
    tuner = tuner_for(session, folder, role, strategy="Random")
    tune = TuningStep("Tune", step_args=tuner.fit(), cache_config=CacheConfig(True, "P1D"))
    (folder / "look.py").write_text(LOOK)
    processor = SKLearnProcessor(
        "1.2-1", role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
    )
    top = tune.get_top_model_s3_uri(top_k=0, s3_bucket=bucket, prefix="models")
    looked = processor.run(
        code=str(folder / "look.py"),
        inputs=[ProcessingInput(source=top, destination="/opt/ml/processing/model")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/out", destination=f"s3://{bucket}/looked")],
    )
    pipeline = Pipeline("tuned", steps=[tune, ProcessingStep("Look", step_args=looked)], sagemaker_session=session)
    pipeline.upsert(role_arn=role)
    found: dict[str, Any] = {}
    for turn in ("first", "second"):
        execution = pipeline.start()
        try:
            execution.wait(delay=1, max_attempts=240)
        except WaiterError:
            pass  # the steps say what went wrong
        found[turn] = {step["StepName"]: step for step in execution.list_steps()}
    listed = session.boto_session.client("s3").list_objects_v2(Bucket=bucket, Prefix="looked/").get("Contents", [])
    texts = [session.read_s3_file(bucket, each["Key"]) for each in listed]
    return {**found, "losses": [json.loads(text)["loss"] for text in texts]}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        result = {"alone": alone, "piped": piped}[sys.argv[1]](sys.argv[2], Path(made))
    print(json.dumps(result, default=str))
