"""XGBoost on two instances, as users ask for it: the built-in algorithm with sharded data, and a script."""

from __future__ import annotations

import io
import json
import random
import tarfile
from typing import Any

import pytest

from served import FINAL, ROLE, Server, eventually

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "xgboost-hosts"
SCRIPT = """\
import json, os
import xgboost
from sagemaker_xgboost_container.data_utils import get_dmatrix
from sagemaker_xgboost_container import distributed

def learn(data, is_master):
    scores = {}
    booster = xgboost.train({"objective": "binary:logistic"}, data, 3, [(data, "train")], evals_result=scores)
    if is_master:
        booster.save_model(os.environ["SM_MODEL_DIR"] + "/xgboost-model")

data = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "text/csv")
print(os.environ["SM_CURRENT_HOST"], "has", data.num_row(), "rows", flush=True)
distributed.rabit_run(
    exec_fun=learn,
    args={"data": data},
    include_in_training=True,
    hosts=json.loads(os.environ["SM_HOSTS"]),
    current_host=os.environ["SM_CURRENT_HOST"],
    update_rabit_args=True,
)
"""


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    """Two objects of data: each instance gets one."""
    client = server.client("s3")
    client.create_bucket(Bucket=BUCKET)
    for number in range(2):
        dice = random.Random(number)
        features = [dice.random() for _ in range(40)]
        body = "".join(f"{int(each > 0.5)},{each:.4f},{dice.random():.4f}\n" for each in features)
        client.put_object(Bucket=BUCKET, Key=f"train/{number}.csv", Body=body.encode())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(SCRIPT)
        archive.addfile(entry, io.BytesIO(SCRIPT.encode()))
    client.put_object(Bucket=BUCKET, Key="code/sourcedir.tar.gz", Body=packed.getvalue())
    return client


def train(server: Server, name: str, **hyperparameters: str) -> dict[str, Any]:
    sagemaker = server.client("sagemaker")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train/", "S3DataDistributionType": "ShardedByS3Key"}
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
        HyperParameters=hyperparameters,
    )

    def look() -> Any:
        found = sagemaker.describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] in FINAL else None

    found: dict[str, Any] = eventually(look)
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
    return found


def said(server: Server, name: str) -> str:
    logs, group = server.client("logs"), "/aws/sagemaker/TrainingJobs"
    events = logs.filter_log_events(logGroupName=group, logStreamNamePrefix=f"{name}/")["events"]
    return "\n".join(event["message"] for event in events)


def model_of(s3: Any, name: str) -> list[str]:
    body = s3.get_object(Bucket=BUCKET, Key=f"models/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return archive.getnames()


def test_the_algorithm_trains_one_model_on_two_instances(server: Server, s3: Any) -> None:
    hyperparameters = {"objective": "binary:logistic", "num_round": "3", "eval_metric": "error"}
    found = train(server, "sharded", **hyperparameters)
    assert model_of(s3, "sharded") == ["xgboost-model"]
    log = said(server, "sharded")
    assert log.count("Distributed node training with 2 hosts: ['algo-1', 'algo-2']") == 2
    assert log.count("Train matrix has 40 rows") == 2
    assert log.count("[0]#011train-error:") == 1
    assert [each["MetricName"] for each in found["FinalMetricDataList"]] == ["train:error"]


def test_a_script_trains_with_the_containers_own_modules(server: Server, s3: Any) -> None:
    train(
        server,
        "scripted",
        sagemaker_program=json.dumps("train.py"),
        sagemaker_submit_directory=json.dumps(f"s3://{BUCKET}/code/sourcedir.tar.gz"),
    )
    assert model_of(s3, "scripted") == ["xgboost-model"]
    log = said(server, "scripted")
    assert "algo-1 has 40 rows" in log and "algo-2 has 40 rows" in log
