"""What goes over the wire, byte by byte: signatures before bodies, aws-chunked, hostile and broken requests."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import socket
import xml.etree.ElementTree
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from gateway_server import ACCESS_KEY, REGION, SECRET, Running, running
from test_gateway_bodies import CHECKSUM, framed

from stepwell.base import clock
from stepwell.base.faults import Fault
from stepwell.gateway.app import SMALL_BODY
from stepwell.gateway.chunks import ChunkSigning
from stepwell.gateway.protocols import limits
from stepwell.gateway.signature import derived_key

MIB = 1024 * 1024


def head(
    gateway: Running,
    method: str = "PUT",
    path: str = "/bucket/key",
    *,
    service: str = "s3",
    secret: str = SECRET,
    sha256: str | None = "UNSIGNED-PAYLOAD",
    body: bytes = b"",
    **headers: str,
) -> dict[str, str]:
    """The headers of a signed request."""
    request = botocore.awsrequest.AWSRequest(method, gateway.url + path, data=body)
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    credentials = botocore.credentials.Credentials(ACCESS_KEY, secret)
    signer = botocore.auth.SigV4Auth(credentials, service, REGION)
    if sha256 is not None:
        request.headers["x-amz-content-sha256"] = sha256

        class Declared(botocore.auth.S3SigV4Auth):  # type: ignore[misc]
            def payload(self, _: Any) -> str:
                return sha256 or ""

        signer = Declared(credentials, service, REGION)
    signer.add_auth(request)
    return {"host": f"127.0.0.1:{gateway.port}", **dict(request.headers.items())}


def text(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def ask(
    gateway: Running, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def code(content: bytes) -> str:
    """The error's code, in whatever protocol."""
    if content.startswith(b"{"):
        return str(json.loads(content)["__type"])
    found = re.search(rb"<Code>([^<]*)</Code>", content)
    assert found is not None, content
    return found[1].decode()


def sagemaker(
    gateway: Running, body: bytes, operation: str = "DescribePipeline", **options: Any
) -> tuple[int, bytes]:
    headers = head(
        gateway,
        "POST",
        "/",
        service="sagemaker",
        sha256=None,
        body=body,
        X_Amz_Target=f"SageMaker.{operation}",
        Content_Type="application/x-amz-json-1.1",
        **options,
    )
    status, _, content = ask(gateway, "POST", "/", headers, body)
    return status, content


class TestContinue:
    """`Expect: 100-continue`, which botocore sends with every PutObject."""

    def test_the_body_is_asked_for_and_taken(self, gateway: Running) -> None:
        headers = head(gateway, Content_Length="5", Expect="100-continue")
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            connection.sendall(text("PUT", "/bucket/key", headers))
            assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(b"hello")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert gateway.door.objects["key"] == b"hello"

    def test_a_refused_body_is_not_asked_for(self, gateway: Running) -> None:
        headers = head(gateway, secret="wrong", Content_Length=str(100 * MIB), Expect="100-continue")
        answer = gateway.exchange(text("PUT", "/bucket/key", headers))
        assert answer.startswith(b"HTTP/1.1 403 Forbidden")
        assert b"connection: close" in answer.lower()
        assert b"100 Continue" not in answer
        assert b"SignatureDoesNotMatch" in answer

    def test_a_refused_body_that_comes_anyway_is_answered(self, gateway: Running) -> None:
        headers = head(gateway, secret="wrong")
        status, _, content = ask(gateway, "PUT", "/bucket/key", headers, b"x" * (8 * MIB))
        assert (status, code(content)) == (403, "SignatureDoesNotMatch")

    def test_the_connection_lives_on_after_a_small_refusal(self, gateway: Running) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        for secret, status in (("wrong", 403), (SECRET, 200), ("wrong", 403), (SECRET, 200)):
            headers = head(gateway, secret=secret)
            connection.request("PUT", "/bucket/key", body=b"y" * (SMALL_BODY * 2), headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
        connection.close()


class TestChunked:
    """aws-chunked over the wire."""

    @pytest.mark.parametrize("is_chunked_http", [False, True])
    def test_unsigned_with_a_trailer(self, gateway: Running, is_chunked_http: bool) -> None:
        raw = framed([b"hello", b"world"], trailers=[(CHECKSUM, "NhCmhg==")])
        headers = head(
            gateway,
            sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            X_Amz_Trailer=CHECKSUM,
            X_Amz_Decoded_Content_Length="10",
            Content_Encoding="aws-chunked",
        )
        if is_chunked_http:
            headers["Transfer-Encoding"] = "chunked"
            raw = b"%x\r\n%s\r\n0\r\n\r\n" % (len(raw), raw)
        else:
            headers["Content-Length"] = str(len(raw))
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            connection.sendall(text("PUT", "/bucket/key", headers) + raw)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert gateway.door.objects["key"] == b"helloworld"

    @pytest.mark.parametrize("has_trailer", [False, True])
    @pytest.mark.parametrize("tampered", [False, True])
    def test_signed_chunks(self, gateway: Running, has_trailer: bool, tampered: bool) -> None:
        word = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if has_trailer else "")
        chunks = [b"a" * 65536, b"b" * 65536, b"c"]
        length = str(sum(map(len, chunks)))
        more = {"X_Amz_Trailer": CHECKSUM} if has_trailer else {}
        headers = head(gateway, sha256=word, X_Amz_Decoded_Content_Length=length, **more)
        raw = signed_frames(headers, chunks, [(CHECKSUM, "AAAAAA==")] if has_trailer else [])
        if tampered:
            raw = raw.replace(b"c\r\n0;", b"d\r\n0;")
        status, _, content = ask(gateway, "PUT", "/bucket/key", headers, raw)
        if tampered:
            assert (status, code(content)) == (403, "SignatureDoesNotMatch")
            assert gateway.door.aborted == ["Fault"]
            assert gateway.door.objects == {}
        else:
            assert status == 200
            assert gateway.door.objects["key"] == b"".join(chunks)

    @pytest.mark.parametrize(
        ("word", "length", "expected"),
        [
            ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "5", "InvalidRequest"),
            ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", None, "MissingContentLength"),
            ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "five", "InvalidArgument"),
            ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "6", "IncompleteBody"),
            ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "4", "IncompleteBody"),
        ],
    )
    def test_what_is_declared_must_be(self, gateway: Running, word: str, length: str | None, expected: str) -> None:
        more = {} if length is None else {"X_Amz_Decoded_Content_Length": length}
        headers = head(gateway, sha256=word, **more)
        _, _, content = ask(gateway, "PUT", "/bucket/key", headers, framed([b"hello"]))
        assert code(content) == expected
        assert gateway.door.objects == {}


def signed_frames(headers: dict[str, str], chunks: list[bytes], trailers: list[tuple[str, str]]) -> bytes:
    """Frames signed as the request was."""
    authorization = headers["Authorization"]
    scope = authorization.partition("Credential=")[2].partition(",")[0].partition("/")[2]
    key = derived_key(SECRET, scope[:8], REGION, "s3")
    signing = ChunkSigning(
        sign=lambda line: hmac.new(key, line.encode(), hashlib.sha256).hexdigest(),
        seed=authorization.rpartition("Signature=")[2],
        timestamp=headers["X-Amz-Date"],
        scope=scope,
    )
    return framed(chunks, signing, trailers)


class TestIntegrity:
    """Bodies that are not what was signed, or do not arrive."""

    def test_a_tampered_body_reaches_no_object(self, gateway: Running) -> None:
        headers = head(gateway, sha256=hashlib.sha256(b"hello").hexdigest())
        status, _, content = ask(gateway, "PUT", "/bucket/key", headers, b"jello")
        assert (status, code(content)) == (400, "XAmzContentSHA256Mismatch")
        assert (gateway.door.objects, gateway.door.aborted) == ({}, ["Fault"])

    @pytest.mark.parametrize("service", ["sagemaker", "sts"])
    def test_a_tampered_call_reaches_no_handler(self, gateway: Running, service: str) -> None:
        target = {"X_Amz_Target": "SageMaker.ListModels"} if service == "sagemaker" else {}
        form = "application/x-www-form-urlencoded; charset=utf-8"
        body = b"{}" if service == "sagemaker" else b"Action=GetCallerIdentity&Version=2011-06-15"
        headers = head(gateway, "POST", "/", service=service, sha256=None, body=body, Content_Type=form, **target)
        other = b"[]" if service == "sagemaker" else body.replace(b"06-15", b"06-16")
        _, _, content = ask(gateway, "POST", "/", headers, other)
        assert code(content) in ("InvalidSignatureException", "SignatureDoesNotMatch")
        assert gateway.door.calls == []

    def test_a_declared_hash_must_fit_elsewhere_too(self, gateway: Running) -> None:
        wrong = hashlib.sha256(b"other").hexdigest()
        headers = head(
            gateway, "POST", "/", service="sagemaker", sha256=wrong, body=b"{}", X_Amz_Target="SageMaker.ListModels"
        )
        status, _, content = ask(gateway, "POST", "/", headers, b"{}")
        assert (status, code(content)) == (400, "InvalidSignatureException")

    def test_s3_demands_the_hash_header(self, gateway: Running) -> None:
        headers = head(gateway, sha256=None, body=b"x")
        _, _, content = ask(gateway, "PUT", "/bucket/key", headers, b"x")
        assert code(content) == "InvalidRequest"

    def test_a_client_that_goes_away_leaves_nothing(self, gateway: Running) -> None:
        headers = head(gateway, Content_Length=str(10 * MIB))
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
            connection.sendall(text("PUT", "/bucket/key", headers) + b"x" * (2 * MIB))
        deadline = clock.monotonic() + 10
        while not gateway.door.aborted and clock.monotonic() < deadline:
            clock.sleep(0.01)
        assert gateway.door.aborted == ["DisconnectedError"]
        assert gateway.door.objects == {}


NESTED = 100_000
BROKEN_JSON = {
    "no JSON": b"{",
    "no UTF-8": b'{"PipelineName": "\xff"}',
    "a constant JSON has not": b'{"MaxResults": NaN}',
    "an unpaired surrogate": b'{"PipelineName": "\\ud800"}',
    "a very long number": b'{"MaxResults": ' + b"9" * 5000 + b"}",
    "nested deeply": b'{"PipelineName":' * NESTED + b"1" + b"}" * NESTED,
    "lists nested deeply": b"[" * NESTED + b"]" * NESTED,
    "nested somewhat": b'{"x":' + b"[" * 200 + b"]" * 200 + b"}",
    "a list": b"[]",
    "a text": b'"text"',
    "a wrong type": b'{"PipelineName": {}}',
}


@pytest.mark.parametrize("case", BROKEN_JSON)
def test_broken_json(gateway: Running, case: str) -> None:
    status, content = sagemaker(gateway, BROKEN_JSON[case])
    assert (status, code(content)) == (400, "SerializationException")


@pytest.mark.parametrize("body", [b"", b" \n", b"null", b"{}"])
def test_a_body_of_nothing_is_an_empty_request(gateway: Running, body: bytes) -> None:
    status, content = sagemaker(gateway, body)
    assert (status, code(content)) == (400, "ValidationException")


@pytest.mark.parametrize("target", ["SageMaker.Nothing", "SageMaker.", "Other.ListModels", "x", "." * 999])
def test_unknown_targets(gateway: Running, target: str) -> None:
    headers = head(gateway, "POST", "/", service="sagemaker", sha256=None, body=b"{}", X_Amz_Target=target)
    status, _, content = ask(gateway, "POST", "/", headers, b"{}")
    assert (status, code(content)) == (400, "UnknownOperationException")


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
BROKEN_XML = {
    "no XML": b"{}",
    "unclosed": b"<Tagging><TagSet>",
    "entities": ENTITIES + b"<Tagging><TagSet><Tag><Key>&b;</Key><Value>v</Value></Tag></TagSet></Tagging>",
    "an external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Tagging>&a;</Tagging>',
    "a document type": b"<!DOCTYPE x><Tagging><TagSet/></Tagging>",
    "no encoding": b'<?xml version="1.0" encoding="nosuch"?><Tagging/>',
    "a control character": b"<Tagging>\x00</Tagging>",
    "nested deeply": b"<a>" * 10_000,
    "a structure for text": b"<Tagging><TagSet><Tag><Key><x/></Key><Value>v</Value></Tag></TagSet></Tagging>",
    "what is missing": b"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>",
}


@pytest.mark.parametrize("case", BROKEN_XML)
def test_broken_xml(gateway: Running, case: str) -> None:
    body = BROKEN_XML[case]
    headers = head(gateway, path="/bucket?tagging", sha256=hashlib.sha256(body).hexdigest())
    status, _, content = ask(gateway, "PUT", "/bucket?tagging", headers, body)
    assert (status, code(content)) == (400, "MalformedXML")


BROKEN_FORMS = {
    "no UTF-8": (b"Action=GetRole&RoleName=%ff", "MalformedQueryString"),
    "many fields": (b"Action=GetRole" + b"&a=b" * 20_000, "MalformedQueryString"),
    "many dots": (b"Action=GetRole&" + b"a." * 5_000 + b"=b", "MalformedQueryString"),
    "no action": (b"Version=1", "MissingAction"),
    "another action": (b"Action=Nothing", "InvalidAction"),
    "strange numbers": (b"Action=CreateRole&Tags.member.x.Key=1&Tags.member.99999999999.Key=1", "ValidationError"),
    "a structure for a text": (b"Action=GetRole&RoleName.x=1", "ValidationError"),
    "a text for a list": (b"Action=CreateRole&Tags=1&Tags.member=2", "ValidationError"),
}


@pytest.mark.parametrize("case", BROKEN_FORMS)
def test_broken_forms(gateway: Running, case: str) -> None:
    body, expected = BROKEN_FORMS[case]
    form = "application/x-www-form-urlencoded"
    headers = head(gateway, "POST", "/", service="iam", sha256=None, body=body, Content_Type=form)
    status, _, content = ask(gateway, "POST", "/", headers, body)
    assert (status, code(content)) == (400, expected)


def test_lists_in_a_form_follow_their_numbers(gateway: Running) -> None:
    gateway.door.answers["TagRole"] = {}
    tags = "&".join(f"Tags.member.{n}.Key=k{n}&Tags.member.{n}.Value=v" for n in (11, 2, 1, 10, 30))
    body = f"Action=TagRole&RoleName=R&{tags}".encode()
    form = "application/x-www-form-urlencoded"
    headers = head(gateway, "POST", "/", service="iam", sha256=None, body=body, Content_Type=form)
    assert ask(gateway, "POST", "/", headers, body)[0] == 200
    assert [tag["Key"] for tag in gateway.door.calls[0][3]["Tags"]] == ["k1", "k2", "k10", "k11", "k30"]


def test_no_code_of_a_fault_can_end_a_header_early(gateway: Running) -> None:
    gateway.door.answers["GetFunction"] = Fault("Odd\r\nx-evil: 1", "text", 404)
    path = "/2015-03-31/functions/f"
    _, headers, _ = ask(gateway, "GET", path, head(gateway, "GET", path, service="lambda", sha256=None))
    assert "x-evil" not in headers
    assert headers["x-amzn-errortype"] == "Oddx-evil: 1"


def test_a_wrong_number_in_a_form_names_its_place(gateway: Running) -> None:
    body = b"Action=ListRoles&MaxItems=many"
    headers = head(
        gateway, "POST", "/", service="iam", sha256=None, body=body, Content_Type="application/x-www-form-urlencoded"
    )
    _, _, content = ask(gateway, "POST", "/", headers, body)
    assert b"<Code>MalformedInput</Code>" in content
    assert b"STRING_VALUE can not be converted to an Integer at 'maxItems'" in content


def test_bodies_that_are_held_have_a_largest_length(gateway: Running) -> None:
    body = b" " * (limits.MOST_TEXT + 1)
    status, content = sagemaker(gateway, body)
    assert (status, code(content)) == (413, "RequestEntityTooLargeException")


def test_heads_have_a_largest_length(gateway: Running) -> None:
    headers = head(gateway, "GET", "/bucket", X_Amz_Meta_A="x" * 40_000, X_Amz_Meta_B="y" * 40_000)
    status, _, content = ask(gateway, "GET", "/bucket", headers)
    assert (status, code(content)) == (400, "RequestHeaderSectionTooLarge")


UNSIGNED = {
    "s3": ("GET", "/bucket/key", {}, b"", 403, "AccessDenied"),
    "json": (
        "POST",
        "/",
        {"X-Amz-Target": "SageMaker.ListModels"},
        b"{}",
        400,
        "MissingAuthenticationTokenException",
    ),
    "json of no service": ("POST", "/", {"X-Amz-Target": "X.Y"}, b"{}", 400, "MissingAuthenticationTokenException"),
    "query of no service": ("GET", "/?Action=X", {}, b"", 403, "MissingAuthenticationToken"),
    "query": (
        "POST",
        "/",
        {"Content-Type": "application/x-www-form-urlencoded"},
        b"Action=GetCallerIdentity",
        403,
        "MissingAuthenticationToken",
    ),
}


@pytest.mark.parametrize("case", UNSIGNED)
def test_nobody_gets_in_unsigned(gateway: Running, case: str) -> None:
    method, path, headers, body, status, expected = UNSIGNED[case]
    answer = ask(gateway, method, path, headers, body)
    assert (answer[0], code(answer[2])) == (status, expected)
    assert gateway.door.calls == []


def test_a_form_is_nothing_special_to_s3(gateway: Running) -> None:
    form = "application/x-www-form-urlencoded"
    path = "/bucket/key?Action=GetRole"
    headers = head(gateway, path=path, Content_Type=form)
    assert ask(gateway, "PUT", path, headers, b"Action=x")[0] == 200
    assert gateway.door.objects["key"] == b"Action=x"


@pytest.mark.parametrize("service", ["sagemaker", "sqs", "logs"])
def test_a_json_service_is_not_reached_by_its_path(gateway: Running, service: str) -> None:
    headers = head(gateway, "POST", "/", service=service, sha256=None, body=b"{}")
    status, _, content = ask(gateway, "POST", "/", headers, b"{}")
    assert (status, json.loads(content)["__type"]) == (404, "UnknownOperationException")


def test_protocols_that_are_not_built_say_so(gateway: Running) -> None:
    body = b"Action=DescribeInstances&Version=2016-11-15"
    form = "application/x-www-form-urlencoded"
    headers = head(gateway, "POST", "/", service="ec2", sha256=None, body=body, Content_Type=form)
    status, _, content = ask(gateway, "POST", "/", headers, body)
    assert (status, code(content)) == (501, "NotImplementedException")


def test_errors_to_head_have_no_body(gateway: Running) -> None:
    headers = head(gateway, "HEAD", "/bucket/none")
    raw = gateway.exchange(text("HEAD", "/bucket/none", {**headers, "Connection": "close"}))
    assert raw.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert raw.endswith(b"\r\n\r\n")
    assert raw.count(b"\r\n\r\n") == 1


def test_answers_cannot_end_a_header_early(gateway: Running) -> None:
    gateway.door.answers["GetObject"] = {
        "Body": b"x",
        "ContentType": "text/x\r\nx-evil: 1",
        "Metadata": {"a\r\nx-evil": "1", "b": "v\r\nx-evil: 1", "c": "☃"},
    }
    _, headers, content = ask(gateway, "GET", "/bucket/key", head(gateway, "GET"))
    assert content == b"x"
    assert "x-evil" not in headers
    assert "\n" not in "".join(headers.values())
    assert headers["x-amz-meta-c"].startswith("=?UTF-8?B?")


def test_methods_s3_does_not_have(gateway: Running) -> None:
    status, _, content = ask(gateway, "PATCH", "/bucket/key", head(gateway, "PATCH"))
    assert (status, code(content)) == (405, "MethodNotAllowed")


def test_paths_rest_json_does_not_have(gateway: Running) -> None:
    headers = head(gateway, "GET", "/2015-03-31/nothing", service="lambda", sha256=None)
    status, answered, content = ask(gateway, "GET", "/2015-03-31/nothing", headers)
    assert (status, answered["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert json.loads(content)["message"]


def test_virtual_hosts(gateway: Running) -> None:
    gateway.door.objects["a b"] = b"x"
    for host in ("my.bucket.s3.eu-west-1.amazonaws.com", "my.bucket.localhost:4566", "my.bucket.s3.example.internal"):
        request = botocore.awsrequest.AWSRequest("GET", f"http://{host}/a%20b")
        signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(ACCESS_KEY, SECRET), "s3", REGION)
        signer.add_auth(request)
        status, _, content = ask(gateway, "GET", "/a%20b", {**dict(request.headers.items()), "Host": host})
        assert (status, content) == (200, b"x")
        assert gateway.door.calls[-1][3]["Bucket"] == "my.bucket"


def test_roots_of_s3_answers_have_their_names(gateway: Running) -> None:
    gateway.door.answers["ListObjectsV2"] = {"Name": "bucket", "KeyCount": 0}
    path = "/bucket?list-type=2"
    _, headers, content = ask(gateway, "GET", path, head(gateway, "GET", path))
    root = xml.etree.ElementTree.fromstring(content)
    assert root.tag == "{http://s3.amazonaws.com/doc/2006-03-01/}ListBucketResult"
    assert headers["content-type"] == "application/xml"
    assert headers["x-amz-request-id"]


def test_health_needs_no_signature(gateway: Running) -> None:
    status, headers, content = ask(gateway, "GET", "/_stepwell/health", {})
    assert (status, headers["content-type"], json.loads(content)) == (200, "application/json", {"status": "ok"})
    assert ask(gateway, "HEAD", "/_stepwell/health", {})[2] == b""
    assert ask(gateway, "GET", "/_stepwell/nothing", {})[0] == 404


def test_further_applications_are_mounted_by_prefix() -> None:
    def answering(name: bytes) -> Any:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": name + scope["path"].encode()})

        return application

    with running({"/_stepwell/git": answering(b"git"), "/_stepwell/git/special/": answering(b"special")}) as server:
        assert ask(server, "GET", "/_stepwell/git/repo", {})[2] == b"git/_stepwell/git/repo"
        assert ask(server, "GET", "/_stepwell/git", {})[2] == b"git/_stepwell/git"
        assert ask(server, "GET", "/_stepwell/git/special/x", {})[2] == b"special/_stepwell/git/special/x"
        assert ask(server, "GET", "/_stepwell/gitx", {})[0] == 404
        assert ask(server, "GET", "/_stepwell/health", {})[0] == 200
