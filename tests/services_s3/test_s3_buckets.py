"""Buckets: names, places, owners and versioning."""

from __future__ import annotations

import pytest
from s3_callers import S3

from stepwell.services.registry import Site


def test_a_bucket_is_there_until_it_is_deleted(s3: S3) -> None:
    made = s3("CreateBucket", Bucket="data")
    assert made == {"Location": "/data", "BucketArn": "arn:aws:s3:::data"}
    assert s3("HeadBucket", Bucket="data")["BucketRegion"] == "us-east-1"
    assert [each["Name"] for each in s3("ListBuckets")["Buckets"]] == ["data"]
    s3("DeleteBucket", Bucket="data")
    assert s3.code("HeadBucket", Bucket="data") == "NoSuchBucket"
    assert s3("ListBuckets")["Buckets"] == []


def test_a_bucket_made_again_is_empty(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"")
    s3("PutBucketTagging", Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3("CreateMultipartUpload", Bucket=bucket, Key="key")
    s3("DeleteObject", Bucket=bucket, Key="key")
    s3("DeleteBucket", Bucket=bucket)
    s3("CreateBucket", Bucket=bucket)
    assert s3.code("GetBucketTagging", Bucket=bucket) == "NoSuchTagSet"
    assert s3("ListMultipartUploads", Bucket=bucket)["Uploads"] == []


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "Data", "da_ta", "-data", "data-", "da..ta", "192.168.5.4", "xn--data", "data-s3alias", "dät"],
)
def test_names_that_are_refused(s3: S3, name: str) -> None:
    fault = s3.refused("CreateBucket", Bucket=name)
    assert (fault.code, fault.members) == ("InvalidBucketName", {"BucketName": name})


@pytest.mark.parametrize(
    "name", ["abc", "a" * 63, "1data", "da.ta", "sagemaker-us-east-1-123456789012", "192.168.5.x"]
)
def test_names_that_are_taken(s3: S3, name: str) -> None:
    s3("CreateBucket", Bucket=name)


@pytest.mark.parametrize(
    ("here", "constraint", "place"),
    [
        ("us-east-1", None, "us-east-1"),
        ("us-east-1", "eu-west-1", "eu-west-1"),
        ("us-east-1", "EU", "eu-west-1"),
        ("eu-west-1", "EU", "eu-west-1"),
        ("eu-west-1", "eu-west-1", "eu-west-1"),
        ("eu-west-1", None, None),
        ("eu-west-1", "us-west-2", None),
    ],
)
def test_where_a_bucket_is_made(s3: S3, here: str, constraint: str | None, place: str | None) -> None:
    caller = s3.elsewhere(region=here)
    params = {"CreateBucketConfiguration": {"LocationConstraint": constraint}} if constraint else {}
    if place is None:
        fault = caller.refused("CreateBucket", Bucket="data", **params)
        assert fault.code == "IllegalLocationConstraintException"
        assert (constraint or "unspecified") in fault.message
    else:
        caller("CreateBucket", Bucket="data", **params)
        expected = {} if place == "us-east-1" else {"LocationConstraint": place}
        assert s3("GetBucketLocation", Bucket="data") == expected


def test_any_regional_client_reaches_any_bucket(s3: S3, bucket: str) -> None:
    far = s3.elsewhere(region="eu-central-1")
    far("PutObject", Bucket=bucket, Key="key", Body=b"far")
    assert s3.text(bucket, "key") == b"far"


def test_making_ones_own_bucket_again(s3: S3, bucket: str) -> None:
    s3("CreateBucket", Bucket=bucket)
    far = s3.elsewhere(region="eu-west-1")
    params = {"Bucket": bucket, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    fault = far.refused("CreateBucket", **params)
    assert (fault.code, fault.status, fault.members) == ("BucketAlreadyOwnedByYou", 409, {"BucketName": bucket})


def test_a_name_is_one_accounts(s3: S3, bucket: str) -> None:
    other = s3.elsewhere(account="210987654321")
    assert other.code("CreateBucket", Bucket=bucket) == "BucketAlreadyExists"
    assert other("ListBuckets")["Buckets"] == []


OPERATIONS = [
    ("HeadBucket", {}),
    ("ListObjectsV2", {}),
    ("GetBucketPolicy", {}),
    ("GetObject", {"Key": "key"}),
    ("PutObject", {"Key": "key", "Body": b"x"}),
    ("DeleteObject", {"Key": "key"}),
    ("CreateMultipartUpload", {"Key": "key"}),
    ("CopyObject", {"Key": "key", "CopySource": "data/key"}),
    ("DeleteBucket", {}),
]


@pytest.mark.parametrize(("operation", "params"), OPERATIONS)
def test_another_accounts_bucket_is_closed(s3: S3, bucket: str, operation: str, params: dict[str, object]) -> None:
    other = s3.elsewhere(account="210987654321")
    fault = other.refused(operation, Bucket=bucket, **params)
    assert (fault.code, fault.status) == ("AccessDenied", 403)


@pytest.mark.parametrize(("operation", "params"), OPERATIONS)
def test_the_expected_owner_is_checked(s3: S3, bucket: str, operation: str, params: dict[str, object]) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"x")
    assert s3.code(operation, Bucket=bucket, ExpectedBucketOwner="210987654321", **params) == "AccessDenied"


@pytest.mark.parametrize(("operation", "params"), OPERATIONS)
def test_a_bucket_that_is_not_there(s3: S3, operation: str, params: dict[str, object]) -> None:
    fault = s3.refused(operation, Bucket="nowhere", **params)
    assert (fault.code, fault.status) == ("NoSuchBucket", 404)
    assert fault.members == {"BucketName": "nowhere"}


def test_a_bucket_that_is_not_empty_stays(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"x")
    fault = s3.refused("DeleteBucket", Bucket=bucket)
    assert (fault.code, fault.status) == ("BucketNotEmpty", 409)
    assert s3.text(bucket, "key") == b"x"


def test_a_bucket_of_delete_markers_is_not_empty(s3: S3, versioned: str) -> None:
    s3("DeleteObject", Bucket=versioned, Key="key")
    assert s3.code("DeleteBucket", Bucket=versioned) == "BucketNotEmpty"


def test_buckets_are_listed_page_by_page(s3: S3) -> None:
    names = [f"bucket-{number}" for number in range(5)]
    for name in (*reversed(names), "other"):
        s3("CreateBucket", Bucket=name)
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = s3("ListBuckets", MaxBuckets=2, Prefix="bucket-", **token)
        found += [each["Name"] for each in page["Buckets"]]
        if "ContinuationToken" not in page:
            break
        token = {"ContinuationToken": page["ContinuationToken"]}
    assert found == names


def test_versioning_has_three_states(s3: S3, bucket: str) -> None:
    assert s3("GetBucketVersioning", Bucket=bucket) == {}
    for status in ("Enabled", "Suspended"):
        s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3("GetBucketVersioning", Bucket=bucket) == {"Status": status}
    fault = s3.refused("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={})
    assert fault.code == "IllegalVersioningConfigurationException"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"ACL": "public-read"}, "InvalidBucketAclWithObjectOwnership"),
        ({"GrantRead": "id=1"}, "InvalidBucketAclWithObjectOwnership"),
        ({"ObjectLockEnabledForBucket": True}, "NotImplemented"),
    ],
)
def test_buckets_that_nobody_builds(s3: S3, params: dict[str, object], code: str) -> None:
    assert s3.code("CreateBucket", Bucket="data", **params) == code
    assert s3("ListBuckets")["Buckets"] == []


def test_buckets_survive_a_restart(s3: S3, bucket: str, site: Site) -> None:
    site.database.close()
    assert s3("HeadBucket", Bucket=bucket)["BucketArn"] == "arn:aws:s3:::data"
