"""What a user of the SageMaker SDK 3 writes beside pipelines of scripts. Prints what came of it.

Run by test_contract_sdk3.py in a client's environment of its own: `sdk3_user.py WHAT [IMAGE]`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.helper.iam_role_resolver import resolve_and_validate_role
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.core.processing import FrameworkProcessor
from sagemaker.core.remote_function import remote
from sagemaker.core.resources import Model, ModelPackage, PipelineExecution, ProcessingJob, TrainingJob
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.core.utils.utils import configure_logging
from sagemaker.core.workflow.parameters import ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.function_step import step
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep, TuningStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.serve.model_builder import SourceCode as InferenceCode
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, MetricDefinition, SourceCode
from sagemaker.train.distributed import Torchrun
from sagemaker.train.tuner import HyperparameterTuner

SKLEARN = image_uris.retrieve("sklearn", "us-east-1", version="1.2-1")
XGBOOST = image_uris.retrieve("xgboost", "us-east-1", version="1.7-1")
ONE = Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=5)
TRAIN = """\
import argparse, json, os, pathlib

import tabulate

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--label")
parser.add_argument("--sizes", type=json.loads)
parser.add_argument("--deep")
given = parser.parse_args()
(rows,) = pathlib.Path(os.environ["SM_CHANNEL_TABLE"]).iterdir()
print(f"loss={abs(given.rate - 0.3)};", flush=True)
found = {**vars(given), "colour": os.environ["COLOUR"], "rows": rows.read_text()}
found["hps"] = json.loads(os.environ["SM_HPS"])
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "found.json").write_text(json.dumps(found))
pathlib.Path(os.environ["SM_MODEL_DIR"], "rate.txt").write_text(str(given.rate))
"""
PROCESS = """\
import pathlib, sys

import helper, tabulate

pathlib.Path("/opt/ml/processing/out/said.txt").write_text(helper.said(sys.argv[1:]))
"""

SPREAD = """\
import argparse, os, pathlib

import torch
import torch.distributed as dist

parser = argparse.ArgumentParser()
parser.add_argument("--scale", type=int)
given = parser.parse_args()
dist.init_process_group("gloo")
summed = torch.tensor([float((dist.get_rank() + 1) * given.scale)])
dist.all_reduce(summed)
if dist.get_rank() == 0:
    pathlib.Path(os.environ["SM_MODEL_DIR"], "sum.txt").write_text(f"{summed.item()} of {dist.get_world_size()}")
dist.destroy_process_group()
"""


def laid_out(folder: Path) -> None:
    """A user's working folder: training code, processing code, data, and inference code."""
    files = {
        "train/train.py": TRAIN,
        "train/requirements.txt": "tabulate==0.9.0\n",
        "spread/spread.py": SPREAD,
        "process/main.py": PROCESS,
        "process/helper.py": "def said(words):\n    return ' '.join(words)\n",
        "process/requirements.txt": "tabulate==0.9.0\n",
        "table/rows.csv": "1,2\n",
        "inference/inference.py": "def model_fn(folder):\n    return folder\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def trainer(folder: Path, session: Session, **more: Any) -> ModelTrainer:
    return ModelTrainer(
        training_image=SKLEARN,
        source_code=SourceCode(
            source_dir=str(folder / "train"), entry_script="train.py", requirements="requirements.txt"
        ),
        compute=ONE,
        hyperparameters={"rate": 0.5, "label": "a b", "sizes": [1, 2], "deep": True},
        environment={"COLOUR": "green"},
        base_job_name="sdk3",
        sagemaker_session=session,
        input_data_config=[InputData(channel_name="table", data_source=str(folder / "table"))],
        **more,
    )


def alone(folder: Path) -> dict[str, Any]:
    """A ModelTrainer with a script, one with AWS's algorithm, one that fails; and what the resource classes say."""
    session = Session()
    scripted = trainer(folder, session).with_metric_definitions(
        [MetricDefinition(name="loss", regex="loss=([0-9.]+);")]
    )
    scripted.train(wait=True, logs=True)
    job = scripted._latest_training_job
    (folder / "boost.csv").write_text("".join(f"{number % 2},{number % 2},{number}\n" for number in range(60)))
    boosted = ModelTrainer(
        training_image=XGBOOST,
        compute=ONE,
        hyperparameters={"objective": "binary:logistic", "num_round": 3},
        role="SageMakerRole",
    )
    data = InputData(channel_name="train", data_source=str(folder / "boost.csv"), content_type="text/csv")
    boosted.train(input_data_config=[data], logs=False)
    broken = ModelTrainer(training_image=SKLEARN, source_code=SourceCode(command="echo oh dear >&2; exit 3"))
    try:
        broken.train(logs=False)
        refusal = ""
    except FailedStatusError as failure:
        refusal = str(failure)
    again = TrainingJob.get(training_job_name=job.training_job_name)
    return {
        "status": job.training_job_status,
        "metrics": {each.metric_name: each.value for each in job.final_metric_data_list},
        "output": scripted.output_data,
        "model": again.model_artifacts.s3_model_artifacts,
        "transitions": [each.status for each in again.secondary_status_transitions],
        "boosted": [each.metric_name for each in boosted._latest_training_job.final_metric_data_list],
        "refusal": refusal,
        "listed": [each.training_job_name for each in TrainingJob.get_all()],
        "name": job.training_job_name,
    }


def spread(folder: Path) -> dict[str, Any]:
    """A ModelTrainer whose script torchrun starts on two hosts, twice on each."""
    image = image_uris.retrieve(
        "pytorch",
        "us-east-1",
        version="2.3",
        py_version="py311",
        image_scope="training",
        instance_type="ml.m5.large",
    )
    spreading = ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir=str(folder / "spread"), entry_script="spread.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=2),
        distributed=Torchrun(process_count_per_node=2),
        hyperparameters={"scale": 10},
    )
    spreading.train(logs=False)
    job = spreading._latest_training_job
    return {"status": job.training_job_status, "model": job.model_artifacts.s3_model_artifacts}


def processed(folder: Path) -> dict[str, Any]:
    """A FrameworkProcessor with a folder of code and its requirements; roles for what else the SDK does."""
    session = Session()
    target = ProcessingS3Output(s3_uri="", local_path="/opt/ml/processing/out", s3_upload_mode="EndOfJob")
    processor = FrameworkProcessor(
        image_uri=SKLEARN,
        role=get_execution_role(session),
        instance_type="ml.m5.large",
        instance_count=1,
        command=["python3"],
        base_job_name="sdk3",
        sagemaker_session=session,
    )
    processor.run(
        code="main.py",
        source_dir=str(folder / "process"),
        requirements="requirements.txt",
        arguments=["well", "done"],
        outputs=[ProcessingOutput(output_name="out", s3_output=target)],
        logs=True,
    )
    job = ProcessingJob.get(processing_job_name=processor.latest_job.processing_job_name)
    kinds = ("training", "serving", "pipeline", "feature_store", "hyperpod", "model_eval")
    return {
        "status": job.processing_job_status,
        "output": job.processing_output_config.outputs[0].s3_output.s3_uri,
        "roles": sorted({resolve_and_validate_role(role_type=kind, sagemaker_session=session) for kind in kinds}),
    }


def piped(folder: Path) -> dict[str, Any]:
    """A pipeline that trains, tunes, creates a model, and registers another with inference code repacked into it."""
    session = PipelineSession()
    role = get_execution_role(session)
    train = TrainingStep("Train", step_args=trainer(folder, session).train())
    tuner = HyperparameterTuner(
        model_trainer=trainer(folder, session),
        objective_metric_name="loss",
        objective_type="Minimize",
        hyperparameter_ranges={"rate": ContinuousParameter(0.0, 1.0)},
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        strategy="Random",
        max_jobs=2,
        max_parallel_jobs=2,
    )
    inputs = [InputData(channel_name="table", data_source=session.upload_data(str(folder / "table")))]
    tune = TuningStep("Tune", step_args=tuner.tune(inputs=inputs))
    what = {"image_uri": SKLEARN, "role_arn": role, "sagemaker_session": session}
    what["s3_model_data_url"] = train.properties.ModelArtifacts.S3ModelArtifacts
    create = ModelStep("Create", step_args=ModelBuilder(**what).build())
    code = InferenceCode(source_dir=str(folder / "inference"), entry_script="inference.py")
    package = ModelBuilder(**what, source_code=code).register(
        model_package_group_name="sdk3",
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        approval_status="Approved",
    )
    register = ModelStep("Register", step_args=package)
    pipeline = Pipeline("sdk3", steps=[train, tune, create, register], sagemaker_session=session)
    return {
        **finished(pipeline, role),
        "models": [each.model_name for each in Model.get_all()],
        "packages": [each.model_approval_status for each in ModelPackage.get_all(model_package_group_name="sdk3")],
    }


def functions(image: str) -> dict[str, Any]:
    """Functions as jobs and as steps, in an image that has the SDK."""
    job = {"image_uri": image, "instance_type": "ml.m5.large"}

    @remote(**job)
    def divided(left: int, right: int) -> dict[str, float]:
        return {"quotient": left / right}

    @step(name="squares", **job)
    def squares(count: int) -> list[int]:
        return [number**2 for number in range(count)]

    @step(name="total", **job)
    def total(numbers: list[int], scale: int) -> int:
        return scale * sum(numbers)

    quotient = divided(1, 2)
    session = PipelineSession()
    count = ParameterInteger("Count", default_value=4)
    pipeline = Pipeline(
        "sdk3-functions", parameters=[count], steps=[total(squares(count), 10)], sagemaker_session=session
    )
    return {**finished(pipeline, get_execution_role(session), "total"), "quotient": quotient}


def finished(pipeline: Pipeline, role: str, result_of: str = "") -> dict[str, Any]:
    """Run a pipeline: its status, its steps, and what a function of it returned."""
    pipeline.upsert(role_arn=role)
    started = pipeline.start()
    execution = PipelineExecution.get(pipeline_execution_arn=started.arn)
    try:
        execution.wait_for_status("Succeeded", poll=1, timeout=400)
    except FailedStatusError:
        pass
    steps = {each.step_name: str(each.failure_reason or each.step_status) for each in execution.get_all_steps()}
    result = started.result(result_of) if result_of else None
    return {"status": execution.pipeline_execution_status, "steps": steps, "result": result}


WITH_FILES = {"alone": alone, "spread": spread, "processed": processed, "piped": piped}


def main() -> None:
    configure_logging("INFO")
    what, more = sys.argv[1], sys.argv[2:]
    if what == "functions":
        found = functions(*more)
    else:
        with tempfile.TemporaryDirectory() as folder:
            laid_out(Path(folder))
            found = WITH_FILES[what](Path(folder))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
