"""The SDK's own algorithm estimators and PyTorch run as they stand, and every image that the SDK can name is known.

What the SDK writes (RecordIO with its protobuf class, manifests, JSON-encoded hyperparameters) is read by programs
that have none of its code.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from served import ROLE, Server, eventually
from stepwell.cli import connection, demo_client
from stepwell.images import catalog
from stepwell.images.catalog import Catalog, UnknownImage
from stepwell.images.environments import BuildFailed, Environments

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

CACHE = Path("~/.cache/stepwell-tests/environments").expanduser()


@pytest.fixture(scope="module")
def client() -> Path:
    """The Python of a client environment with SageMaker SDK 2."""
    return demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")


def run(server: Server, client: Path, script: str, *arguments: str) -> Any:
    """What a user's script prints last, as JSON."""
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    environment = {**own, **connection.variables(server.data, reached, own)}
    command = [str(client), "-W", "ignore", "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return json.loads(done.stdout.splitlines()[-1])


URIS = """
import functools, importlib, json, pathlib, sys
uris = importlib.import_module(sys.argv[1])
for module in vars(uris).values():  # botocore's endpoints are read anew for every image: a tenth of a second each
    if hasattr(module, "_botocore_resolver"):
        module._botocore_resolver = functools.cache(module._botocore_resolver)
folder = pathlib.Path(uris.__file__).with_name("image_uri_config")
found = {}
for name in sys.argv[2:]:
    config = json.loads((folder / f"{name}.json").read_text())
    scopes = [each for each in ("training", "inference", "processing") if each in config] or [None]
    for scope in scopes:
        part = config.get(scope, config)
        for number, (version, entry) in enumerate(sorted(part["versions"].items())):
            bases = [key for key, each in entry.items() if isinstance(each, dict) and "repository" in each] or [None]
            node = entry[bases[0]] if bases[0] else entry
            pythons = node.get("py_versions") or part.get("py_versions") or [None]
            asked = dict(
                version=version, image_scope=scope or (config.get("scope") or [None])[0], py_version=pythons[-1],
                instance_type="ml.g5.xlarge" if bases[0] else "ml.m5.xlarge", base_framework_version=bases[0],
            )
            asked = {key: value for key, value in asked.items() if value is not None}
            # Every version, and every region of the first one: what a tag means does not depend on the region.
            for region in sorted(node["registries"]) if number == 0 else ["us-east-1", "eu-west-1"]:
                try:
                    uri = uris.retrieve(name, region, **asked)
                except (KeyError, ValueError):  # combinations that the SDK's tables do not have
                    continue
                found.setdefault(name, []).append(uri)
for version in ("38", "310"):
    config = json.loads((folder / "sagemaker-base-python.json").read_text())
    for region in config["versions"]["1.0"]["registries"]:
        uri = uris.get_base_python_image_uri(region, py_version=version)
        found.setdefault("sagemaker-base-python", []).append(uri)
print(json.dumps(found))
"""
FRAMEWORKS = {
    "sklearn": {"script-mode"},
    "xgboost": {"xgboost"},
    "pytorch": {"pytorch"},
    "tensorflow": {"tensorflow"},
    "huggingface": {"pytorch"},
    "linear-learner": {"linear-learner"},
    "kmeans": {"kmeans"},
    "pca": {"pca"},
    "randomcutforest": {"randomcutforest"},
    "knn": {"knn"},
    "sagemaker-base-python": {"python"},
    "sagemaker-distribution": {"python"},
    "spark": set(),
    "clarify": set(),
    "data-wrangler": set(),
}
"""Framework of `image_uris.retrieve` -> the entries its images have here; none: refused with a reason."""


def entry_of(known: Catalog, uri: str) -> str:
    """What runs for `uri`; empty when it is known and cannot be had."""
    try:
        return known.resolve(uri).entry
    except UnknownImage as refused:
        assert "cannot be had here" in str(refused), refused
        return ""


def test_every_image_the_sdk_retrieves_is_known_in_every_region(server: Server, client: Path) -> None:
    known = catalog.load(None)
    found: dict[str, list[str]] = run(server, client, URIS, "sagemaker.image_uris", *FRAMEWORKS)
    assert set(found) == set(FRAMEWORKS)
    for name, uris in found.items():
        assert len(uris) >= 20, name
        assert {entry_of(known, uri) for uri in uris} - {""} == FRAMEWORKS[name], name


ESTIMATORS = """
import json, sys, numpy as np, sagemaker
from sagemaker import KMeans, PCA, KNN, LinearLearner, RandomCutForest
session = sagemaker.Session()
common = dict(role=sys.argv[1], instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
dice = np.random.RandomState(3)
rows = dice.normal(size=(120, 4)).astype("float32")
rows[:60] += 8
labels = (np.arange(120) < 60).astype("float32")
told = {}
def fit(name, estimator, *channels, **options):
    estimator.fit(list(channels) if len(channels) > 1 else channels[0], wait=False, **options)
    told[name] = (estimator, estimator.latest_training_job.name)
kmeans = KMeans(k=2, eval_metrics=None, **common)
fit("kmeans", kmeans, kmeans.record_set(rows))
pca = PCA(num_components=2, **common)
fit("pca", pca, pca.record_set(rows), mini_batch_size=50)
knn = KNN(k=3, sample_size=120, predictor_type="classifier", **common)
test = knn.record_set(rows[::4], labels[::4], channel="test", distribution="FullyReplicated")
fit("knn", knn, knn.record_set(rows, labels), test)
linear = LinearLearner(predictor_type="binary_classifier", **common)
fit("linear-learner", linear, linear.record_set(rows, labels), mini_batch_size=40)
forest = RandomCutForest(num_trees=50, num_samples_per_tree=30, **common)
fit("randomcutforest", forest, forest.record_set(rows))
answers = {}
for name, (estimator, job) in told.items():
    estimator.latest_training_job.wait(logs="None")
    described = session.sagemaker_client.describe_training_job(TrainingJobName=job)
    answers[name] = [described["TrainingJobStatus"], described["ModelArtifacts"]["S3ModelArtifacts"], job]
print()
print(json.dumps(answers))
"""


def log_of(server: Server, job: str) -> str:
    logs = server.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    return "\n".join(event["message"] for event in events["events"])


def test_the_sdks_estimators_train_on_its_own_records(server: Server, client: Path) -> None:
    answers = run(server, client, ESTIMATORS, ROLE)
    assert {name: status for name, (status, *_) in answers.items()} == dict.fromkeys(answers, "Completed")
    assert all(artifacts.endswith("/output/model.tar.gz") for _, artifacts, _ in answers.values())
    assert "#quality_metric: host=algo-1, test accuracy <score>=1.0" in log_of(server, answers["knn"][2])
    assert "train binary_classification_accuracy <score>=1.0" in log_of(server, answers["linear-learner"][2])
    assert "Stepwell's own k-means runs, with a model format of its own." in log_of(server, answers["kmeans"][2])


def training_job(name: str, image: str, **hyperparameters: str) -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": "s3://algorithms-in/train",
        "S3DataDistributionType": "FullyReplicated",
    }
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}, "ContentType": "text/csv;label_size=0"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [channel],
        "OutputDataConfig": {"S3OutputPath": "s3://algorithms-in/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 120},
        "HyperParameters": hyperparameters,
    }


@pytest.mark.parametrize(
    ("name", "image", "hyperparameters", "reason"),
    [
        (
            "without-k",
            "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
            {"feature_dim": "2"},
            "ClientError: No value(s) were specified for 'k' which are required hyperparameter(s) (caused by",
        ),
        (
            "wrong-k",
            "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
            {"feature_dim": "2", "k": "none"},
            "The value 'none' is not valid for the 'k' hyperparameter",
        ),
        (
            "spark",
            "173754725891.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3.3-cpu-py39-v1.0",
            {},
            "Apache Spark and a Java virtual machine are missing.",
        ),
        ("somebody-elses", "111122223333.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", {}, "no environment is known"),
    ],
)
def test_what_cannot_be_done_is_told_in_the_failure_reason(
    server: Server, name: str, image: str, hyperparameters: dict[str, str], reason: str
) -> None:
    storage, sagemaker = server.client("s3"), server.client("sagemaker")
    storage.create_bucket(Bucket="algorithms-in")
    storage.put_object(Bucket="algorithms-in", Key="train/a.csv", Body=b"1,2\n3,4\n")
    sagemaker.create_training_job(**training_job(name, image, **hyperparameters))

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] == "Failed" else None

    assert reason in eventually(ended, 120)["FailureReason"]


PYTORCH = """
import json, pathlib, sys, sagemaker
from sagemaker.pytorch import PyTorch
folder = pathlib.Path(sys.argv[2])
(folder / "train.py").write_text('''
import argparse, os, torch, torch.distributed as dist, iniconfig
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
epochs = parser.parse_args().epochs
dist.init_process_group("gloo")
torch.save({"epochs": epochs}, os.path.join(os.environ["SM_MODEL_DIR"], "model.pt"))
print("WORLD", dist.get_world_size(), os.environ["RANK"], epochs, flush=True)
''')
(folder / "requirements.txt").write_text(sys.argv[3] + "\\n")
session = sagemaker.Session()
estimator = PyTorch(
    "train.py", source_dir=str(folder), role=sys.argv[1], framework_version="2.3", py_version="py311",
    instance_count=1, instance_type="ml.m5.large", sagemaker_session=session,
    # What `distribution={"torch_distributed": {"enabled": True}}` comes to; the SDK refuses that without GPUs.
    hyperparameters={"epochs": 3, "sagemaker_torch_distributed_enabled": True},
    environment={"GLOO_SOCKET_IFNAME": "lo"},
)
try:
    estimator.fit(logs="None")
except Exception:
    pass
job = estimator.latest_training_job.name
described = session.sagemaker_client.describe_training_job(TrainingJobName=job)
tags = session.sagemaker_client.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
print()
print(json.dumps([job, described["TrainingJobStatus"], described.get("FailureReason", ""), tags]))
"""


@pytest.fixture(scope="module")
def torch() -> None:
    """Skips where torch's build for processors cannot be had."""
    known = catalog.load(None)
    try:
        Environments(CACHE, known.recipes).prepare("pytorch-2.13.0", lambda _: None)
    except BuildFailed as error:
        pytest.skip(f"torch cannot be had on this machine: {error}")


@pytest.mark.usefixtures("torch")
def test_pytorch_by_torchrun_with_requirements(server: Server, client: Path, tmp_path: Path) -> None:
    job, status, reason, tags = run(server, client, PYTORCH, ROLE, str(tmp_path), "iniconfig==2.0.0")
    assert status == "Completed", reason
    log = log_of(server, job)
    assert "WORLD 1 0 3" in log
    substitution = "torch 2.3 is not in the catalogue; this job runs torch 2.13.0+cpu."
    assert substitution in log
    assert {"Key": "stepwell:image-substitution", "Value": substitution} in tags


@pytest.mark.usefixtures("torch")
def test_requirements_that_do_not_resolve_are_named(server: Server, client: Path, tmp_path: Path) -> None:
    job, status, reason, _ = run(server, client, PYTORCH, ROLE, str(tmp_path), "iniconfig==0.0.0.1")
    assert status == "Failed"
    assert reason.startswith("AlgorithmError: InstallRequirementsError:\nExitCode 1\n")
    assert "iniconfig==0.0.0.1" in reason
    assert "No matching distribution found for iniconfig==0.0.0.1" in log_of(server, job)


NOTEBOOK = """
import json, pathlib, sys, sagemaker
from sagemaker.workflow.notebook_job_step import NotebookJobStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
folder = pathlib.Path(sys.argv[2])
def cell(source, *tags):
    return dict(cell_type="code", execution_count=None, metadata={"tags": tags}, outputs=[], source=source)
cells = [cell("who = 'nobody'", "parameters"), cell("import pandas; print('hello', who)")]
notebook = folder / "hello.ipynb"
notebook.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=4)))
session = PipelineSession()
step = NotebookJobStep(
    name="Hello", input_notebook=str(notebook), kernel_name="python3", role=sys.argv[1], instance_type="ml.m5.large",
    image_uri="885854791233.dkr.ecr.us-east-1.amazonaws.com/sagemaker-distribution-prod:3.2.0-cpu",
    parameters={"who": "amazon"},
)
pipeline = Pipeline("notebooks", steps=[step], sagemaker_session=session)
pipeline.upsert(sys.argv[1])
execution = pipeline.start()
execution.wait(delay=1, max_attempts=120)
(job,) = execution.list_steps()
described = session.sagemaker_client.describe_training_job(
    TrainingJobName=job["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
)
print()
print(json.dumps([described["OutputDataConfig"]["S3OutputPath"], described["TrainingJobName"]]))
"""


def test_a_notebook_job_step_leaves_the_executed_notebook(server: Server, client: Path, tmp_path: Path) -> None:
    place, job = run(server, client, NOTEBOOK, ROLE, str(tmp_path))
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    body = server.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/{job}/output/output.tar.gz")["Body"]
    with tarfile.open(fileobj=io.BytesIO(body.read())) as archive:
        (member,) = [each for each in archive if each.name.endswith(".ipynb") and each.name != "hello.ipynb"]
        content = archive.extractfile(member)
        assert content
        assert "hello amazon" in content.read().decode()
