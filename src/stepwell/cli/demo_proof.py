"""Proof that a run of the demo happened: what it made, read back from the API and from S3."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

from stepwell.cli.demo_client import Account, Disproof
from stepwell.cli.demo_progress import Answer

STEPS = ("Preprocess", "Train", "Evaluate", "GoodEnough", "Churn-RegisterModel")


@dataclass(frozen=True, slots=True)
class Proof:
    """What one run of the pipeline left behind, read back from the API and from S3."""

    auc: float
    threshold: float
    depth: str
    package: str
    model: str
    model_bytes: int


def prove(account: Account, arn: str, steps: list[Answer]) -> Proof:
    """Read back what the run made; raises Disproof where it is not what a run must leave."""
    made = {step["StepName"]: step["Metadata"] for step in steps if step["StepStatus"] == "Succeeded"}
    if missing := [name for name in STEPS if name not in made]:
        raise Disproof(f"no success of the steps {', '.join(missing)}")
    training = account.sagemaker.describe_training_job(TrainingJobName=named(made["Train"]["TrainingJob"]))
    evaluation = account.sagemaker.describe_processing_job(ProcessingJobName=named(made["Evaluate"]["ProcessingJob"]))
    package_arn = made["Churn-RegisterModel"]["RegisterModel"]["Arn"]
    package = account.sagemaker.describe_model_package(ModelPackageName=package_arn)
    model = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    expect("the training job", training["TrainingJobStatus"], "Completed")
    expect("the evaluation job", evaluation["ProcessingJobStatus"], "Completed")
    expect("the model package", package["ModelPackageStatus"], "Completed")
    expect("the package's model", model, training["ModelArtifacts"]["S3ModelArtifacts"])
    auc, threshold = read_auc(account, evaluation), read_threshold(account, arn)
    if not 0.5 < auc < 1 or auc < threshold:
        raise Disproof(f"an AUC of {auc} with a threshold of {threshold} should not have been registered")
    size = model_size(read_object(account.s3, model))
    return Proof(auc, threshold, training["HyperParameters"]["max_depth"], package_arn, model, size)


def expect(what: str, found: object, wanted: object) -> None:
    """Raise Disproof unless `found` is `wanted`."""
    if found != wanted:
        raise Disproof(f"{what} is {found}, not {wanted}")


def named(made: Answer) -> str:
    """The job's name at the end of its ARN."""
    return str(made["Arn"]).rpartition("/")[2]


def read_auc(account: Account, evaluation: Answer) -> float:
    """The metric in the property file that the evaluation job wrote to S3."""
    (output,) = evaluation["ProcessingOutputConfig"]["Outputs"]
    report = json.loads(read_object(account.s3, output["S3Output"]["S3Uri"] + "/evaluation.json"))
    return float(report["binary_classification_metrics"]["auc"]["value"])


def read_threshold(account: Account, arn: str) -> float:
    """The threshold that this execution used."""
    answer = account.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    return float({each["Name"]: each["Value"] for each in answer["PipelineParameters"]}["AucThreshold"])


def read_object(s3: Any, uri: str) -> bytes:
    """The object at an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def model_size(archive: bytes) -> int:
    """How many bytes the trained booster in a model.tar.gz has."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        size = {member.name.removeprefix("./"): member.size for member in members}.get("xgboost-model", 0)
    if not size:
        raise Disproof("model.tar.gz holds no xgboost-model")
    return size
