"""botocore's serializers -> our parsers, our renderers -> botocore's parsers, over the shapes of real services."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import urlsplit

import botocore.awsrequest
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest
from botocore.awsrequest import HeadersDict
from gateway_documents import any_document, for_botocore, from_botocore, full
from hypothesis import HealthCheck, given, settings, strategies

from stepwell.base.documents import Document
from stepwell.gateway import routing
from stepwell.gateway.body import BodyStream, Held
from stepwell.gateway.protocols import CODECS
from stepwell.gateway.request import Request, from_scope
from stepwell.gateway.responses import Response
from stepwell.spec import models
from stepwell.spec.models import OperationModel

SERVICES = (
    *("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "s3", "sts", "iam", "logs", "lambda", "sqs"),
    *("events", "scheduler", "cloudformation", "ecr", "servicecatalog", "codecommit", "codebuild", "codepipeline"),
    "emr-serverless",
)

SAME_FORM = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}
"""S3 operations no request can tell apart; the deprecated ones lose."""

RAW_IN_CLIENT = {"GetBucketLocation"}
"""botocore's client reads these answers by hooks of its own, not by its parser; a test with a client covers them."""


@functools.cache
def botocore_service(name: str) -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def serialized(operation: OperationModel, params: Document) -> tuple[Request, bytes]:
    """The request botocore makes of `params`."""
    service = operation.service
    serializer = botocore.serialize.create_serializer(service.protocol, include_validation=False)
    shape = operation.input_shape
    plain = for_botocore(shape, params) if shape else {}
    made = serializer.serialize_to_request(plain, botocore_service(service.name).operation_model(operation.name))
    botocore.awsrequest.prepare_request_dict(made, endpoint_url="https://example.internal")
    sent = botocore.awsrequest.create_request_object(made).prepare()
    url = urlsplit(sent.url)
    body = sent.body if sent.body is not None else b""
    body = body.encode() if isinstance(body, str) else bytes(body)
    headers = [
        (name.lower().encode(), value if isinstance(value, bytes) else str(value).encode())
        for name, value in sent.headers.items()
    ]
    scope = {
        "method": sent.method,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "headers": headers,
    }
    return from_scope(scope), body


def parsed(operation: OperationModel, request: Request, body: bytes) -> tuple[str, Document]:
    """What our gateway reads from the request: the operation it finds, and the parameters."""
    form = body if routing.needs_form(request, operation.service.signing_name) else b""
    route = routing.route(request, operation.service.signing_name, form)
    params = CODECS[route.protocol].parse(route, request, BodyStream(Held(body)))
    payload = operation.input_shape.payload if operation.input_shape else None
    if payload and isinstance(params.get(payload.name), BodyStream):
        params[payload.name] = params[payload.name].read()
    return route.operation.name, params


def answered(operation: OperationModel, response: Response) -> Document:
    """What botocore's client would return for our response."""
    parser = botocore.parsers.create_parser(operation.service.protocol)
    assert isinstance(response.body, bytes)
    headers = HeadersDict(response.headers)
    raw = {"status_code": response.status, "headers": headers, "body": response.body, "context": {}}
    shape = botocore_service(operation.service.name).operation_model(operation.name).output_shape
    found = parser.parse(raw, shape)
    found.pop("ResponseMetadata", None)
    ours = operation.output_shape
    return from_botocore(ours, found) if ours else found


def every_operation() -> list[Any]:
    return [pytest.param(service, id=service) for service in SERVICES]


@pytest.mark.parametrize("service", every_operation())
def test_every_operation_reads_what_botocore_writes(service: str) -> None:
    for name in models.operations(service):
        operation = models.operation(service, name)
        params = full(operation.input_shape) if operation.input_shape else {}
        request, body = serialized(operation, params)
        found, read = parsed(operation, request, body)
        assert found == SAME_FORM.get(name, name)
        if name not in SAME_FORM:
            assert read == params, name


def is_event_stream(operation: OperationModel) -> bool:
    members = operation.output_shape.members.values() if operation.output_shape else ()
    return any(member.shape.traits.get("eventstream") for member in members)


@pytest.mark.parametrize("service", every_operation())
def test_every_operation_writes_what_botocore_reads(service: str) -> None:
    for name in models.operations(service):
        operation = models.operation(service, name)
        if name in RAW_IN_CLIENT or name in SAME_FORM or is_event_stream(operation):
            continue
        output = full(operation.output_shape) if operation.output_shape else {}
        private = {**output, "PrivateNote": "stays here", "_row": 1}
        response = CODECS[operation.service.protocol].render(operation, private, "request-id")
        assert answered(operation, response) == output, name
        assert b"stays here" not in response.body


CASES = {
    "json": ("sagemaker", "CreateTrainingJob"),
    "json tree": ("sagemaker", "Search"),
    "json 1.0": ("sqs", "SendMessage"),
    "rest-json": ("lambda", "CreateFunction"),
    "rest-xml": ("s3", "PutBucketLifecycleConfiguration"),
    "query": ("cloudformation", "CreateStack"),
}


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=strategies.data())
def test_any_request_is_read_back(case: str, data: strategies.DataObject) -> None:
    service, name = CASES[case]
    operation = models.operation(service, name)
    shape = operation.input_shape
    assert shape is not None
    located = {key: item for key, item in full(shape).items() if shape.members[key].location}
    params = {**data.draw(any_document(shape)), **located}
    payload = shape.payload
    if payload is not None:
        params.setdefault(payload.name, {})
    request, body = serialized(operation, params)
    found, read = parsed(operation, request, body)
    assert (found, pruned(read)) == (name, pruned(params))


ANSWERS = {
    "json": ("sagemaker", "DescribeTrainingJob"),
    "json tree": ("sagemaker", "DescribePipeline"),
    "rest-json": ("lambda", "GetFunction"),
    "rest-xml": ("s3", "ListObjectsV2"),
    "rest-xml lists": ("s3", "ListObjectVersions"),
    "query": ("iam", "GetRole"),
    "query lists": ("cloudformation", "DescribeStacks"),
}


@pytest.mark.parametrize("case", ANSWERS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=strategies.data())
def test_any_answer_is_read_back(case: str, data: strategies.DataObject) -> None:
    service, name = ANSWERS[case]
    operation = models.operation(service, name)
    assert operation.output_shape is not None
    output = data.draw(any_document(operation.output_shape))
    response = CODECS[operation.service.protocol].render(operation, output, "request-id")
    assert pruned(answered(operation, response)) == pruned(output)


def pruned(value: Any) -> Any:
    """Without empty structures: in forms and flattened XML they cannot be told from absent ones."""
    if isinstance(value, dict):
        kept = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ({}, [{}], [])}
    if isinstance(value, list):
        return [item for item in map(pruned, value) if item != {}]
    return value
