"""S3 behind the door, over a real database and real blobs in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_callers import ACCOUNT, S3, opened

from stepwell.base.arn import Scope
from stepwell.services.registry import Door, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = opened(tmp_path)
    yield site
    site.database.close()


@pytest.fixture
def s3(site: Site) -> S3:
    principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/SageMakerRole/stepwell"
    return S3(Door(site), Scope(ACCOUNT, "us-east-1", principal))


@pytest.fixture
def bucket(s3: S3) -> str:
    s3("CreateBucket", Bucket="data")
    return "data"


@pytest.fixture
def versioned(s3: S3) -> str:
    s3("CreateBucket", Bucket="history")
    s3("PutBucketVersioning", Bucket="history", VersioningConfiguration={"Status": "Enabled"})
    return "history"
