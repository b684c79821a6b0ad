"""The churn pipeline without the SageMaker SDK: its definition is JSON, and plain boto3 creates and starts it.

In: ../churn/definition.json and the two scripts beside it, the purchase log, AWS_ENDPOINT_URL and credentials in the
environment. Out: an execution that ran, its steps printed; the exit code says whether it succeeded. Everything that
differs between accounts (role, bucket, images) is a parameter of the pipeline, so the JSON goes up as it is.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

CHURN = Path(__file__).resolve().parent.parent / "churn"
sys.path.insert(0, str(CHURN))

from dataset import purchases_file  # noqa: E402

FINAL = {"Succeeded", "Failed", "Stopped"}


def callers_role() -> str:
    """The ARN of the role that the caller has assumed."""
    identity = boto3.client("sts").get_caller_identity()["Arn"]
    if ":assumed-role/" not in identity:
        raise SystemExit(f"{identity} is no role; name one with --role")
    return str(boto3.client("iam").get_role(RoleName=identity.split("/")[1])["Role"]["Arn"])


def upload(bucket: str, purchases: Path) -> None:
    """Put the purchase log and the scripts where the definition looks for them."""
    s3 = boto3.client("s3")
    region = s3.meta.region_name
    place: dict[str, Any] = (
        {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    )
    try:
        s3.create_bucket(Bucket=bucket, **place)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    s3.upload_file(str(purchases), bucket, "churn/input/CDNOW_master.txt")
    for script in ("preprocess.py", "evaluate.py"):
        s3.upload_file(str(CHURN / script), bucket, f"churn/code/{script}")


def upsert(sagemaker: Any, name: str, role: str) -> None:
    """Create the pipeline, or update it when it exists."""
    request = {
        "PipelineName": name,
        "PipelineDefinition": (CHURN / "definition.json").read_text(),
        "RoleArn": role,
    }
    try:
        sagemaker.describe_pipeline(PipelineName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ResourceNotFound", "ValidationException"}:
            raise
        sagemaker.create_pipeline(**request)
    else:
        sagemaker.update_pipeline(**request)


def finish(sagemaker: Any, arn: str) -> str:
    """Wait until the execution `arn` has ended and answer its status."""
    while True:
        status = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
        if status in FINAL:
            return str(status)
        time.sleep(1)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="churn-boto3", help="name of the pipeline")
    parser.add_argument("--role", help="ARN of the execution role (default: the caller's)")
    parser.add_argument("--bucket", help="bucket for data and models (default: the account's SageMaker bucket)")
    parser.add_argument("--purchases", type=Path, help="the purchase log (default: from the lifetimes package)")
    parser.add_argument("--max-depth", type=int, default=4)
    return parser.parse_args()


def main() -> int:
    options = read_options()
    sagemaker = boto3.client("sagemaker")
    role = options.role or callers_role()
    account = role.split(":")[4]
    bucket = options.bucket or f"sagemaker-{sagemaker.meta.region_name}-{account}"
    upload(bucket, options.purchases or purchases_file())
    upsert(sagemaker, options.name, role)
    chosen = {"Role": role, "Bucket": bucket, "MaxDepth": str(options.max_depth)}
    arn = sagemaker.start_pipeline_execution(
        PipelineName=options.name,
        PipelineParameters=[{"Name": name, "Value": value} for name, value in chosen.items()],
    )["PipelineExecutionArn"]
    print(arn, flush=True)
    status = finish(sagemaker, arn)
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, SortOrder="Ascending")
    for step in steps["PipelineExecutionSteps"]:
        print(f"{step['StepName']:<22} {step['StepStatus']:<10} {step.get('FailureReason', '')}")
    print(status)
    return 0 if status == "Succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
