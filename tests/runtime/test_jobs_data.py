"""Data in and out of jobs for real: streamed channels, groups of hosts, and what survives the server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from job_installation import PATIENCE_SECONDS, ROLE, Installation

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.container import training
from stepwell.runtime import job_start, job_worlds
from stepwell.runtime.job_containers import Retention
from stepwell.runtime.job_folders import JobFolder, folder
from stepwell.runtime.job_sync import JobSync, upload_changes
from stepwell.store import running_jobs


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("data"))
    yield installation
    installation.stop()
    installation.database.close()


def a_channel(name: str, **source: object) -> Document:
    shown = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in", **source}
    return {"ChannelName": name, "DataSource": {"S3DataSource": shown}}


def let_go(here: Installation, arn: str) -> None:
    (folder(here.site.data, arn, 1).opt_ml("algo-1") / "go").touch()


GO = "while [ ! -e /opt/ml/go ]; do sleep 0.02; done"


def sync(here: Installation) -> JobSync:
    """The uploads of a server that has just begun."""
    return JobSync(here.site, here.machine._tools)


def put_events(here: Installation, prefix: str) -> dict[str, float]:
    found = here.call("s3", "ListObjectsV2", Bucket="data", Prefix=prefix)
    return {each["Key"].removeprefix(prefix): each["LastModified"] for each in found.get("Contents", [])}


def test_a_streamed_channel_outlives_the_server(here: Installation) -> None:
    data = "/opt/ml/input/data"
    script = (
        f"cat {data}/train_0; echo half; while [ ! -e {data}/train_1 ]; do sleep 0.02; done; "
        f"{GO}; cat {data}/train_1; echo; ls {data}"
    )
    channel = {**a_channel("train"), "InputMode": "Pipe"}
    arn = here.train("streamed", script, InputDataConfig=[channel])
    here.wait_for_log("streamed", "Training", "half")
    here.stop()
    here.start()
    let_go(here, arn)
    assert here.trained("streamed")["TrainingJobStatus"] == "Completed"
    said = [line for line in here.log("streamed", "Training") if line]
    assert said[-6:] == ["1,2", "3,4", "half", "1,2", "3,4", "train_2"]


def test_channels_go_to_their_groups(here: Installation) -> None:
    groups = [
        {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": name} for name in ("lead", "rest")
    ]
    here.train(
        "grouped",
        "ls /opt/ml/input/data > /opt/ml/output/data/$(hostname)",
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1},
        InputDataConfig=[a_channel("all"), a_channel("some", InstanceGroupNames=["rest"])],
        OutputDataConfig={"S3OutputPath": "s3://data/models", "CompressionType": "NONE"},
    )
    assert here.trained("grouped")["TrainingJobStatus"] == "Completed"
    shown = {host: here.get(f"models/grouped/output/output/{host}") for host in ("algo-1", "algo-2")}
    assert shown == {"algo-1": b"all\n", "algo-2": b"all\nsome\n"}


def test_checkpoints_are_restored_and_taken_while_the_job_runs(here: Installation) -> None:
    here.put("points/old", b"from before")
    script = (
        "cd /opt/ml/checkpoints; cat old; echo; mkdir sub; echo 1 > sub/new; ln -s /etc/passwd link; echo ready; "
        f"{GO}; echo 2 > sub/new; echo 3 > last; exit 1"
    )
    before = put_events(here, "points")
    arn = here.train("saves", script, CheckpointConfig={"S3Uri": "s3://data/points"})
    here.wait_for_log("saves", "Training", "ready")
    uploads = sync(here)
    uploads.look()
    assert here.keys("points") == ["/old", "/sub/new"]
    assert here.get("points/sub/new") == b"1\n"
    first = put_events(here, "points")
    assert first["/old"] == before["/old"]
    uploads.look()
    sync(here).look()
    assert put_events(here, "points") == first
    (known,) = (job for _stamp, job in uploads._jobs.values() if job is not None)
    let_go(here, arn)
    assert here.trained("saves")["TrainingJobStatus"] == "Failed"
    (known.place.opt_ml("algo-1") / "checkpoints" / "last").write_text("after the end")  # its world is kept
    tools = here.machine._tools
    upload_changes(known, tools.launcher, tools.objects(known.record.scope), lambda: False)
    assert here.get("points/last") == b"3\n"
    assert here.keys("points") == ["/last", "/old", "/sub/new"]
    assert here.get("points/sub/new") == b"2\n"
    assert put_events(here, "points")["/old"] == before["/old"]


def test_a_continuous_output_is_there_before_the_end(here: Installation) -> None:
    target = {"S3Uri": "s3://data/early", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "Continuous"}
    late = {"S3Uri": "s3://data/late", "LocalPath": "/opt/ml/processing/late", "S3UploadMode": "EndOfJob"}
    outputs = [{"OutputName": name, "S3Output": each} for name, each in (("early", target), ("late", late))]
    script = f"cd /opt/ml/processing; echo 1 > out/a; echo 2 > late/b; echo ready; {GO}; echo 3 >> out/a"
    arn = here.process("continuous", script, ProcessingOutputConfig={"Outputs": outputs})
    here.until("continuous", "Processing", lambda job: "ProcessingStartTime" in job)  # it has a log from then on
    here.wait_for_log("continuous", "Processing", "ready")
    sync(here).look()
    assert (here.keys("early"), here.keys("late")) == (["/a"], [])
    let_go(here, arn)
    assert here.processed("continuous")["ProcessingJobStatus"] == "Completed"
    assert (here.get("early/a"), here.get("late/b")) == (b"1\n3\n", b"2\n")


def test_a_bucket_that_is_missing_is_said_at_once(here: Installation) -> None:
    arn = here.train(
        "nowhere",
        f"echo x > /opt/ml/output/tensorboard/a; echo ready; {GO}",
        **{
            "TensorBoardOutputConfig": {"S3OutputPath": "s3://no-such-bucket/x"},
        },
    )
    here.wait_for_log("nowhere", "Training", "ready")
    uploads = sync(here)
    uploads.look()
    told = 'Output "tensorboard" cannot be uploaded yet: NoSuchBucket: The specified bucket does not exist'
    assert told in here.log("nowhere", "Training")
    let_go(here, arn)
    assert "NoSuchBucket" in here.trained("nowhere")["FailureReason"]


HANDSHAKE = """
import json, socket, time
def connected(name):
    while True:
        try:
            return socket.create_connection((name, 29500), timeout=30)
        except ConnectionRefusedError:
            time.sleep(0.02)
config = json.load(open("/opt/ml/input/config/resourceconfig.json"))
mine, names = config["current_host"], config["hosts"]
server = socket.create_server((mine, 29500))
addresses = {name: socket.gethostbyname(name) for name in names}
heard = {mine}
for name in names:
    if name < mine:
        with connected(name) as link:
            link.sendall(mine.encode())
            heard.add(link.recv(100).decode())
    elif name > mine:
        link, peer = server.accept()
        heard.add(link.recv(100).decode())
        link.sendall(mine.encode())
json.dump([sorted(heard), addresses, names], open("/opt/ml/output/data/" + mine, "w"))
"""


def test_hosts_find_each_other_and_listen_on_one_port(here: Installation) -> None:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 3, "VolumeSizeInGB": 1}
    here.put("code/talk.py", HANDSHAKE.encode())
    here.train(
        "talks",
        "python3 /opt/ml/input/data/code/talk.py",
        ResourceConfig=cluster,
        InputDataConfig=[a_channel("code", S3Uri="s3://data/code")],
        OutputDataConfig={"S3OutputPath": "s3://data/models", "CompressionType": "NONE"},
    )
    job = here.trained("talks")
    assert job["TrainingJobStatus"] == "Completed", here.log("talks", "Training")
    hosts = ["algo-1", "algo-2", "algo-3"]
    said = [json.loads(here.get(f"models/talks/output/output/{host}")) for host in hosts]
    assert [heard for heard, _, _ in said] == [hosts] * 3
    assert [names for _, _, names in said] == [hosts] * 3
    addresses = said[0][1]
    assert all(each[1] == addresses for each in said)
    assert len(set(addresses.values())) == 3
    assert all(each.startswith("127.") for each in addresses.values())


def test_what_a_failed_job_left_is_kept_without_secrets(here: Installation) -> None:
    variables = {"PLAIN": "1", "MY_API_KEY": "hidden-one", "DB_PASSWORD": "hidden-two"}
    arn = here.train("broken", "echo half > /opt/ml/model/m; exit 3", Environment=variables)
    here.trained("broken")
    place = folder(here.site.data, arn, 1)
    cleaned(here, arn)
    assert (place.opt_ml("algo-1") / "model" / "m").read_text() == "half\n"
    assert (place.opt_ml("algo-1") / "input" / "data" / "train" / "a.csv").exists()
    text = place.world.read_text()
    world = json.loads(text)
    assert (world["Arn"], world["Image"], world["Hosts"]) == (arn, "python:3.11", ["algo-1"])
    assert world["FailureReason"] == "AlgorithmError: , exit code: 3"
    assert world["Command"][:2] == ["bash", "-c"]
    assert (world["Environment"]["PLAIN"], world["Environment"]["FROM_THE_SERVER"]) == ("1", "yes")
    assert "hidden" not in text
    assert not any(name.startswith("AWS_SE") or name == "AWS_ACCESS_KEY_ID" for name in world["Environment"])
    assert place.kept_entry.exists()
    here.call("sagemaker", "DeleteTrainingJob", TrainingJobName="broken")
    eventually(lambda: not place.job.exists())
    assert not place.kept_entry.exists()


def cleaned(here: Installation, arn: str) -> None:
    """The job is over: nothing is left to be done for it."""

    def is_over() -> bool:
        with here.database.read() as connection:
            return arn not in running_jobs.under_way(connection, "job")

    eventually(is_over)


def eventually(look: Callable[[], bool]) -> None:
    give_up = clock.monotonic() + PATIENCE_SECONDS
    while not look():
        assert clock.monotonic() < give_up
        clock.sleep(0.005)


def test_a_job_that_did_not_fail_leaves_its_log_only(here: Installation) -> None:
    arn = here.train("fine", "echo x > /opt/ml/model/m")
    here.trained("fine")
    cleaned(here, arn)
    place = folder(here.site.data, arn, 1)
    assert [path.name for path in place.host("algo-1").iterdir()] == ["log"]
    assert not place.is_kept


def test_the_oldest_worlds_go_first(tmp_path: Path) -> None:
    kept = tmp_path / "jobs" / "kept"
    kept.mkdir(parents=True)
    for number in range(5):
        place = JobFolder(tmp_path / "jobs" / f"job{number}", 1)
        place.opt_ml("algo-1").mkdir(parents=True)
        (place.host("algo-1") / "log").write_text("said")
        place.world.write_text("{}")
        place.kept_entry.write_text("100")
        os.utime(place.kept_entry, (number, number))

    def left() -> list[str]:
        places = [JobFolder(tmp_path / "jobs" / f"job{number}", 1) for number in range(5)]
        assert all((place.host("algo-1") / "log").exists() for place in places)
        assert [place.is_kept for place in places] == [place.opt_ml("algo-1").exists() for place in places]
        assert [place.is_kept for place in places] == [place.kept_entry.exists() for place in places]
        return [place.job.name for place in places if place.is_kept]

    job_worlds.prune(kept, Retention(worlds=4, bytes=1000))
    assert left() == ["job1", "job2", "job3", "job4"]
    job_worlds.prune(kept, Retention(worlds=10, bytes=299))
    assert left() == ["job3", "job4"]
    job_worlds.prune(kept, Retention(worlds=0))
    assert left() == []


@pytest.mark.parametrize(
    ("retention", "told"),
    [
        (Retention(worlds=0), ""),
        (Retention(bytes=100), "is not kept: it has "),
        (Retention(), "it has more than 3 files"),
    ],
)
def test_a_world_beyond_the_limit_is_not_kept(
    here: Installation, monkeypatch: pytest.MonkeyPatch, retention: Retention, told: str
) -> None:
    if "files" in told:
        monkeypatch.setattr(job_worlds, "MOST_FILES", 3)
    tools = here.machine._tools
    here.machine._tools = replace(tools, surroundings=replace(tools.surroundings, retention=retention))
    try:
        name = f"unkept-{len(told)}"
        arn = here.train(name, "exit 1")
        here.trained(name)
        cleaned(here, arn)
    finally:
        here.machine._tools = tools
    assert not folder(here.site.data, arn, 1).is_kept
    assert not folder(here.site.data, arn, 1).opt_ml("algo-1").exists()
    assert told in "".join(here.log(name, "Training"))


@pytest.mark.parametrize(("wait", "ends"), [(None, 1100.0), (150, 1050.0), (500, 1100.0)])
def test_a_spot_job_ends_when_its_wait_is_over(wait: int | None, ends: float) -> None:
    """Created at 900, started at 1000, may run for 100 seconds."""
    request = {
        "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 100, **({"MaxWaitTimeInSeconds": wait} if wait else {})},
    }
    plan = training.plan("j", "arn:j", request)
    assert job_start.deadline(plan, created=900.0, now=1000.0) == ends
