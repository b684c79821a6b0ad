"""`stepwell import`: all of a bundle or nothing of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepwell.cli import bundles
from stepwell.cli.main import main
from stepwell.machines.bundle_documents import Bundle
from stepwell.machines.reproduction import Held, NotedJob, Target
from stepwell.services.sagemaker import noted_jobs
from stepwell.store import buckets, objects
from stepwell.store.buckets import Bucket
from stepwell.store.database import Database
from stepwell.store.objects import Version

ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/train"
ROWS = b"1,2\n"
DATA = hashlib.sha256(ROWS).hexdigest()
REQUEST: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
DOCUMENT = {
    **REQUEST,
    "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/models/train/output/model.tar.gz"},
    "SecondaryStatus": "Completed",
    "TrainingEndTime": 1_700_000_009.0,
}
PIECE = Held("train", "bucket", "rows.csv", len(ROWS), DATA)
JOB = NotedJob(
    ARN, "training-job", "train", "Completed", 1_700_000_000.0, 1_700_000_009.0, REQUEST, DOCUMENT, "", (PIECE,)
)
BUNDLE = Bundle(
    "123456789012", "us-east-1", Target("train", "training job", (), (ARN,)), (JOB,), {DATA: len(ROWS)}, {}
)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPWELL_ACCOUNT", raising=False)


def bundle(folder: Path, of: Bundle = BUNDLE) -> Path:
    rows = folder / "rows"
    rows.write_bytes(ROWS)
    bundles.write(folder / "bundle.zip", of, {}, {DATA: rows}, force=True)
    return folder / "bundle.zip"


def brought(data: Path) -> NotedJob | None:
    """The job as it stands in a data folder."""
    database = Database(data / "stepwell.db")
    try:
        with database.read() as connection:
            return noted_jobs.find(connection, ARN)
    finally:
        database.close()


def test_everything_is_there_afterwards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, path = tmp_path / "data", bundle(tmp_path)
    assert main(["import", "--data", str(data), str(path)]) == 0
    found = brought(data)
    assert found is not None
    assert (found.request, found.inputs, found.created, found.ended) == (REQUEST, (PIECE,), JOB.created, JOB.ended)
    assert found.tags == {"stepwell:imported-from": "bundle.zip"}
    assert (data / "blobs" / DATA[:2] / DATA[2:]).read_bytes() == ROWS
    assert main(["import", "--data", str(data), str(path)]) == 0
    assert "0 jobs, 0 objects and 0 model packages are new here; 2 were there already" in capsys.readouterr().out


BAD: list[tuple[str, Bundle, str]] = [
    ("another account", replace(BUNDLE, account="999999999999", jobs=()), "cannot be read"),
    ("no such member", replace(BUNDLE, jobs=(replace(JOB, request={**REQUEST, "X": 1}),)), "has no member 'X'"),
    ("no role", replace(BUNDLE, jobs=(replace(JOB, request={**REQUEST, "RoleArn": "x"}),)), "failed to satisfy"),
    (
        "no object",
        replace(BUNDLE, jobs=(replace(JOB, request={**REQUEST, "AlgorithmSpecification": "x"}),)),
        "STRING",
    ),
    ("a number", replace(BUNDLE, jobs=(replace(JOB, document={**DOCUMENT, "RoleArn": 1}),)), "NUMBER_VALUE"),
    ("our own member", replace(BUNDLE, jobs=(replace(JOB, document={**DOCUMENT, "Progress": {}}),)), "no member"),
]


@pytest.mark.parametrize(("of", "said"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], of: Bundle, said: str
) -> None:
    for command in ("import", "reproduce"):
        assert main([command, "--data", str(tmp_path / "data"), str(bundle(tmp_path, of))]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "data").exists()


def flipped(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(ROWS, b"9,9\n"))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("damage", [flipped, truncated, Path.unlink])
def test_a_damaged_file_leaves_nothing(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = bundle(tmp_path)
    damage(path)
    assert main(["import", "--data", str(tmp_path / "data"), str(path)]) == 2
    assert not (tmp_path / "data").exists()


def test_a_folder_of_another_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "stepwell.toml").write_text('account = "210987654321"\n')
    assert main(["import", "--data", str(data), str(bundle(tmp_path))]) == 2
    assert "belongs to 210987654321" in capsys.readouterr().err
    assert [each.name for each in data.iterdir()] == ["stepwell.toml"]


def test_other_bytes_at_the_same_place_refuse_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    database = Database(data / "stepwell.db")
    with database.write() as transaction:
        bucket = buckets.add(transaction, Bucket("bucket", "123456789012", "us-east-1", 1.0))
        objects.put(transaction, bucket, Version("rows.csv", "f" * 64, 4, "etag", 1.0))
    database.close()
    assert main(["import", "--data", str(data), str(bundle(tmp_path))]) == 1
    assert "other bytes lie at s3://bucket/rows.csv" in capsys.readouterr().err
    assert brought(data) is None


def test_another_job_of_that_name_refuses_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    assert main(["import", "--data", str(data), str(bundle(tmp_path))]) == 0
    other = replace(JOB, created=JOB.created + 1)
    assert main(["import", "--data", str(data), str(bundle(tmp_path, replace(BUNDLE, jobs=(other,))))]) == 1
    assert "there is another training job train" in capsys.readouterr().err
    found = brought(data)
    assert found is not None
    assert found.created == JOB.created


def test_what_is_gone_may_be_made_from_what_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = hashlib.sha256(b"table").hexdigest()
    between = Held("train", "bucket", "table", 5, table)
    prepare = replace(JOB, outputs=(between,))
    train = replace(
        JOB,
        arn=ARN.replace("/train", "/second"),
        name="second",
        ended=JOB.ended + 5,
        document={**DOCUMENT, "TrainingEndTime": JOB.ended + 5},
        inputs=(between,),
    )
    whole = replace(
        BUNDLE,
        jobs=(prepare, train),
        target=Target("second", "training job", (), (train.arn,)),
        blobs={DATA: len(ROWS), table: 5},
    )
    for name, data in (("rows", ROWS), ("table", b"table")):
        (tmp_path / name).write_bytes(data)
    path, folder = tmp_path / "bundle.zip", str(tmp_path / "data")
    bundles.write(path, whole, {}, {DATA: tmp_path / "rows", table: tmp_path / "table"}, force=False)
    assert main(["import", "--data", folder, str(path)]) == 0
    assert main(["reproduce", "--data", folder, "second", "--dry-run"]) == 0
    (tmp_path / "data" / "blobs" / table[:2] / table[2:]).unlink()
    capsys.readouterr()
    assert main(["reproduce", "--data", folder, "second", "--dry-run"]) == 1
    page = capsys.readouterr().out
    assert f"input train of the training job second, 5 B\n        bytes {table}\n" in page
    assert "It can be made again from what is still here, with --whole-pipeline." in page
    assert main(["reproduce", "--data", folder, "second", "--dry-run", "--whole-pipeline"]) == 0
    assert main(["export", "--data", folder, "second", str(tmp_path / "no.zip")]) == 1
    assert not (tmp_path / "no.zip").exists()
