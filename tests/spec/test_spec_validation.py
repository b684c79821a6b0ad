"""Requests against shapes: AWS's words, all violations at once, unknown and null members dropped."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, strategies

from stepwell.base.faults import Fault
from stepwell.spec import models, validation, wording

TRAINING = models.operation("sagemaker", "CreateTrainingJob")
PIPELINE = models.operation("sagemaker", "DescribePipeline")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


def training_job(**changes: Any) -> dict[str, Any]:
    """The smallest request SageMaker takes, changed."""
    request = {
        "TrainingJobName": "job",
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    }
    return {**request, **changes}


def message(operation: models.OperationModel, params: Any) -> str:
    with pytest.raises(Fault) as caught:
        validation.check(operation, params)
    assert caught.value.code == "ValidationException"
    return caught.value.message


def test_a_right_request_comes_back_as_it_was() -> None:
    assert validation.check(TRAINING, training_job()) == training_job()


COMPRESSION = ", ".join(models.service("sagemaker").shape("OutputCompressionType").enum)
VIOLATIONS = {
    "null": (
        {"RoleArn": None},
        "Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
    ),
    "pattern": (
        {"TrainingJobName": "x y"},
        "Value 'x y' at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression "
        "pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
    ),
    "too long": (
        {"TrainingJobName": "x" * 64},
        f"Value '{'x' * 64}' at 'trainingJobName' failed to satisfy constraint: Member must have length less than "
        "or equal to 63",
    ),
    "too short": (
        {"TrainingJobName": ""},
        "Value '' at 'trainingJobName' failed to satisfy constraint: Member must have length greater than or equal "
        "to 1",
    ),
    "a number too small": (
        {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": -1, "VolumeSizeInGB": 1}},
        "Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: Member must have value greater "
        "than or equal to 0",
    ),
    "an enum": (
        {"OutputDataConfig": {"S3OutputPath": "s3://b/o", "CompressionType": "ZIP"}},
        "Value 'ZIP' at 'outputDataConfig.compressionType' failed to satisfy constraint: Member must satisfy enum "
        f"value set: [{COMPRESSION}]",
    ),
    "inside a list": (
        {"Tags": [{"Key": "fine", "Value": "v"}, {"Key": "a#", "Value": "v"}]},
        "Value 'a#' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression "
        "pattern: ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
    ),
    "missing inside a list": (
        {"Tags": [{"Key": "k"}]},
        "Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
    ),
    "a list too long": (
        {"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]},
        None,
    ),
    "a list of scalars": (
        {"VpcConfig": {"SecurityGroupIds": ["bad id"], "Subnets": ["subnet-1"]}},
        "Value '[bad id]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must have length less than or equal to 32, Member must have length greater than or "
        "equal to 0, Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]",
    ),
    "a map's value": (
        {"HyperParameters": {"k": "v" * 2501}},
        None,
    ),
    "a map's key": (
        {"Environment": {"1k": "v"}},
        "Value '{1k=v}' at 'environment' failed to satisfy constraint: Map keys must satisfy constraint: [Member "
        "must have length less than or equal to 512, Member must have length greater than or equal to 0, Member "
        "must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]",
    ),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_each_constraint_in_the_words_of_aws(case: str) -> None:
    changes, expected = VIOLATIONS[case]
    text = message(TRAINING, training_job(**changes))
    assert text.startswith("1 validation error detected: Value ")
    if expected is not None:
        assert text == f"1 validation error detected: {expected}"


def test_all_violations_are_told_at_once() -> None:
    text = message(TRAINING, training_job(TrainingJobName="x y", RoleArn=None, Tags=[{"Key": "#", "Value": "#"}]))
    assert text.startswith("4 validation errors detected: ")
    assert text.count("; Value ") == 3


def test_a_long_list_of_violations_is_cut_but_counted() -> None:
    text = wording.summary([f"v{number}" for number in range(250)])
    assert text.startswith("250 validation errors detected: v0; v1; ")
    assert text.count(";") == wording.MOST_VIOLATIONS - 1


def test_a_long_value_is_cut() -> None:
    assert len(message(PIPELINE, {"PipelineName": "x" * 100_000})) < 2_000


def test_unknown_and_null_members_are_dropped_at_every_level() -> None:
    params = training_job(Unknown=1, Tags=[{"Key": "k", "Value": "v", "Other": {}}, None], Environment=None)
    params["ResourceConfig"] = {**params["ResourceConfig"], "KmsKeyId": None, "Zzz": []}
    expected = training_job(Tags=[{"Key": "k", "Value": "v"}])
    assert validation.check(TRAINING, params) == expected


def test_the_request_itself_is_not_changed() -> None:
    params = training_job(Unknown=1)
    validation.check(TRAINING, params)
    assert params == training_job(Unknown=1)


WRONG_TYPES = {
    "text for a number": (
        {"ResourceConfig": {"InstanceCount": "1"}},
        "STRING_VALUE can not be converted to an Integer",
    ),
    "number for text": ({"TrainingJobName": 1}, "NUMBER_VALUE can not be converted to a String"),
    "boolean for text": ({"TrainingJobName": True}, "TRUE_VALUE can not be converted to a String"),
    "boolean for a number": (
        {"ResourceConfig": {"InstanceCount": False}},
        "FALSE_VALUE can not be converted to an Integer",
    ),
    "text for a boolean": (
        {"EnableNetworkIsolation": "true"},
        "STRING_VALUE can not be converted to a Boolean",
    ),
    "structure for text": (
        {"TrainingJobName": {}},
        "Start of structure or map found where not expected.",
    ),
    "list for text": ({"TrainingJobName": []}, "Start of list found where not expected"),
    "text for a structure": ({"ResourceConfig": "x"}, "Unexpected STRING_VALUE: expected structure or null"),
    "text for a list": ({"Tags": "x"}, "Unexpected STRING_VALUE: expected list or null"),
    "list for a map": ({"Environment": []}, "Start of list found where not expected"),
    "not a number": (
        {"ResourceConfig": {"InstanceCount": float("nan")}},
        "NUMBER_VALUE can not be converted to an Integer",
    ),
}


@pytest.mark.parametrize("case", WRONG_TYPES)
def test_wrong_types_name_their_place(case: str) -> None:
    changes, problem = WRONG_TYPES[case]
    with pytest.raises(Fault) as caught:
        validation.check(TRAINING, training_job(**changes))
    name = next(iter(changes))
    assert caught.value.code == "SerializationException"
    assert caught.value.message.startswith(f"{problem} at '{wording.lower_camel(name)}")


def test_whole_numbers_are_truncated_as_aws_does() -> None:
    params = training_job(StoppingCondition={"MaxRuntimeInSeconds": 60.0})
    assert validation.check(TRAINING, params)["StoppingCondition"]["MaxRuntimeInSeconds"] == 60


LISTING = models.operation("sagemaker", "ListPipelines")


@pytest.mark.parametrize(
    "value", [1_600_000_000, 1_600_000_000.0, "2020-09-13T12:26:40Z", "2020-09-13T14:26:40+02:00"]
)
def test_times_become_epoch_seconds(value: object) -> None:
    assert validation.check(LISTING, {"CreatedAfter": value}) == {"CreatedAfter": 1_600_000_000.0}


@pytest.mark.parametrize("value", ["yesterday", True, float("inf"), [], {}])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(Fault, match="SerializationException"):
        validation.check(LISTING, {"CreatedAfter": value})


def test_blobs_are_bytes_base64_or_streams() -> None:
    invoke = models.operation("sagemaker-runtime", "InvokeEndpoint")
    stream = io.BytesIO(b"x")
    for given_body, kept in ((b"x", b"x"), ("eA==", b"x"), (stream, stream)):
        checked = validation.check(invoke, {"EndpointName": "e", "Body": given_body})
        assert checked["Body"] == kept
    with pytest.raises(Fault, match="can not be converted to a Blob"):
        validation.check(invoke, {"EndpointName": "e", "Body": "no base64!"})


def test_secrets_are_not_repeated() -> None:
    shape = models.service("iam").shape("passwordType")
    assert shape.traits["sensitive"]
    assert validation.violations(shape, "") == [
        "Value at '' failed to satisfy constraint: Member must have length greater than or equal to 1"
    ]


def test_maps_of_structures_name_the_key() -> None:
    shape = models.operation("logs", "PutLogEvents").input_shape
    assert shape is not None
    assert validation.violations(
        shape, {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"message": "m"}]}
    ) == ["Value null at 'logEvents.1.member.timestamp' failed to satisfy constraint: Member must not be null"]


CODES = {
    ("sagemaker", "DescribePipeline"): "ValidationException",
    ("events", "PutRule"): "ValidationException",
    ("lambda", "GetFunction"): "ValidationException",
    ("logs", "CreateLogGroup"): "InvalidParameterException",
    ("sqs", "SendMessage"): "MissingParameter",
    ("iam", "GetRole"): "ValidationError",
    ("cloudformation", "CreateStack"): "ValidationError",
    ("s3", "CreateBucket"): "InvalidRequest",
}


@pytest.mark.parametrize(("service", "name"), CODES)
def test_each_service_has_its_code(service: str, name: str) -> None:
    with pytest.raises(Fault) as caught:
        validation.check(models.operation(service, name), {})
    assert caught.value.code == CODES[service, name]
    assert caught.value.status == 400


def test_s3_tells_arguments_from_bodies() -> None:
    put = models.operation("s3", "PutObject")
    with pytest.raises(Fault, match="InvalidArgument: Invalid value 'COLD' for x-amz-storage-class"):
        validation.check(put, {"Bucket": "b", "Key": "k", "StorageClass": "COLD"})
    delete = models.operation("s3", "DeleteObjects")
    with pytest.raises(Fault, match="MalformedXML"):
        validation.check(delete, {"Bucket": "b", "Delete": {"Objects": [{}]}})


def test_operations_without_input_drop_everything() -> None:
    assert validation.check(models.operation("sts", "GetCallerIdentity"), {"X": 1}) == {}


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    strategies.dictionaries(strategies.sampled_from(sorted(TRAINING.input_shape.members)), JSON)  # type: ignore[union-attr]
)
def test_nothing_but_faults_comes_of_any_json(params: dict[str, Any]) -> None:
    with pytest.raises(Fault):
        validation.check(TRAINING, {**params, "RoleArn": None})


@pytest.mark.parametrize("value", [10**400, float("inf"), float("nan"), True, "tomorrow"])
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(Fault) as caught:
        validation.check(models.operation("sagemaker", "ListTrainingJobs"), {"CreationTimeAfter": value})
    assert "Timestamp" in caught.value.message
