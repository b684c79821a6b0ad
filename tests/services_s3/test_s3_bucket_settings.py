"""Documents beside buckets: what is put comes back, and what is absent has S3's own answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from s3_callers import S3

CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
KMS = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/key"},
            "BucketKeyEnabled": True,
        }
    ]
}
QUEUE = {
    "QueueConfigurations": [{"Id": "1", "QueueArn": "arn:aws:sqs:us-east-1:1:q", "Events": ["s3:ObjectCreated:*"]}]
}
RULES = {"Rules": [{"ID": "old", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 3}}]}
OPEN = {
    "BlockPublicAcls": False,
    "IgnorePublicAcls": False,
    "BlockPublicPolicy": False,
    "RestrictPublicBuckets": False,
}
PREFERRED = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
TAGS = {"TagSet": [{"Key": "team", "Value": "blue"}]}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": []}, indent=1)

ROUND_TRIPS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("PutBucketCors", "GetBucketCors", {"CORSConfiguration": CORS}, CORS),
    (
        "PutBucketEncryption",
        "GetBucketEncryption",
        {"ServerSideEncryptionConfiguration": KMS},
        {"ServerSideEncryptionConfiguration": KMS},
    ),
    (
        "PutBucketNotificationConfiguration",
        "GetBucketNotificationConfiguration",
        {"NotificationConfiguration": QUEUE},
        QUEUE,
    ),
    (
        "PutBucketLifecycleConfiguration",
        "GetBucketLifecycleConfiguration",
        {"LifecycleConfiguration": RULES},
        RULES,
    ),
    (
        "PutPublicAccessBlock",
        "GetPublicAccessBlock",
        {"PublicAccessBlockConfiguration": OPEN},
        {"PublicAccessBlockConfiguration": OPEN},
    ),
    (
        "PutBucketOwnershipControls",
        "GetBucketOwnershipControls",
        {"OwnershipControls": PREFERRED},
        {"OwnershipControls": PREFERRED},
    ),
    ("PutBucketTagging", "GetBucketTagging", {"Tagging": TAGS}, TAGS),
    ("PutBucketPolicy", "GetBucketPolicy", {"Policy": POLICY}, {"Policy": POLICY}),
]


@pytest.mark.parametrize(("put", "get", "params", "answer"), ROUND_TRIPS)
def test_what_is_put_comes_back(
    s3: S3, bucket: str, put: str, get: str, params: dict[str, Any], answer: dict[str, Any]
) -> None:
    for _ in range(2):
        assert s3(put, Bucket=bucket, **params) == {}
        assert s3(get, Bucket=bucket) == answer


@pytest.mark.parametrize(
    ("delete", "get", "code"),
    [
        ("DeleteBucketCors", "GetBucketCors", "NoSuchCORSConfiguration"),
        ("DeleteBucketLifecycle", "GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
        ("DeletePublicAccessBlock", "GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ("DeleteBucketOwnershipControls", "GetBucketOwnershipControls", "OwnershipControlsNotFoundError"),
        ("DeleteBucketTagging", "GetBucketTagging", "NoSuchTagSet"),
        ("DeleteBucketPolicy", "GetBucketPolicy", "NoSuchBucketPolicy"),
        ("DeleteBucketPolicy", "GetBucketPolicyStatus", "NoSuchBucketPolicy"),
        (None, "GetBucketReplication", "ReplicationConfigurationNotFoundError"),
        (None, "GetBucketWebsite", "NoSuchWebsiteConfiguration"),
        (None, "GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_what_is_absent(s3: S3, bucket: str, delete: str | None, get: str, code: str) -> None:
    if delete:
        s3(delete, Bucket=bucket)
    fault = s3.refused(get, Bucket=bucket)
    assert (fault.code, fault.status, fault.members) == (code, 404, {"BucketName": bucket})


@pytest.mark.parametrize(
    ("get", "answer"),
    [
        ("GetBucketNotificationConfiguration", {}),
        ("GetBucketAccelerateConfiguration", {}),
        ("GetBucketLogging", {}),
        ("GetBucketRequestPayment", {"Payer": "BucketOwner"}),
    ],
)
def test_what_a_new_bucket_answers(s3: S3, bucket: str, get: str, answer: dict[str, Any]) -> None:
    assert s3(get, Bucket=bucket) == answer


def test_a_new_bucket_is_private_and_its_owners(s3: S3, bucket: str) -> None:
    block = s3("GetPublicAccessBlock", Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    controls = s3("GetBucketOwnershipControls", Bucket=bucket)["OwnershipControls"]
    assert controls == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    acl = s3("GetBucketAcl", Bucket=bucket)
    assert [grant["Permission"] for grant in acl["Grants"]] == ["FULL_CONTROL"]
    assert acl["Grants"][0]["Grantee"]["ID"] == acl["Owner"]["ID"]
    assert len(acl["Owner"]["ID"]) == 64


def test_a_bucket_can_be_born_with_tags(s3: S3) -> None:
    s3("CreateBucket", Bucket="tagged", CreateBucketConfiguration={"Tags": TAGS["TagSet"]})
    assert s3("GetBucketTagging", Bucket="tagged") == TAGS


def test_encryption_by_default(s3: S3, bucket: str) -> None:
    rules = s3("GetBucketEncryption", Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3("PutObject", Bucket=bucket, Key="a", Body=b"")["ServerSideEncryption"] == "AES256"
    s3("PutBucketEncryption", Bucket=bucket, ServerSideEncryptionConfiguration=KMS)
    put = s3("PutObject", Bucket=bucket, Key="b", Body=b"")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", "alias/key")
    own = s3("PutObject", Bucket=bucket, Key="c", Body=b"", ServerSideEncryption="AES256")
    assert own["ServerSideEncryption"] == "AES256"
    assert "SSEKMSKeyId" not in own
    assert s3("HeadObject", Bucket=bucket, Key="b")["SSEKMSKeyId"] == "alias/key"
    s3("DeleteBucketEncryption", Bucket=bucket)
    assert s3("PutObject", Bucket=bucket, Key="d", Body=b"")["ServerSideEncryption"] == "AES256"


def test_rules_get_an_id(s3: S3, bucket: str) -> None:
    rules = [{"Status": "Enabled", "Prefix": ""}]
    s3("PutBucketLifecycleConfiguration", Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3("GetBucketLifecycleConfiguration", Bucket=bucket)["Rules"][0]["ID"]


@pytest.mark.parametrize("policy", ["{", "[]", "{}", '{"Statement": 3}', '"text"'])
def test_policies_that_are_none(s3: S3, bucket: str, policy: str) -> None:
    assert s3.code("PutBucketPolicy", Bucket=bucket, Policy=policy) == "MalformedPolicy"


@pytest.mark.parametrize(
    ("statement", "is_public"),
    [
        ({"Effect": "Allow", "Principal": "*"}, True),
        ({"Effect": "Allow", "Principal": {"AWS": "*"}}, True),
        ({"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, True),
        ({"Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpc": "v"}}}, False),
        ({"Effect": "Deny", "Principal": "*"}, False),
        ({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}, False),
    ],
)
def test_public_policies(s3: S3, bucket: str, statement: dict[str, Any], is_public: bool) -> None:
    for statements in (statement, [statement]):
        s3("PutBucketPolicy", Bucket=bucket, Policy=json.dumps({"Statement": statements}))
        assert s3("GetBucketPolicyStatus", Bucket=bucket) == {"PolicyStatus": {"IsPublic": is_public}}


@pytest.mark.parametrize("acl", ["private", "bucket-owner-full-control"])
def test_lists_that_say_what_is_the_case(s3: S3, bucket: str, acl: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"", ACL=acl)
    assert s3("PutObjectAcl", Bucket=bucket, Key="key", ACL=acl) == {}
    assert s3("GetObjectAcl", Bucket=bucket, Key="key")["Grants"][0]["Permission"] == "FULL_CONTROL"


def test_lists_that_would_open_a_bucket(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"")
    code = "AccessControlListNotSupported"
    assert s3.code("PutBucketAcl", Bucket=bucket, ACL="public-read") == code
    assert s3.code("PutBucketAcl", Bucket=bucket, GrantRead="id=1") == code
    assert s3.code("PutObjectAcl", Bucket=bucket, Key="key", ACL="public-read") == code
    assert s3.code("PutObject", Bucket=bucket, Key="new", Body=b"", ACL="public-read") == code
    assert s3.code("GetObjectAcl", Bucket=bucket, Key="new") == "NoSuchKey"


@pytest.mark.parametrize("operation", ["GetBucketInventoryConfiguration", "PutBucketWebsite", "SelectObjectContent"])
def test_what_is_not_built_says_so(s3: S3, operation: str) -> None:
    fault = s3.refused(operation, Bucket="data")
    assert fault.status == 501
    assert operation in fault.message
