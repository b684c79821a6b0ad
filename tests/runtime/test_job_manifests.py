"""What a job read and wrote is known by its bytes, also when its objects have been replaced since."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from job_installation import PATIENCE_SECONDS, Installation

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.store import job_manifests
from stepwell.store.job_manifests import Manifest, Piece


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("data"))
    yield installation
    installation.stop()
    installation.database.close()


def manifest(here: Installation, arn: str) -> Manifest:
    with here.database.read() as connection:
        found = job_manifests.find(connection, arn)
    assert found is not None
    return found


def told(here: Installation, pieces: tuple[Piece, ...]) -> list[tuple[str, str, bytes]]:
    """Channel, URI and bytes of each, read from the blobs."""
    found = []
    for piece in pieces:
        with here.site.blobs.open(piece.blob) as source:
            found.append((piece.channel, piece.uri, source.read()))
    assert [piece.size for piece in pieces] == [len(data) for _, _, data in found]
    return found


def a_channel(uri: str, **more: object) -> Document:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **more}


def test_inputs_code_and_model(here: Installation) -> None:
    here.put("mine/a.csv", b"old")
    here.put("mine/sub/b.csv", b"other")
    here.put("code/sourcedir.tar.gz", b"code")
    arn = here.train(
        "reads",
        "cp -r /opt/ml/input/data/train /opt/ml/model/",
        InputDataConfig=[a_channel("s3://data/mine")],
        OutputDataConfig={"S3OutputPath": "s3://data/models", "CompressionType": "NONE"},
        HyperParameters={"sagemaker_submit_directory": '"s3://data/code/sourcedir.tar.gz"'},
    )
    assert here.trained("reads")["TrainingJobStatus"] == "Completed"
    here.put("mine/a.csv", b"new")
    found = manifest(here, arn)
    assert told(here, found.inputs) == [
        ("train", "s3://data/mine/a.csv", b"old"),
        ("train", "s3://data/mine/sub/b.csv", b"other"),
        ("sagemaker_submit_directory", "s3://data/code/sourcedir.tar.gz", b"code"),
    ]
    out = "s3://data/models/reads/output/model/train"
    assert {(uri, data) for _, uri, data in told(here, found.outputs)} == {
        (f"{out}/a.csv", b"old"),
        (f"{out}/sub/b.csv", b"other"),
    }
    assert {channel for channel, _, _ in told(here, found.outputs)} == {"model"}


def test_streamed_data_is_read_too(here: Installation) -> None:
    arn = here.train(
        "streams", "cat /opt/ml/input/data/train_0", InputDataConfig=[a_channel("s3://data/in", InputMode="Pipe")]
    )
    here.trained("streams")
    assert [data for _, _, data in told(here, manifest(here, arn).inputs)] == [b"1,2\n", b"3,4\n"]


def test_a_manifest_goes_with_its_job(here: Installation) -> None:
    arn = here.train("alone", "true")
    here.trained("alone")
    assert [piece.key for piece in manifest(here, arn).outputs] == ["models/alone/output/model.tar.gz"]
    here.call("sagemaker", "DeleteTrainingJob", TrainingJobName="alone")
    give_up = clock.monotonic() + PATIENCE_SECONDS
    while _find(here, arn) is not None:
        assert clock.monotonic() < give_up
        clock.sleep(0.005)


def _find(here: Installation, arn: str) -> Manifest | None:
    with here.database.read() as connection:
        return job_manifests.find(connection, arn)


def test_a_new_attempt_replaces_the_one_before(here: Installation) -> None:
    first, second = Piece("train", "b", "k", 1, "x"), Piece("train", "b", "k", 2, "y")
    with here.database.write() as transaction:
        job_manifests.begin(transaction, "arn:retried", "sklearn-1", [first])
        job_manifests.end(transaction, "arn:retried", [first])
        job_manifests.begin(transaction, "arn:retried", "sklearn-2", [second])
    assert manifest(here, "arn:retried") == Manifest("sklearn-2", (second,))
    with here.database.read() as connection:
        assert Manifest("sklearn-2", (second,)) in list(job_manifests.every(connection))
