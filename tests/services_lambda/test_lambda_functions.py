"""Functions by way of the door: made, named in every way, changed, listed, refused, deleted."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lambda_support import ROLE, Aws, arn, create, refused, zipped

from stepwell.base.documents import Document
from stepwell.runtime.job_objects import FileBody
from stepwell.services.lambda_ import function_code
from stepwell.services.registry import Site
from stepwell.store import functions

INVALID = "InvalidParameterValueException"
OTHER = zipped({"index.py": "def handler(event, context):\n    return 2\n"})


def test_a_new_function_is_active_and_has_lambdas_defaults(aws: Aws) -> None:
    code = zipped({"index.py": "x = 1"})
    made = create(aws, Code={"ZipFile": code}, Environment={"Variables": {"KEY": "value"}}, Description="d")
    expected = {
        "FunctionName": "f",
        "FunctionArn": arn("function:f"),
        "Version": "$LATEST",
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "index.handler",
        "Timeout": 3,
        "MemorySize": 128,
        "Description": "d",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "Environment": {"Variables": {"KEY": "value"}},
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
    }
    assert {member: made[member] for member in expected} == expected
    assert not {"CodeHash", "LastVersion", "Policies"} & made.keys()
    assert aws("GetFunctionConfiguration", FunctionName="f") == made
    assert aws("GetFunction", FunctionName="f")["Configuration"] == made


@pytest.mark.parametrize(
    "name", ["f", arn("function:f"), "123456789012:function:f", "function:f", "f:$LATEST", arn("function:f:$LATEST")]
)
def test_a_function_has_many_names(aws: Aws, name: str) -> None:
    create(aws)
    assert aws("GetFunction", FunctionName=name)["Configuration"]["FunctionName"] == "f"


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("g", "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:g"),
        ("f:7", "ResourceNotFoundException", "Function not found: " + arn("function:f:7")),
        ("f:live", "ResourceNotFoundException", "Function not found: " + arn("function:f:live")),
        (
            arn("function:f").replace("123456789012", "210987654321"),
            "ResourceNotFoundException",
            "Function not found",
        ),
        (
            arn("function:f").replace("eu-west-1", "us-east-1"),
            "ResourceNotFoundException",
            "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
        ),
    ],
)
def test_what_is_not_there_is_not_found(aws: Aws, name: str, code: str, message: str) -> None:
    create(aws)
    refused(code, message, lambda: aws("GetFunction", FunctionName=name))


def test_a_qualifier_cannot_contradict_the_name(aws: Aws) -> None:
    create(aws)
    refused(INVALID, "derived qualifier", lambda: aws("GetFunction", FunctionName="f:1", Qualifier="2"))


def test_a_second_function_of_the_name_is_a_conflict(aws: Aws) -> None:
    create(aws)
    refused("ResourceConflictException", "Function already exist: f", lambda: create(aws))
    refused("ResourceConflictException", "Function already exist: f", lambda: create(aws, arn("function:f")))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Runtime": "nodejs22.x"}, "nodejs22.x is not supported"),
        ({"Runtime": "python2.7"}, "python2.7 is not supported"),
        ({"PackageType": "Image", "Code": {"ImageUri": "x"}}, "Container images"),
        ({"Layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:l:1"]}, "Layers are not supported"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-west-1:123456789012:q"}}, "Dead-letter queues"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "JSON logs"),
        ({"Code": {}}, "Please provide a source for function code."),
        ({"Code": {"ZipFile": b""}}, "non-empty zip"),
        ({"Code": {"ZipFile": b"PK"}}, "Could not unzip"),
        ({"Code": {"ZipFile": OTHER, "S3Bucket": "bucket"}}, "other FunctionCode parameters"),
        ({"Code": {"S3Bucket": "no-such-bucket", "S3Key": "k"}}, "S3 Error Code: NoSuchBucket"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"LONG": "x" * 4096}}}, "exceeded the 4KB limit"),
        ({"Environment": {"Variables": {"NUL": "a\0b"}}}, "NUL character"),
        ({"Tags": {"aws:x": "y"}}, "reserved for system use"),
        ({"Role": "arn:aws:iam::123456789012:rolex"}, "cannot be assumed by Lambda"),
        ({"Handler": "index\0.handler"}, "handler cannot contain a NUL"),
    ],
)
def test_what_cannot_be_had_is_refused_and_leaves_nothing(
    aws: Aws, site: Site, members: dict[str, Any], message: str
) -> None:
    refused(INVALID, message, lambda: create(aws, **members))
    assert aws("ListFunctions")["Functions"] == []
    assert list((site.data / "functions").glob("*")) == []


@pytest.mark.parametrize(
    "members", [{"Timeout": 901}, {"Timeout": 0}, {"MemorySize": 64}, {"FunctionName": "n" * 65}]
)
def test_limits_are_validation_errors(aws: Aws, members: dict[str, Any]) -> None:
    refused("ValidationException", "failed to satisfy constraint", lambda: create(aws, **members))


def test_runtime_and_handler_are_needed(aws: Aws) -> None:
    refused(
        INVALID,
        "Runtime and Handler are mandatory",
        lambda: aws("CreateFunction", FunctionName="f", Role=ROLE, Code={"ZipFile": OTHER}),
    )


def test_code_comes_from_s3_too(aws: Aws, s3: Callable[..., Document]) -> None:
    s3("CreateBucket", Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3("PutObject", Bucket="code", Key="f.zip", Body=FileBody(io.BytesIO(OTHER), len(OTHER)))
    made = create(aws, Code={"S3Bucket": "code", "S3Key": "f.zip"})
    assert made["CodeSha256"] == create(aws, "g", Code={"ZipFile": OTHER})["CodeSha256"]
    message = "Error occurred while GetObject. S3 Error Code: NoSuchKey"
    refused(INVALID, message, lambda: create(aws, "h", Code={"S3Bucket": "code", "S3Key": "missing"}))


def test_new_code_is_a_new_revision(aws: Aws) -> None:
    made = create(aws)
    updated = aws("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER, Architectures=["arm64"])
    assert updated["CodeSha256"] != made["CodeSha256"]
    assert updated["RevisionId"] != made["RevisionId"]
    assert updated["Architectures"] == ["arm64"]
    assert aws("GetFunctionConfiguration", FunctionName="f") == updated


def test_a_dry_run_changes_nothing(aws: Aws) -> None:
    made = create(aws)
    tried = aws("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER, DryRun=True)
    assert tried["CodeSha256"] != made["CodeSha256"]
    assert aws("GetFunctionConfiguration", FunctionName="f") == made


def test_only_the_named_settings_change(aws: Aws) -> None:
    create(aws, Environment={"Variables": {"KEY": "value"}}, VpcConfig={"SubnetIds": ["subnet-1"]})
    updated = aws("UpdateFunctionConfiguration", FunctionName="f", Timeout=60, VpcConfig={})
    assert (updated["Timeout"], updated["MemorySize"]) == (60, 128)
    assert updated["Environment"] == {"Variables": {"KEY": "value"}}
    assert "VpcConfig" not in updated
    assert "Environment" not in aws("UpdateFunctionConfiguration", FunctionName="f", Environment={"Variables": {}})


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("UpdateFunctionConfiguration", {"Timeout": 61}),
        ("UpdateFunctionCode", {"ZipFile": OTHER}),
        ("PublishVersion", {}),
    ],
)
def test_an_old_revision_is_refused(aws: Aws, operation: str, members: dict[str, Any]) -> None:
    old = create(aws)["RevisionId"]
    aws("UpdateFunctionConfiguration", FunctionName="f", Timeout=60, RevisionId=old)
    refused(
        "PreconditionFailedException",
        "does not match the latest Revision Id",
        lambda: aws(operation, FunctionName="f", RevisionId=old, **members),
    )


def test_functions_are_listed_by_name_in_pages(aws: Aws) -> None:
    for name in ("b", "a", "c"):
        create(aws, name)
    first = aws("ListFunctions", MaxItems=2)
    second = aws("ListFunctions", MaxItems=2, Marker=first["NextMarker"])
    assert [[each["FunctionName"] for each in page["Functions"]] for page in (first, second)] == [["a", "b"], ["c"]]
    assert "NextMarker" not in second


def test_a_deleted_function_is_gone_with_all_it_had(aws: Aws) -> None:
    create(aws, Publish=True, Tags={"k": "v"})
    aws("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    assert aws("DeleteFunction", FunctionName="f")["StatusCode"] == 204
    refused("ResourceNotFoundException", "Function not found", lambda: aws("DeleteFunction", FunctionName="f"))
    assert create(aws)["Version"] == "$LATEST"
    assert aws("ListTags", Resource=arn("function:f"))["Tags"] == {}
    assert len(aws("ListVersionsByFunction", FunctionName="f")["Versions"]) == 1
    assert aws("ListAliases", FunctionName="f")["Aliases"] == []


def test_code_that_nobody_names_goes_at_the_next_start(aws: Aws, site: Site) -> None:
    create(aws, "kept")
    create(aws, "changed", Code={"ZipFile": OTHER}, Publish=True)
    aws("UpdateFunctionCode", FunctionName="changed", ZipFile=zipped({"index.py": "y = 3"}))
    create(aws, "deleted", Code={"ZipFile": zipped({"index.py": "x = 4"})})
    aws("DeleteFunction", FunctionName="deleted")
    folder = site.data / "functions"
    (folder / ".half-unpacked").mkdir()
    before = set(folder.iterdir())
    with site.database.read() as connection:
        used = functions.code_in_use(connection)
    function_code.tidy(site.data, used)
    assert len(before) == 5
    assert {entry.name for entry in folder.iterdir()} == used
    assert len(used) == 3


def test_one_code_is_unpacked_once(aws: Aws, site: Site) -> None:
    for name in ("a", "b"):
        create(aws, name)
    (only,) = Path(site.data / "functions").iterdir()
    assert (only / "index.py").is_file()
