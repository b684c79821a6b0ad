"""Versions, aliases, permissions and tags of functions."""

from __future__ import annotations

import json

import pytest
from lambda_support import Aws, arn, create, refused, zipped

OTHER = zipped({"index.py": "def handler(event, context):\n    return 2\n"})


@pytest.fixture(autouse=True)
def function(aws: Aws) -> None:
    create(aws)


def publish(aws: Aws) -> str:
    """A version that differs from the last."""
    code = zipped({"index.py": f"x = {len(aws('ListVersionsByFunction', FunctionName='f')['Versions'])}"})
    return str(aws("UpdateFunctionCode", FunctionName="f", ZipFile=code, Publish=True)["Version"])


def test_versions_are_numbered_and_do_not_change(aws: Aws) -> None:
    first = aws("PublishVersion", FunctionName="f", Description="one")
    assert (first["Version"], first["FunctionArn"], first["Description"]) == ("1", arn("function:f:1"), "one")
    aws("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER)
    assert aws("GetFunctionConfiguration", FunctionName="f", Qualifier="1") == first
    assert aws("PublishVersion", FunctionName="f")["Version"] == "2"
    listed = aws("ListVersionsByFunction", FunctionName="f")["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1", "2"]


def test_publishing_what_stands_makes_nothing_new(aws: Aws) -> None:
    first = aws("PublishVersion", FunctionName="f")
    assert aws("PublishVersion", FunctionName="f") == first
    aws("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    assert aws("PublishVersion", FunctionName="f")["Version"] == "2"


def test_a_version_can_be_bound_to_the_code_that_was_seen(aws: Aws) -> None:
    seen = aws("GetFunctionConfiguration", FunctionName="f")["CodeSha256"]
    assert aws("PublishVersion", FunctionName="f", CodeSha256=seen)["Version"] == "1"
    refused(
        "InvalidParameterValueException",
        "is different from current CodeSHA256",
        lambda: aws("PublishVersion", FunctionName="f", CodeSha256="other"),
    )


def test_a_number_is_never_given_twice(aws: Aws) -> None:
    publish(aws)
    aws("DeleteFunction", FunctionName="f", Qualifier="1")
    assert publish(aws) == "2"
    missing = "Function not found: " + arn("function:f:1")
    refused("ResourceNotFoundException", missing, lambda: aws("GetFunction", FunctionName="f", Qualifier="1"))


def test_versions_are_listed_in_pages(aws: Aws) -> None:
    for _ in range(3):
        publish(aws)
    first = aws("ListVersionsByFunction", FunctionName="f", MaxItems=2)
    second = aws("ListVersionsByFunction", FunctionName="f", MaxItems=2, Marker=first["NextMarker"])
    assert [each["Version"] for each in first["Versions"]] == ["$LATEST", "1", "2"]
    assert [each["Version"] for each in second["Versions"]] == ["3"]
    everything = aws("ListFunctions", FunctionVersion="ALL")["Functions"]
    assert [each["FunctionArn"] for each in everything] == [
        arn(f"function:f:{version}") for version in ("$LATEST", 1, 2, 3)
    ]


def test_an_alias_is_moved_from_version_to_version(aws: Aws) -> None:
    publish(aws)
    publish(aws)
    made = aws("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1", Description="d")
    assert made["AliasArn"] == arn("function:f:live")
    through = aws("GetFunctionConfiguration", FunctionName="f:live")
    assert (through["Version"], through["FunctionArn"]) == ("1", arn("function:f:live"))
    moved = aws("UpdateAlias", FunctionName="f", Name="live", FunctionVersion="2")
    assert (moved["FunctionVersion"], moved["Description"]) == ("2", "d")
    assert moved["RevisionId"] != made["RevisionId"]
    assert aws("GetAlias", FunctionName="f", Name="live") == moved
    assert aws("GetFunctionConfiguration", FunctionName="f", Qualifier="live")["Version"] == "2"


def test_aliases_are_listed_and_forgotten(aws: Aws) -> None:
    publish(aws)
    for name, version in (("b", "1"), ("a", "$LATEST")):
        aws("CreateAlias", FunctionName="f", Name=name, FunctionVersion=version)
    assert [each["Name"] for each in aws("ListAliases", FunctionName="f")["Aliases"]] == ["a", "b"]
    assert [each["Name"] for each in aws("ListAliases", FunctionName="f", FunctionVersion="1")["Aliases"]] == ["b"]
    assert aws("DeleteAlias", FunctionName="f", Name="a") == {}
    assert aws("DeleteAlias", FunctionName="f", Name="a") == {}
    missing = f"Cannot find alias arn: {arn('function:f:a')}"
    refused("ResourceNotFoundException", missing, lambda: aws("GetAlias", FunctionName="f", Name="a"))


def test_what_an_alias_cannot_be(aws: Aws) -> None:
    publish(aws)
    aws("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    alias = {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}
    refused("ResourceConflictException", "Alias already exists", lambda: aws("CreateAlias", **alias))
    refused(
        "ResourceNotFoundException",
        "Function not found",
        lambda: aws("CreateAlias", **{**alias, "Name": "x", "FunctionVersion": "9"}),
    )
    weights = {"AdditionalVersionWeights": {"1": 0.5}}
    refused(
        "InvalidParameterValueException",
        "Weighted aliases",
        lambda: aws("UpdateAlias", **alias, RoutingConfig=weights),
    )
    refused(
        "PreconditionFailedException",
        "latest Revision Id",
        lambda: aws("UpdateAlias", **alias, RevisionId="00000000-0000-0000-0000-000000000000"),
    )


def test_a_version_in_use_stays(aws: Aws) -> None:
    publish(aws)
    aws("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    refused(
        "ResourceConflictException",
        "referenced by alias live",
        lambda: aws("DeleteFunction", FunctionName="f", Qualifier="1"),
    )
    refused(
        "InvalidParameterValueException",
        "$LATEST version cannot be deleted",
        lambda: aws("DeleteFunction", FunctionName="f", Qualifier="$LATEST"),
    )


def test_permissions_are_kept_and_shown(aws: Aws) -> None:
    added = aws(
        "AddPermission",
        FunctionName="f",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn="arn:aws:events:eu-west-1:123456789012:rule/r",
        SourceAccount="123456789012",
    )
    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn("function:f"),
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/r"},
        },
    }
    assert json.loads(aws("GetPolicy", FunctionName="f")["Policy"])["Statement"] == [statement]
    again = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:*", "Principal": "*"}
    refused("ResourceConflictException", "statement id (s)", lambda: aws("AddPermission", **again))
    aws("RemovePermission", FunctionName="f", StatementId="s")
    refused("ResourceNotFoundException", "does not exist", lambda: aws("GetPolicy", FunctionName="f"))
    refused(
        "ResourceNotFoundException",
        "Statement s is not found",
        lambda: aws("RemovePermission", FunctionName="f", StatementId="s"),
    )


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ("*", "*"),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:role/r", {"AWS": "arn:aws:iam::123456789012:role/r"}),
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
    ],
)
def test_principals(aws: Aws, principal: str, shown: object) -> None:
    publish(aws)
    request = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": principal}
    statement = json.loads(aws("AddPermission", **request, Qualifier="1")["Statement"])
    assert (statement["Principal"], statement["Resource"]) == (shown, arn("function:f:1"))
    refused("ResourceNotFoundException", "does not exist", lambda: aws("GetPolicy", FunctionName="f"))
    assert aws("GetPolicy", FunctionName="f", Qualifier="1")


def test_tags_come_and_go(aws: Aws) -> None:
    where = arn("function:f")
    aws("TagResource", Resource=where, Tags={"a": "1", "b": "2"})
    aws("TagResource", Resource=where, Tags={"a": "3"})
    assert aws("ListTags", Resource=where)["Tags"] == {"a": "3", "b": "2"}
    aws("UntagResource", Resource=where, TagKeys=["a", "never"])
    assert aws("GetFunction", FunctionName="f")["Tags"] == {"b": "2"}
    many = {str(number): "" for number in range(50)}
    refused("InvalidParameterValueException", "at most 50", lambda: aws("TagResource", Resource=where, Tags=many))
    refused(
        "ResourceNotFoundException", "Function not found", lambda: aws("ListTags", Resource=arn("function:other"))
    )
    refused(
        "InvalidParameterValueException",
        "aliases and versions",
        lambda: aws("TagResource", Resource=f"{where}:1", Tags={"a": "1"}),
    )
