"""Definitions that are wrong, handed over with real boto3: what is said, and that nothing is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_contract_bad_input import refusal

from served import ROLE, Server

pytestmark = pytest.mark.contract

FOLDER = Path(__file__).parent.parent / "checks" / "mistakes"
MISTAKES: dict[str, dict[str, Any]] = {file.stem: json.loads(file.read_text()) for file in FOLDER.glob("*.json")}
INLINE = 1_048_576
"""Characters of a definition in a request, as AWS's API bounds it."""
BUCKET = "bad-definitions"
STOP = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    client = server.client("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


def definition(characters: int = 0) -> str:
    """A definition that is right, `characters` long unless that is too short for one."""
    text = json.dumps({"Version": "2020-12-01", "Metadata": {"filled": ""}, "Steps": [STOP]})
    return text.replace('"filled": ""', f'"filled": "{"x" * (characters - len(text))}"')


def create(sagemaker: Any, name: str, text: str) -> dict[str, Any]:
    return dict(sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=ROLE))


def assert_nothing_was_made(sagemaker: Any, name: str) -> None:
    assert refusal(sagemaker.describe_pipeline, PipelineName=name)["Code"] == "ResourceNotFound"


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_a_mistake_is_told_to_whoever_makes_it(sagemaker: Any, name: str) -> None:
    mistake = MISTAKES[name]
    text = mistake["text"] if "text" in mistake else json.dumps(mistake["definition"])
    error = refusal(create, sagemaker, "mistaken", text)
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith("Unable to parse pipeline definition. ")
    for problem in mistake["problems"]:
        place = f" (at {problem['pointer']})" if problem["pointer"] else ""
        assert f"{problem['message']}{place}" in error["Message"]
    assert_nothing_was_made(sagemaker, "mistaken")


def test_a_definition_may_be_one_mebibyte_long_and_not_a_byte_longer(sagemaker: Any) -> None:
    assert create(sagemaker, "one-mebibyte", definition(INLINE))["PipelineArn"].endswith(":pipeline/one-mebibyte")
    error = refusal(create, sagemaker, "too-long", definition(INLINE + 1))
    assert error["Code"] == "ValidationException"
    assert "'pipelineDefinition' failed to satisfy" in error["Message"]
    assert error["Message"].endswith(f"Member must have length less than or equal to {INLINE}")
    assert len(error["Message"]) < 2048
    assert_nothing_was_made(sagemaker, "too-long")


def test_a_longer_one_lies_in_s3(sagemaker: Any, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="long.json", Body=definition(INLINE + 1).encode())
    place = {"Bucket": BUCKET, "ObjectKey": "long.json"}
    sagemaker.create_pipeline(PipelineName="long-in-s3", PipelineDefinitionS3Location=place, RoleArn=ROLE)
    s3.delete_object(Bucket=BUCKET, Key="long.json")
    kept = sagemaker.describe_pipeline(PipelineName="long-in-s3")
    assert len(kept["PipelineDefinition"]) == INLINE + 1


@pytest.mark.parametrize(
    ("bucket", "body", "said"),
    [
        ("no-such-bucket-at-all", None, "s3://no-such-bucket-at-all/given.json: The specified bucket does not exist"),
        (BUCKET, None, f"s3://{BUCKET}/given.json: The specified key does not exist."),
        (BUCKET, b"\xff\xfe\x00", "is not UTF-8 text"),
        (BUCKET, b"", "Malformed JSON: Expecting value at line 1, column 1"),
        (BUCKET, b"\xef\xbb\xbf{}", "it begins with a byte order mark"),
        (BUCKET, b" " * (16 * INLINE + 1), "at most 16777216 are allowed"),
        (BUCKET, b" " * (64 * INLINE + 1), "has more than 16777216 characters"),
    ],
)
def test_what_lies_in_s3_is_no_definition(
    sagemaker: Any, s3: Any, bucket: str, body: bytes | None, said: str
) -> None:
    s3.delete_object(Bucket=BUCKET, Key="given.json")
    if body is not None:
        s3.put_object(Bucket=BUCKET, Key="given.json", Body=body)
    place = {"Bucket": bucket, "ObjectKey": "given.json"}
    request = {"PipelineName": "from-s3", "PipelineDefinitionS3Location": place, "RoleArn": ROLE}
    error = refusal(sagemaker.create_pipeline, **request)
    assert error["Code"] == "ValidationException"
    assert said in error["Message"]
    assert_nothing_was_made(sagemaker, "from-s3")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Either Pipeline Definition or Pipeline Definition S3 location should be provided"),
        (
            {
                "PipelineDefinition": definition(),
                "PipelineDefinitionS3Location": {"Bucket": BUCKET, "ObjectKey": "given.json"},
            },
            "Both Pipeline Definition and Pipeline Definition S3 Location shouldn't be present",
        ),
    ],
)
def test_exactly_one_definition_is_given(sagemaker: Any, given: dict[str, Any], said: str) -> None:
    error = refusal(sagemaker.create_pipeline, PipelineName="how-many", RoleArn=ROLE, **given)
    assert (error["Code"], error["Message"]) == ("ValidationException", said)
    assert_nothing_was_made(sagemaker, "how-many")


def test_a_bad_update_changes_nothing(sagemaker: Any, s3: Any) -> None:
    s3.delete_object(Bucket=BUCKET, Key="gone.json")
    create(sagemaker, "kept", definition())
    place = {"Bucket": BUCKET, "ObjectKey": "gone.json"}
    updates: list[dict[str, Any]] = [{"PipelineDefinition": "{"}, {"PipelineDefinitionS3Location": place}]
    for update in updates:
        error = refusal(sagemaker.update_pipeline, PipelineName="kept", PipelineDescription="changed", **update)
        assert error["Code"] == "ValidationException"
    kept = sagemaker.describe_pipeline(PipelineName="kept")
    assert (kept["PipelineDefinition"], kept.get("PipelineDescription")) == (definition(), None)
    versions = sagemaker.list_pipeline_versions(PipelineName="kept")["PipelineVersionSummaries"]
    assert [version["PipelineVersionId"] for version in versions] == [1]


def test_no_literal_holds_up_the_server(sagemaker: Any) -> None:
    """Bedrock's pattern of job names would take centuries for this one, and no other request would be answered."""
    arguments = {
        "JobName": "a-" * 31 + "!",
        "ImportedModelName": "model",
        "RoleArn": ROLE,
        "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://bucket/m"}},
    }
    step = {"Name": "Import", "Type": "BedrockModelImport", "Arguments": arguments}
    text = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    assert create(sagemaker, "endless-pattern", text)["PipelineArn"]


def test_a_text_that_never_ends_holds_up_nobody(sagemaker: Any) -> None:
    """A megabyte that begins like an expression is read once, not once for each of its characters."""
    message = '{"Std:Join":' + " " * 1_000_000
    text = json.dumps({"Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}]})
    assert create(sagemaker, "endless-text", text)["PipelineArn"]
