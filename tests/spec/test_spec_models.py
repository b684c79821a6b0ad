"""The view of botocore's models: complete, lazy, one object per name, the newest version."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import botocore.loaders
import botocore.model
import pytest

from stepwell.spec import corrections, models

SERVICES = ("sagemaker", "s3", "sts", "iam", "logs", "lambda", "sqs", "events", "scheduler", "cloudformation")


@pytest.mark.parametrize("name", SERVICES)
def test_every_operation_of_botocore_is_there_in_its_newest_version(name: str) -> None:
    theirs = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)
    ours = models.service(name)
    assert list(ours.operation_names) == theirs.operation_names
    assert ours.api_version == theirs.api_version
    assert ours.signing_name == theirs.signing_name
    assert ours.endpoint_prefix == theirs.endpoint_prefix
    for operation_name in theirs.operation_names:
        their_input = theirs.operation_model(operation_name).input_shape
        our_input = ours.operation(operation_name).input_shape
        assert (our_input is None) == (their_input is None)
        if our_input is not None and their_input is not None:
            assert list(our_input.members) == list(their_input.members)
            assert list(our_input.required) == their_input.required_members


PROTOCOLS = {
    "sagemaker": "json",
    "sqs": "json",
    "servicecatalog": "json",
    "lambda": "rest-json",
    "s3": "rest-xml",
    "sts": "query",
}


@pytest.mark.parametrize(("name", "protocol"), PROTOCOLS.items())
def test_the_protocol_is_what_botocore_clients_speak(name: str, protocol: str) -> None:
    assert models.service(name).protocol == protocol


def test_metadata_of_sagemaker() -> None:
    service = models.service("sagemaker")
    assert service.target_prefix == "SageMaker"
    assert service.endpoint_prefix == "api.sagemaker"
    assert service.json_version == "1.1"
    assert models.service("sqs").json_version == "1.0"
    assert models.service("iam").xml_namespace == "https://iam.amazonaws.com/doc/2010-05-08/"
    assert service.xml_namespace is None


def test_one_object_per_name_from_all_threads() -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: models.operation("codecommit", "GetFile").input_shape, range(64)))
    assert len(found) == 1


def test_members_carry_their_place_on_the_wire() -> None:
    put = models.operation("s3", "PutObject")
    assert put.input_shape is not None
    content_type = put.input_shape.members["ContentType"]
    assert (content_type.location, content_type.wire_name) == ("header", "Content-Type")
    assert put.streaming_input is put.input_shape.payload
    assert models.operation("s3", "GetObject").streaming_output is not None
    assert models.operation("sagemaker", "CreateModel").streaming_input is None
    assert put.method == "PUT"
    assert models.operation("s3", "DeleteObject").success_status == 204
    assert models.operation("sagemaker", "DeleteModel").output_shape is None


def test_errors_by_the_code_clients_see() -> None:
    assert models.service("iam").errors["NoSuchEntity"].name == "NoSuchEntityException"
    assert "ResourceInUse" in models.service("sagemaker").errors
    shapes = models.operation("sagemaker", "CreateTrainingJob").error_shapes
    assert {shape.name for shape in shapes} == {"ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound"}


def test_recursive_shapes_do_not_end() -> None:
    search = models.operation("sagemaker", "Search").input_shape
    assert search is not None
    expression = search.members["SearchExpression"].shape
    again = expression.members["SubExpressions"].shape.element.shape
    assert again is expression


@pytest.mark.parametrize("name", ["nosuch", "../sagemaker", "sagemaker/2017-07-24", "", ".", "*"])
def test_unknown_services(name: str) -> None:
    with pytest.raises(models.UnknownServiceError):
        models.service(name)


def test_unknown_operations() -> None:
    with pytest.raises(models.UnknownOperationError, match="sagemaker has no operation Describe"):
        models.operation("sagemaker", "Describe")


def test_prose_is_not_kept() -> None:
    shape = models.service("sagemaker").shape("CreateTrainingJobRequest")
    assert "documentation" not in shape.traits
    assert all("documentation" not in member.traits for member in shape.members.values())


def test_botocore_is_not_imported() -> None:
    program = (
        "import sys; from stepwell.spec import models, validation; models.service('sagemaker');"
        "sys.exit('botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(("service", "shape"), corrections.PATTERNS)
def test_each_corrected_pattern_still_differs_from_the_model(service: str, shape: str) -> None:
    stated = models.data_file(service, "service-2")
    assert stated is not None
    assert stated["shapes"][shape]["pattern"] != corrections.PATTERNS[service, shape]
    assert models.service(service).shape(shape).traits.get("pattern") == corrections.PATTERNS[service, shape]


@pytest.mark.parametrize(("service", "operation"), corrections.OPERATIONS)
def test_each_corrected_operation_exists(service: str, operation: str) -> None:
    traits = models.operation(service, operation).traits
    assert corrections.OPERATIONS[service, operation].items() <= traits.items()
