"""Unmodified boto3 clients against a server on a port, one protocol after the other."""

from __future__ import annotations

import io
import os
import tracemalloc
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError, EventStreamError
from gateway_server import ACCOUNT, PRINCIPAL, REGION, Running

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.gateway.body import BodyStream
from stepwell.gateway.door import Key

MIB = 1024 * 1024


def refused(call: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_sagemaker_json(gateway: Running) -> None:
    gateway.door.answers["DescribePipeline"] = {
        "PipelineName": "p",
        "CreationTime": 1632255010.504,
        "RoleArn": None,
        "_row": 7,
    }
    answer = gateway.client("sagemaker").describe_pipeline(PipelineName="pipeline")
    assert gateway.door.calls == [
        (Scope(ACCOUNT, REGION, PRINCIPAL), "sagemaker", "DescribePipeline", {"PipelineName": "pipeline"})
    ]
    metadata = answer.pop("ResponseMetadata")
    assert answer["PipelineName"] == "p"
    assert answer["CreationTime"].timestamp() == 1632255010.504
    assert set(answer) == {"PipelineName", "CreationTime"}
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]
    assert metadata["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.1"
    assert metadata["HTTPHeaders"]["date"].endswith(" GMT")


def test_an_operation_without_output_answers_nothing(gateway: Running) -> None:
    gateway.door.answers["DeleteModel"] = {}
    headers = gateway.client("sagemaker").delete_model(ModelName="m")["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["content-length"], headers["content-type"]) == ("0", "application/x-amz-json-1.1")


def test_violations_come_back_in_one_message(gateway: Running) -> None:
    client = gateway.client("sagemaker")
    with pytest.raises(ClientError, match="2 validation errors detected: Value 'a b' at 'pipelineName' failed"):
        client.update_pipeline(PipelineName="a b", PipelineDisplayName="c d")


def test_what_is_not_built_says_its_name(gateway: Running) -> None:
    client = gateway.client("sagemaker")
    with pytest.raises(ClientError, match="sagemaker:DescribeHub") as caught:
        client.describe_hub(HubName="h")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_modelled_errors_become_exceptions(gateway: Running) -> None:
    gateway.door.answers["DescribePipeline"] = Fault("ResourceNotFound", "Pipeline 'x' does not exist.")
    client = gateway.client("sagemaker")
    with pytest.raises(client.exceptions.ResourceNotFound) as caught:
        client.describe_pipeline(PipelineName="x")
    assert caught.value.response["Message"] == "Pipeline 'x' does not exist."
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_bug_is_answered_without_a_word_about_it(gateway: Running, caplog: pytest.LogCaptureFixture) -> None:
    gateway.door.answers["DescribePipeline"] = RuntimeError("the private reason")
    with pytest.raises(ClientError) as caught:
        gateway.client("sagemaker").describe_pipeline(PipelineName="x")
    answer = caught.value.response
    assert answer["Error"]["Code"] == "InternalFailure"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "private" not in str(answer)
    assert answer["ResponseMetadata"]["RequestId"] in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["RequestId"] in caplog.text
    assert "the private reason" in caplog.text


def test_an_answer_that_cannot_be_written_is_a_bug(gateway: Running) -> None:
    gateway.door.answers["DescribePipeline"] = {"PipelineName": object()}
    assert refused(gateway.client("sagemaker").describe_pipeline, PipelineName="x") == ("InternalFailure", 500)


def test_sts_query(gateway: Running) -> None:
    gateway.door.answers["GetCallerIdentity"] = {"UserId": "U", "Account": ACCOUNT, "Arn": PRINCIPAL}
    answer = gateway.client("sts").get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (ACCOUNT, PRINCIPAL)
    assert answer["ResponseMetadata"]["RequestId"]


def test_sts_takes_a_token_of_another_kind_unsigned(gateway: Running) -> None:
    gateway.door.answers["AssumeRoleWithWebIdentity"] = {"SubjectFromWebIdentityToken": "s"}
    answer = gateway.client("sts").assume_role_with_web_identity(
        RoleArn=PRINCIPAL, RoleSessionName="session", WebIdentityToken="token"
    )
    assert answer["SubjectFromWebIdentityToken"] == "s"
    assert gateway.door.calls[0][0] == Scope("", "us-east-1")


def test_iam_query(gateway: Running) -> None:
    gateway.door.answers["CreateRole"] = lambda scope, params: {
        "Role": {
            "RoleName": params["RoleName"],
            "Path": "/",
            "RoleId": "I",
            "Arn": "a",
            "CreateDate": 0.0,
            "Tags": params["Tags"],
            "Description": params["Description"],
        }
    }
    tags = [{"Key": "k=1", "Value": "v é"}, {"Key": "k2", "Value": ""}]
    text = "<&> \r\n 'x' \"é\""
    role = gateway.client("iam").create_role(
        RoleName="R", AssumeRolePolicyDocument="{}", Tags=tags, Description=text
    )["Role"]
    assert (role["Tags"], role["Description"]) == (tags, text)
    assert role["CreateDate"].year == 1970


def test_iam_errors(gateway: Running) -> None:
    gateway.door.answers["GetRole"] = Fault("NoSuchEntity", "The role with name <x> cannot be found.")
    client = gateway.client("iam")
    with pytest.raises(client.exceptions.NoSuchEntityException, match="<x>") as caught:
        client.get_role(RoleName="x")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert caught.value.response["Error"]["Type"] == "Sender"


def test_lambda_rest_json(gateway: Running) -> None:
    gateway.door.answers["Invoke"] = lambda scope, params: {
        "StatusCode": 200,
        "Payload": params["Payload"] + b"!",
        "ExecutedVersion": params["FunctionName"],
    }
    answer = gateway.client("lambda").invoke(
        FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:f", Payload=b'{"a": 1}'
    )
    assert answer["Payload"].read() == b'{"a": 1}!'
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (
        200,
        "arn:aws:lambda:eu-west-1:123456789012:function:f",
    )


def test_lambda_errors(gateway: Running) -> None:
    gateway.door.answers["GetFunction"] = Fault(
        "ResourceNotFoundException", "Function not found: f", 404, {"Type": "User"}
    )
    client = gateway.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_function(FunctionName="f")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert caught.value.response["Type"] == "User"


def test_logs_and_sqs_json(gateway: Running) -> None:
    gateway.door.answers["GetLogEvents"] = {"events": [{"timestamp": 1, "message": "m"}], "nextForwardToken": "f"}
    answer = gateway.client("logs").get_log_events(logGroupName="g", logStreamName="s")
    assert answer["events"] == [{"timestamp": 1, "message": "m"}]
    gateway.door.answers["GetQueueUrl"] = Fault("QueueDoesNotExist", "The specified queue does not exist.")
    client = gateway.client("sqs")
    with pytest.raises(client.exceptions.QueueDoesNotExist) as caught:
        client.get_queue_url(QueueName="q")
    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_services_that_are_not_served_are_known_all_the_same(gateway: Running) -> None:
    assert refused(gateway.client("dynamodb").list_tables) == ("NotImplementedException", 501)
    assert refused(gateway.client("stepfunctions").list_state_machines) == ("NotImplementedException", 501)


def test_s3_objects(gateway: Running) -> None:
    s3 = gateway.client("s3")
    for key in ("plain", "a b/é+c&d=?#%20", "a//b/../c", "./x", "trailing/"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"hello", Metadata={"name": "value"}, ContentType="text/x")
        assert gateway.door.objects[key] == b"hello"
        params = gateway.door.calls[-1][3]
        assert (params["Metadata"], params["ContentType"]) == ({"name": "value"}, "text/x")
        answer = s3.get_object(Bucket="bucket", Key=key)
        assert (answer["Body"].read(), answer["Metadata"]) == (b"hello", {"a": "b"})
        assert s3.head_object(Bucket="bucket", Key=key)["ContentLength"] == 5


def test_s3_errors(gateway: Running) -> None:
    s3 = gateway.client("s3")
    with pytest.raises(s3.exceptions.NoSuchKey) as caught:
        s3.get_object(Bucket="bucket", Key="none")
    assert caught.value.response["Error"]["Key"] == "none"
    assert caught.value.response["ResponseMetadata"]["HostId"]
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket="bucket", Key="none")
    assert caught.value.response["Error"] == {"Code": "404", "Message": "Not Found"}


def test_s3_body_less_answers(gateway: Running) -> None:
    gateway.door.answers["DeleteObject"] = {"VersionId": "v"}
    answer = gateway.client("s3").delete_object(Bucket="bucket", Key="k")
    assert (answer["VersionId"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("v", 204)
    gateway.door.answers["GetObject"] = Fault("NotModified", "Not Modified", 304)
    assert refused(gateway.client("s3").get_object, Bucket="bucket", Key="k") == ("304", 304)


@pytest.mark.parametrize(("region", "shown"), [("eu-west-1", "eu-west-1"), (None, None), ("", None)])
def test_s3_locations_are_the_root_itself(gateway: Running, region: str | None, shown: str | None) -> None:
    gateway.door.answers["GetBucketLocation"] = {"LocationConstraint": region}
    answer = gateway.client("s3").get_bucket_location(Bucket="bucket")
    assert answer["LocationConstraint"] == shown


def test_s3_listing(gateway: Running) -> None:
    gateway.door.answers["ListObjectsV2"] = lambda scope, params: {
        "Name": params["Bucket"],
        "Prefix": quote(params["Prefix"]),
        "KeyCount": 1,
        "EncodingType": params["EncodingType"],
        "Contents": [{"Key": "a%20b", "Size": 1, "LastModified": 0.5, "ETag": '"e"'}],
        "CommonPrefixes": [{"Prefix": "p/"}],
    }
    answer = gateway.client("s3").list_objects_v2(Bucket="bucket", Prefix="a b+c/", Delimiter="/")
    assert answer["Prefix"] == "a b+c/"
    assert answer["Contents"][0]["Key"] == "a b"
    assert answer["CommonPrefixes"] == [{"Prefix": "p/"}]


def test_s3_deletes_many(gateway: Running) -> None:
    gateway.door.answers["DeleteObjects"] = lambda scope, params: {"Deleted": params["Delete"]["Objects"]}
    keys = [{"Key": f"key <{number}> &"} for number in range(1000)]
    answer = gateway.client("s3").delete_objects(Bucket="bucket", Delete={"Objects": keys})
    assert answer["Deleted"] == keys


def test_s3_multipart(gateway: Running) -> None:
    content = os.urandom(17 * MIB + 5)
    gateway.client("s3").upload_fileobj(io.BytesIO(content), "bucket", "parts")
    assert gateway.door.objects["parts"] == content


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_s3_presigned_urls(gateway: Running, version: str) -> None:
    s3 = gateway.client("s3", config={"signature_version": version})
    params = {"Bucket": "bucket", "Key": "a b/é+c"}
    request = urllib.request.Request(s3.generate_presigned_url("put_object", Params=params), b"sent", method="PUT")
    request.add_header("Content-Type", "")
    urllib.request.urlopen(request).close()
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", Params=params)) as answer:
        assert answer.read() == b"sent"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(s3.generate_presigned_url("get_object", Params=params, ExpiresIn=-100))
    with caught.value as error:
        assert error.code in (400, 403)


def test_s3_virtual_hosts(gateway: Running) -> None:
    gateway.door.objects["k"] = b"x"
    s3 = gateway.client("s3", config={"signature_version": "s3v4"})
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    with urllib.request.urlopen(url):
        pass
    assert gateway.door.calls[-1][3]["Bucket"] == "bucket"


@pytest.mark.parametrize("service", ["sagemaker", "s3", "sts", "lambda"])
def test_each_protocol_refuses_the_wrong_secret(gateway: Running, service: str) -> None:
    client = gateway.client(service, secret="wrong")
    calls = {
        "sagemaker": (lambda: client.list_models(), ("InvalidSignatureException", 400)),
        "s3": (lambda: client.list_buckets(), ("SignatureDoesNotMatch", 403)),
        "sts": (lambda: client.get_caller_identity(), ("SignatureDoesNotMatch", 403)),
        "lambda": (lambda: client.list_functions(), ("InvalidSignatureException", 403)),
    }
    call, expected = calls[service]
    assert refused(call) == expected
    assert gateway.door.calls == []


def test_sessions(gateway: Running) -> None:
    gateway.keys.keys["ASIA"] = Key("s", "token", ACCOUNT, PRINCIPAL, clock.now() + 60)
    gateway.door.answers["ListModels"] = {"Models": []}
    gateway.client("sagemaker", access_key="ASIA", secret="s", token="token").list_models()
    wrong = gateway.client("sagemaker", access_key="ASIA", secret="s", token="other")
    assert refused(wrong.list_models) == ("UnrecognizedClientException", 400)
    gateway.keys.keys["ASIA"] = Key("s", "token", ACCOUNT, PRINCIPAL, clock.now() - 60)
    late = gateway.client("sagemaker", access_key="ASIA", secret="s", token="token")
    assert refused(late.list_models) == ("ExpiredTokenException", 400)


def test_event_streams(gateway: Running) -> None:
    parts = [{"PayloadPart": {"Bytes": b"one"}}, {"PayloadPart": {"Bytes": b"\x00two"}}]
    gateway.door.answers["InvokeEndpointWithResponseStream"] = {"Body": parts, "ContentType": "text/plain"}
    client = gateway.client("sagemaker-runtime")
    answer = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"x")
    assert list(answer["Body"]) == parts
    answer["Body"].close()


def failing_events() -> Iterator[Document]:
    yield {"PayloadPart": {"Bytes": b"one"}}
    raise Fault("ModelStreamError", "the model has gone")


def test_event_streams_may_fail_on_the_way(gateway: Running) -> None:
    gateway.door.answers["InvokeEndpointWithResponseStream"] = {"Body": failing_events()}
    client = gateway.client("sagemaker-runtime")
    stream = client.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"x")["Body"]
    events = iter(stream)
    assert next(events)
    with pytest.raises(EventStreamError, match=r"ModelStreamError.*the model has gone"):
        next(events)
    stream.close()


class Counted:
    """A stream of the Door's that counts what is taken of it."""

    def __init__(self, pieces: int, *, knows_length: bool = True) -> None:
        self.length = pieces * MIB if knows_length else None
        self._pieces = pieces
        self.taken = 0
        self.is_closed = False

    def iterate(self) -> Iterator[bytes]:
        for _ in range(self._pieces):
            self.taken += 1
            yield b"x" * MIB

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("knows_length", [True, False])
def test_answers_stream(gateway: Running, knows_length: bool) -> None:
    stream = Counted(5, knows_length=knows_length)
    gateway.door.answers["GetObject"] = {"Body": stream}
    assert gateway.client("s3").get_object(Bucket="bucket", Key="k")["Body"].read() == b"x" * (5 * MIB)
    wait_until(lambda: stream.is_closed)


def test_a_stream_ends_with_its_reader(gateway: Running) -> None:
    stream = Counted(10_000)
    gateway.door.answers["GetObject"] = {"Body": stream}
    url = gateway.client("s3").generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read(10) == b"x" * 10
    wait_until(lambda: stream.is_closed)
    assert stream.taken < 1000


class Unreadable:
    length = 5

    def iterate(self) -> Iterator[bytes]:
        raise FileNotFoundError("gone")


def test_a_stream_that_cannot_be_opened_is_an_error_not_a_broken_answer(gateway: Running) -> None:
    gateway.door.answers["GetObject"] = {"Body": Unreadable()}
    assert refused(gateway.client("s3").get_object, Bucket="bucket", Key="k") == ("InternalError", 500)


def wait_until(is_true: Any) -> None:
    deadline = clock.monotonic() + 10
    while not is_true() and clock.monotonic() < deadline:
        clock.sleep(0.01)
    assert is_true()


def test_memory_stays_flat_while_100_mib_pass(gateway: Running) -> None:
    seen: list[int] = []

    def take(scope: Scope, params: Document) -> Document:
        body: BodyStream = params["Body"]
        seen.append(sum(len(piece) for piece in body.pieces()))
        return {"ETag": '"e"'}

    gateway.door.answers["PutObject"] = take
    gateway.door.answers["GetObject"] = {"Body": Counted(100)}
    s3 = gateway.client("s3")
    s3.put_object(Bucket="bucket", Key="warm", Body=b"x")
    tracemalloc.start()
    try:
        s3.put_object(Bucket="bucket", Key="big", Body=Zeros(100 * MIB))
        taken = 0
        for piece in s3.get_object(Bucket="bucket", Key="big")["Body"].iter_chunks(MIB):
            taken += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == [1, 100 * MIB]
    assert taken == 100 * MIB
    # Server and client share the process.
    assert peak < 24 * MIB


class Zeros(io.RawIOBase):
    """A file of zeros that is nowhere."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._position = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = {0: 0, 1: self._position, 2: self._length}[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        left = self._length - self._position
        count = left if size is None or size < 0 else min(size, left)
        self._position += count
        return bytes(count)
