"""Requests for jobs that the tests of their nouns share, and an installation in which nothing runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.store import tables
from stepwell.store.database import Database

__all__ = ["tables"]

SCOPE = Scope("123456789012", "eu-west-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"

Caller = Callable[..., Document]


def a_site(folder: Path) -> Site:
    """An installation without a loop."""
    return Site(
        folder, SCOPE.account, "http://127.0.0.1:0", Database(folder / "stepwell.db"), Blobs(folder / "blobs")
    )


def caller(site: Site) -> Caller:
    """Calls SageMaker's operations."""
    door = Door(site)
    return lambda operation, **params: door.call(SCOPE, "sagemaker", operation, params)


def processing(name: str = "j", **more: object) -> Document:
    """A CreateProcessingJob request."""
    return {
        "ProcessingJobName": name,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
        "AppSpecification": {"ImageUri": "python:3.11"},
        "RoleArn": ROLE,
        **more,
    }


def an_input(name: str = "in", path: str | None = "/opt/ml/processing/in", **more: object) -> Document:
    """A ProcessingInput."""
    source = {"S3Uri": "s3://b/in", "LocalPath": path, "S3DataType": "S3Prefix", **more}
    return {"InputName": name, "S3Input": source}


def an_output(name: str = "out", path: str | None = "/opt/ml/processing/out", **more: object) -> Document:
    """A ProcessingOutput."""
    target = {"S3Uri": "s3://b/out", "LocalPath": path, "S3UploadMode": "EndOfJob", **more}
    return {"OutputName": name, "S3Output": target}


def training(name: str = "j", **more: object) -> Document:
    """A CreateTrainingJob request."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        **more,
    }


def channel(name: str = "train", **more: object) -> Document:
    """A Channel."""
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train", **more}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}
