"""`stepwell reproduce`, `export` and `import` about models that were really trained, asked as a user would."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from served import FINAL, ROLE, Server, ended_execution, eventually

pytestmark = pytest.mark.contract

BUCKET = "reproduced"
ACCOUNT = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SKLEARN, XGBOOST = f"{ACCOUNT}/sagemaker-scikit-learn:1.2-1-cpu-py3", f"{ACCOUNT}/sagemaker-xgboost:1.7-1"

PREPARE = b"""
import pathlib
rows = sorted(pathlib.Path("/opt/ml/processing/raw/rows.csv").read_text().split())
pathlib.Path("/opt/ml/processing/train/train.csv").write_text("\\n".join(rows) + "\\n")
"""
LEARN = """
import argparse, os, pathlib, joblib
import numpy as np
from sklearn.linear_model import LogisticRegression

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
parser.add_argument("--rounds", type=int, default=20)
given, _ = parser.parse_known_args()
rows = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "train.csv"), delimiter=",")
model = LogisticRegression(max_iter=given.rounds, solver="saga", random_state=given.seed, tol=1e-9)
model.fit(rows[:, 1:], rows[:, 0])
folder = pathlib.Path(os.environ["SM_MODEL_DIR"])
joblib.dump(model, folder / "model.joblib")
(folder / "notes").mkdir()
"""
PLAIN = """
import os, pathlib, time
folder = pathlib.Path(os.environ["SM_MODEL_DIR"])
(folder / "model.txt").write_text(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv").read_text())
(folder / "inner").mkdir()
(folder / "inner" / "noise.bin").write_bytes(b"weights" + NOISE + b"more")
"""


def archive(script: str) -> bytes:
    """Code as the SDK hands it in."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as members:
        member = tarfile.TarInfo("train.py")
        member.size = len(script.encode())
        members.addfile(member, io.BytesIO(script.encode()))
    return gzip.compress(data.getvalue(), mtime=0)


def rows() -> bytes:
    """People, and whether they left."""
    chance = random.Random(7)
    lines = []
    for _ in range(120):
        used, paid = chance.random(), chance.random()
        lines.append(f"{int(used + chance.random() / 4 < 0.6)},{used:.4f},{paid:.4f}")
    return "\n".join(lines).encode() + b"\n"


def asked(data: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """What a command prints about a data folder."""
    command = [sys.executable, "-m", "stepwell.cli.main", str(words[0]), "--data", str(data), *map(str, words[1:])]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    environment["STEPWELL_ENVIRONMENTS"] = str(Path("~/.cache/stepwell-tests/environments").expanduser())
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def place(uri: str, path: str) -> dict[str, str]:
    return {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}


def definition(name: str, image: str, hyperparameters: dict[str, str], variables: dict[str, str]) -> dict[str, Any]:
    """Prepare, train, register."""
    folder = "/opt/ml/processing"
    train = {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    prepare = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {
            "ImageUri": "python:3.11",
            "ContainerEntrypoint": ["python3", f"{folder}/code/prepare.py"],
        },
        "ProcessingInputs": [
            {"InputName": "raw", "S3Input": place(f"s3://{BUCKET}/{name}/raw", f"{folder}/raw")},
            {"InputName": "code", "S3Input": place(f"s3://{BUCKET}/code/prepare.py", f"{folder}/code")},
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "train",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/{name}/train",
                        "LocalPath": f"{folder}/train",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "RoleArn": ROLE,
    }
    learn = {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": hyperparameters,
        "Environment": variables,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": train}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": cluster,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "RoleArn": ROLE,
    }
    register = {
        "ModelPackageGroupName": name,
        "InferenceSpecification": {
            "Containers": [{"Image": image, "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "ModelApprovalStatus": "Approved",
    }
    steps = (("Prepare", "Processing", prepare), ("Train", "Training", learn), ("Add", "RegisterModel", register))
    return {
        "Version": "2020-12-01",
        "Steps": [{"Name": step, "Type": kind, "Arguments": given} for step, kind, given in steps],
    }


def trained(
    server: Server,
    name: str,
    image: str,
    script: str = "",
    variables: dict[str, str] | None = None,
    **hyperparameters: str,
) -> str:
    """A package that a pipeline has registered: its name for the command line."""
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"{name}/raw/rows.csv", Body=rows())
    s3.put_object(Bucket=BUCKET, Key="code/prepare.py", Body=PREPARE)
    if script:
        s3.put_object(Bucket=BUCKET, Key=f"code/{name}.tar.gz", Body=archive(script))
        where = f"s3://{BUCKET}/code/{name}.tar.gz"
        hyperparameters |= {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(where)}
    text = json.dumps(definition(name, image, hyperparameters, variables or {}))
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=ROLE)
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    ended = ended_execution(sagemaker, arn)
    assert ended["PipelineExecutionStatus"] == "Succeeded", ended
    return f"{name}/1"


def learnt(server: Server, name: str, noise: str, **hyperparameters: str) -> str:
    """A training job that was no step of a pipeline: its name."""
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"{name}/train.csv", Body=rows())
    s3.put_object(Bucket=BUCKET, Key=f"code/{name}.tar.gz", Body=archive(PLAIN.replace("NOISE", noise)))
    where = f"s3://{BUCKET}/code/{name}.tar.gz"
    hyperparameters |= {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(where)}
    request = definition(name, SKLEARN, hyperparameters, {})["Steps"][1]["Arguments"]
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = f"s3://{BUCKET}/{name}"
    run = f"{name}-run"
    sagemaker.create_experiment(ExperimentName=name)
    sagemaker.create_trial(TrialName=name, ExperimentName=name)
    sagemaker.create_trial_component(TrialComponentName=run)
    request["ExperimentConfig"] = {"ExperimentName": name, "TrialName": name, "RunName": run}
    sagemaker.create_training_job(TrainingJobName=name, **request)

    def ended() -> Any:
        found = sagemaker.describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] in FINAL else None

    described = eventually(ended)
    assert described["TrainingJobStatus"] == "Completed", described
    return name


def told(data: Path, *words: object) -> tuple[int, dict[str, Any]]:
    """The exit code and the report."""
    answer = asked(data, "reproduce", *words, "--json")
    assert answer.stdout, answer.stderr
    return answer.returncode, json.loads(answer.stdout)


def test_a_scikit_learn_model_is_made_again_here_and_elsewhere(server: Server, tmp_path: Path) -> None:
    name = "reproduce-sklearn"
    package = trained(server, name, SKLEARN, LEARN, {"API_TOKEN": "hush"}, seed="3")
    code, report = told(server.data, package, "--whole-pipeline", "--audit", "2")
    assert (code, report["verdict"]) == (0, "identical"), report
    assert [(job["kind"], job["is_deterministic"]) for job in report["jobs"]] == [
        ("processing-job", True),
        ("training-job", True),
    ]
    assert [len(job["seconds"]) for job in report["jobs"]] == [2, 2]

    # what was overwritten since does no harm: the bytes are known by their hash
    server.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/raw/rows.csv", Body=b"0,1,1\n1,0,0\n")
    page = asked(server.data, "reproduce", package)
    assert page.returncode == 0, page.stdout + page.stderr
    assert "seeds       seed=3\n" in page.stdout
    assert f"Identical: model package {package} was made again from what was noted." in page.stdout
    assert not list(server.data.glob("stepwell-reproduction-*"))

    bundle = tmp_path / "bundle.zip"
    said = asked(server.data, "export", package, bundle)
    assert said.returncode == 0, said.stderr
    assert "withheld: Environment.API_TOKEN of " in said.stdout
    for secret in (b"hush", server.address["secret_access_key"].encode()):
        assert secret not in bundle.read_bytes()
    code, report = told(tmp_path / "nothing", bundle, "--whole-pipeline")
    assert (code, report["verdict"], len(report["jobs"])) == (0, "identical", 2), report
    assert not (tmp_path / "nothing").exists()

    elsewhere = tmp_path / "elsewhere"
    imported = asked(elsewhere, "import", bundle)
    assert imported.returncode == 0, imported.stderr
    code, report = told(elsewhere, package)
    assert (code, report["verdict"]) == (0, "identical"), report
    look_at_what_was_imported(elsewhere, name, server)


def look_at_what_was_imported(data: Path, name: str, origin: Server) -> None:
    """Through the API, as if it had run there."""
    other = Server(data).start()
    try:
        sagemaker = other.client("sagemaker")
        (package,) = sagemaker.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]
        described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
        uri = described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        model = other.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        assert model == origin.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        (job,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
        arn = job["TrainingJobArn"]
        theirs = origin.client("sagemaker").describe_training_job(TrainingJobName=job["TrainingJobName"])
        ours = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
        assert (ours["TrainingEndTime"], ours["HyperParameters"]) == (
            theirs["TrainingEndTime"],
            theirs["HyperParameters"],
        )
        tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
        assert tags["stepwell:imported-from"] == "bundle.zip"
        group = sagemaker.create_model_package(
            ModelPackageGroupName=name, InferenceSpecification=described["InferenceSpecification"]
        )
        assert group["ModelPackageArn"].endswith(f"{name}/2"), "the next version follows the imported one"
    finally:
        other.stop()


def test_an_xgboost_model_is_made_again(server: Server) -> None:
    package = trained(
        server, "reproduce-xgboost", XGBOOST, num_round="5", objective="binary:logistic", subsample="0.8", seed="11"
    )
    code, report = told(server.data, package, "--audit", "2")
    assert (code, report["verdict"]) == (0, "identical"), report
    (job,) = report["jobs"]
    assert job["is_deterministic"] is True


@pytest.mark.parametrize(
    ("case", "noise", "given", "cause"),
    [
        ("random", "os.urandom(4)", {}, "missing seed"),
        ("threads", "os.urandom(4)", {"random_state": "1"}, "nondeterminism"),
        ("clock", 'f"{time.time():.6f}".encode()', {}, "time"),
    ],
)
def test_what_differs_is_named_with_its_cause(
    server: Server, case: str, noise: str, given: dict[str, str], cause: str
) -> None:
    job_name = learnt(server, f"reproduce-{case}", noise, **given)
    code, report = told(server.data, job_name, "--audit", "2")
    assert (code, report["verdict"]) == (1, "differs"), report
    (job,) = report["jobs"]
    (model,) = job["objects"]
    assert [(each["member"], each["what"]) for each in model["differences"]] == [("inner/noise.bin", "bytes")]
    assert (model["members"], model["cause"]["name"]) == (2, cause)
    assert (job["is_deterministic"], model["varying"]) == (False, ["inner/noise.bin"])


def test_data_that_is_gone_is_named(server: Server, tmp_path: Path) -> None:
    name = "reproduce-gone"
    learnt(server, name, "b'only here'")
    assert told(server.data, name, "--dry-run")[1]["gone"] == []
    key = f"code/{name}.tar.gz"
    server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"another")
    lost = hashlib.sha256(archive(PLAIN.replace("NOISE", "b'only here'"))).hexdigest()
    path = server.data / "blobs" / lost[:2] / lost[2:]
    kept = path.read_bytes()
    path.unlink()
    try:
        code, report = told(server.data, name)
        assert (code, report["verdict"], report["jobs"]) == (1, "data gone", [])
        (gone,) = report["gone"]
        assert (gone["blob"], gone["uri"], gone["size"]) == (lost, f"s3://{BUCKET}/{key}", len(kept))
        page = asked(server.data, "reproduce", name).stdout
        assert lost in page
        assert "other bytes lie there now" in page
        assert asked(server.data, "export", name, tmp_path / "no.zip").returncode == 1
        assert not (tmp_path / "no.zip").exists()
    finally:
        path.write_bytes(kept)


def test_what_cannot_be_asked(server: Server, tmp_path: Path) -> None:
    server.client("s3").create_bucket(Bucket=BUCKET)
    server.client("s3").put_object(Bucket=BUCKET, Key="loose", Body=b"x")
    for words, said in (
        (("nothing-of-this-name",), "There is no model package, training job or processing job"),
        ((f"s3://{BUCKET}/loose",), "is there, but no job that this server remembers has made it"),
        (("arn:aws:sagemaker:us-east-1:123456789012:pipeline/x",), "is the ARN of a pipeline"),
        ((tmp_path / "no.zip",), "there is no bundle"),
        (("x", "--audit", "0"), "is not a number of runs"),
    ):
        answer = asked(server.data, "reproduce", *words)
        assert (answer.returncode, answer.stdout) == (2, ""), answer
        assert said in answer.stderr
