"""What jobs may be given and may do: each ends in a clear FailureReason or as if nothing had been, and the server
goes on. Memory, missing images and data are in test_contract_bad_input.py, packages that do not resolve in
test_contract_algorithms.py, tuning jobs whose training jobs all fail in test_contract_tuning.py.
"""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from served import FINAL, ROLE, Server, eventually

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

IMAGE = "python:3.11"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "bad-input-jobs"
CLUSTER = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    client = server.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def sagemaker(server: Server, s3: Any) -> Any:
    return server.client("sagemaker")


@pytest.fixture(autouse=True)
def server_goes_on(server: Server, s3: Any) -> Any:
    """After every test a new client is answered and nothing of its jobs runs any more."""
    yield
    assert server.process is not None and server.process.poll() is None
    assert server.client("sagemaker").list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"] == []


def process(sagemaker: Any, name: str, script: str, **members: Any) -> dict[str, Any]:
    """Run a shell script as a processing job; its description at the end."""
    command = ["/bin/sh", "-c", script]
    sagemaker.create_processing_job(
        **{
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "ProcessingResources": {"ClusterConfig": CLUSTER},
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": command},
            **members,
        }
    )
    return ended(sagemaker, "processing", name)


def train(sagemaker: Any, name: str, **members: Any) -> dict[str, Any]:
    """Run a training job; its description at the end."""
    sagemaker.create_training_job(
        **{
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": CLUSTER,
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **members,
        }
    )
    return ended(sagemaker, "training", name)


def ended(sagemaker: Any, kind: str, name: str) -> dict[str, Any]:
    word = kind.capitalize()

    def look() -> Any:
        found = getattr(sagemaker, f"describe_{kind}_job")(**{f"{word}JobName": name})
        return found if found[f"{word}JobStatus"] in FINAL else None

    return dict(eventually(look))


def channel(key: str, content_type: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{key}"}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, "ContentType": content_type}


def output(local: str, key: str) -> dict[str, Any]:
    place = {"S3Uri": f"s3://{BUCKET}/{key}", "LocalPath": local, "S3UploadMode": "EndOfJob"}
    return {"Outputs": [{"OutputName": "out", "S3Output": place}]}


def nothing_below(s3: Any, prefix: str) -> bool:
    return bool(s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 0)


GOOD = {"objective": "binary:logistic", "num_round": "2"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_round": None}, "Missing required hyperparameter: num_round"),
        ({"num_round": "two"}, "Hyperparameter num_round: could not parse value"),
        ({"num_round": "0"}, "Hyperparameter num_round: 0 is not in"),
        ({"max_depht": "3"}, "Extraneous hyperparameter found: max_depht"),
        ({"objective": "multi:softmax"}, "Require input for parameter 'num_class' for multi-classification"),
        ({"objective": "guess"}, "Hyperparameter objective"),
    ],
)
def test_hyperparameters_in_the_algorithms_own_words(
    s3: Any, sagemaker: Any, request: Any, changes: dict[str, str | None], told: str
) -> None:
    s3.put_object(Bucket=BUCKET, Key="good/a.csv", Body=b"1,2\n0,3\n")
    name = f"hyperparameters-{request.node.callspec.indices['changes']}"
    texts = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    found = train(sagemaker, name, HyperParameters=texts, InputDataConfig=[channel("good/", "text/csv")])
    assert found["TrainingJobStatus"] == "Failed"
    assert told in found["FailureReason"]
    assert nothing_below(s3, f"models/{name}")


@pytest.mark.parametrize(
    ("content_type", "data", "told"),
    [
        ("text/csv", b"label,feature\n1,2\n", "Please remove the header row."),
        ("text/csv", b"1,2\n1,2,3\n", "has 3 fields"),
        ("text/csv", b"\x80\x81\xff\xfe\x00" * 50, "a.data"),
        ("text/libsvm", b"1 one:two\n", "is not 'LIBSVM' format"),
        ("application/x-recordio-protobuf", b"no record", "recordio-protobuf"),
        ("application/x-parquet", b"PAR1 it is not", "parquet"),
        ("text/plain", b"1,2\n", "text/plain is not an accepted ContentType"),
    ],
)
def test_data_that_cannot_be_read_is_named(
    s3: Any, sagemaker: Any, request: Any, content_type: str, data: bytes, told: str
) -> None:
    number = request.node.callspec.indices["data"]
    s3.put_object(Bucket=BUCKET, Key=f"bad-{number}/a.data", Body=data)
    channels = [channel(f"bad-{number}/", content_type)]
    found = train(sagemaker, f"data-{number}", HyperParameters=GOOD, InputDataConfig=channels)
    assert found["TrainingJobStatus"] == "Failed"
    assert told in found["FailureReason"]
    assert "Traceback" not in found["FailureReason"]


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([member("../../../../tmp/escaped")], "escaped"),
        ([member("/tmp/escaped")], "escaped"),
        ([member("link", tarfile.SYMTYPE, "/tmp"), member("link/escaped")], "link"),
        ([member("hard", tarfile.LNKTYPE, "/etc/passwd")], "hard"),
        ([member("device", tarfile.CHRTYPE)], "device"),
        ([member("pipe", tarfile.FIFOTYPE)], "pipe"),
    ],
)
def test_source_archives_hold_files_only(
    s3: Any, sagemaker: Any, request: Any, entries: list[tarfile.TarInfo], told: str
) -> None:
    number = request.node.callspec.indices["entries"]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for entry in (member("train.py"), *entries):
            archive.addfile(entry, io.BytesIO())
    found = _run_source(s3, sagemaker, f"archive-{number}", packed.getvalue())
    assert found["TrainingJobStatus"] == "Failed"
    assert told in found["FailureReason"]


@pytest.mark.parametrize("packed", [b"", b"no archive", b"\x1f\x8b\x08\x00 damaged"])
def test_what_is_no_archive_is_told_so(s3: Any, sagemaker: Any, request: Any, packed: bytes) -> None:
    found = _run_source(s3, sagemaker, f"no-archive-{request.node.callspec.indices['packed']}", packed)
    assert found["TrainingJobStatus"] == "Failed"
    assert "is not a readable tar archive" in found["FailureReason"]


def _run_source(s3: Any, sagemaker: Any, name: str, packed: bytes) -> dict[str, Any]:
    s3.put_object(Bucket=BUCKET, Key=f"code/{name}/bad.tar.gz", Body=packed)
    hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"s3://{BUCKET}/code/{name}/bad.tar.gz"',
    }
    return train(sagemaker, name, HyperParameters=hyperparameters)


def test_a_failure_file_that_is_no_text(sagemaker: Any) -> None:
    """Nor short: what can be read of its beginning is shown."""
    left = r"printf 'caf\351 ' > /opt/ml/output/failure; head -c 5000000 /dev/urandom >> /opt/ml/output/failure"
    command = ["/bin/sh", "-c", f"{left}; exit 1"]
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": command}
    found = train(sagemaker, "no-text", AlgorithmSpecification=algorithm)
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("AlgorithmError: caf\ufffd ")
    assert len(found["FailureReason"]) <= 1024


def test_processes_without_end_are_bounded(server: Server, sagemaker: Any) -> None:
    """The limit stops them, and the end of the job ends them all."""
    found = process(sagemaker, "fork-bomb", "while :; do sleep 600 & done")
    assert found["ProcessingJobStatus"] == "Failed"
    logs, group = server.client("logs"), "/aws/sagemaker/ProcessingJobs"
    events = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="fork-bomb/")["events"]
    assert "Cannot fork" in events[-1]["message"]


def test_much_log_is_kept_up_to_its_bound(server: Server, sagemaker: Any) -> None:
    """A hundred megabytes without a newline, and as much in short lines; both are read again in pages."""
    script = "head -c 50000000 /dev/zero | tr '\\0' x; echo; yes 0123456789 | head -n 2000000; echo the end"
    found = process(sagemaker, "much-log", script)
    assert found["ProcessingJobStatus"] == "Completed", found.get("FailureReason")
    logs, group = server.client("logs"), "/aws/sagemaker/ProcessingJobs"
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="much-log/")["logStreams"][0]
    where = {"logGroupName": group, "logStreamName": stream["logStreamName"]}
    assert logs.get_log_events(**where, limit=5)["events"][-1]["message"] == "the end"


def test_many_small_files_are_all_uploaded(server: Server, s3: Any, sagemaker: Any) -> None:
    count = 2_000
    make = f"cd /opt/ml/processing/out && i=0; while [ $i -lt {count} ]; do echo $i > $i; i=$((i+1)); done"
    found = process(sagemaker, "many-files", make, ProcessingOutputConfig=output("/opt/ml/processing/out", "many"))
    assert found["ProcessingJobStatus"] == "Completed", found.get("FailureReason")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="many/")
    assert sum(page["KeyCount"] for page in pages) == count


def test_names_that_are_no_keys_fail_the_job_by_name(s3: Any, sagemaker: Any) -> None:
    make = r"""cd /opt/ml/processing/out && touch "$(printf 'bad-\377')" """
    found = process(sagemaker, "bad-names", make, ProcessingOutputConfig=output("/opt/ml/processing/out", "names"))
    assert found["ProcessingJobStatus"] == "Failed"
    assert "is not UTF-8" in found["FailureReason"]
    assert nothing_below(s3, "names/")


def test_services_that_are_not_here_are_named(sagemaker: Any) -> None:
    query = {
        "Catalog": "AwsDataCatalog",
        "Database": "d",
        "QueryString": "SELECT 1",
        "OutputS3Uri": f"s3://{BUCKET}/query",
        "OutputFormat": "PARQUET",
    }
    definition = {"LocalPath": "/opt/ml/processing/query", "AthenaDatasetDefinition": query}
    inputs = [{"InputName": "query", "DatasetDefinition": definition}]
    found = process(sagemaker, "athena", "true", ProcessingInputs=inputs)
    assert found["ProcessingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith('ClientError: Input "query" is the result of a query that Amazon Athena')


def test_processing_in_pipe_mode(s3: Any, sagemaker: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="streamed/a", Body=b"one ")
    s3.put_object(Bucket=BUCKET, Key="streamed/b", Body=b"two")
    place = {
        "S3Uri": f"s3://{BUCKET}/streamed/",
        "LocalPath": "/opt/ml/processing/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "Pipe",
    }
    script = "cd /opt/ml/processing; cat in_0 > out/a; cat in_1 >> out/a"
    found = process(
        sagemaker,
        "streamed",
        script,
        ProcessingInputs=[{"InputName": "in", "S3Input": place}],
        ProcessingOutputConfig=output("/opt/ml/processing/out", "streamed-out"),
    )
    assert found["ProcessingJobStatus"] == "Completed", found.get("FailureReason")
    assert s3.get_object(Bucket=BUCKET, Key="streamed-out/a")["Body"].read() == b"one twoone two"


def test_a_container_that_does_not_listen_is_killed(sagemaker: Any) -> None:
    """After the grace of its kind, 30 s."""
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    sagemaker.create_processing_job(
        ProcessingJobName="deaf",
        RoleArn=ROLE,
        ProcessingResources={"ClusterConfig": CLUSTER},
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["/bin/sh", "-c", script]},
    )
    sagemaker.stop_processing_job(ProcessingJobName="deaf")
    assert ended(sagemaker, "processing", "deaf")["ProcessingJobStatus"] == "Stopped"


def tuning(low: str, high: str, **changes: Any) -> dict[str, Any]:
    ranges = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": low, "MaxValue": high}]}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": GOOD,
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "InputDataConfig": [channel("good/", "text/csv")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": CLUSTER,
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
        **changes,
    }


def test_reversed_ranges_are_refused_and_leave_nothing(sagemaker: Any) -> None:
    with pytest.raises(ClientError) as refused:
        sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName="reversed", **tuning("0.9", "0.1"))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert "is reversed: MinValue [0.9] is greater than MaxValue [0.1]" in refused.value.response["Error"]["Message"]
    with pytest.raises(ClientError):
        sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="reversed")


def test_an_objective_that_is_never_printed_fails_the_tuning(s3: Any, sagemaker: Any) -> None:
    """Its training jobs complete: there is only no validation data, and so no validation:auc."""
    s3.put_object(Bucket=BUCKET, Key="good/a.csv", Body=b"1,2\n0,3\n")
    sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName="silent", **tuning("0.1", "0.9"))

    def look() -> Any:
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="silent")
        return job if job["HyperParameterTuningJobStatus"] in FINAL else None

    found = eventually(look)
    assert found["HyperParameterTuningJobStatus"] == "Failed"
    assert "No objective metrics found" in found["FailureReason"]
