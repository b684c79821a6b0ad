"""Code fetched from S3 without an SDK: signed as botocore signs it, and left to boto3 where that is not enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from botocore.auth import SIGV4_TIMESTAMP, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stepwell.images.programs import downloads

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret/key+",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
}
NOW = time.gmtime(1_700_000_000)


@pytest.mark.parametrize("token", ["", "a/token="])
@pytest.mark.parametrize("path", ["/bucket/code.tar.gz", "/b/a%20b/%C3%BC%2Bc~.tar.gz"])
def test_the_signature_is_botocores(path: str, token: str) -> None:
    environment = {**KEYS, "AWS_SESSION_TOKEN": token}
    headers = downloads.signed("127.0.0.1:4566", path, environment, NOW)
    request = AWSRequest("GET", f"http://127.0.0.1:4566{path}", headers={"X-Amz-Content-SHA256": downloads.NO_BODY})
    request.context["timestamp"] = time.strftime(SIGV4_TIMESTAMP, NOW)
    keys = Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"], token or None)
    theirs = S3SigV4Auth(keys, "s3", "eu-west-1")
    theirs._modify_request_before_signing(request)
    text = theirs.string_to_sign(request, theirs.canonical_request(request))
    assert headers["Authorization"].endswith(f"Signature={theirs.signature(text, request)}")


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_there, is_cut = self.path == "/bucket/in/a%20b", self.path == "/bucket/cut"
        self.send_response(200 if is_there or is_cut else 404)
        if is_cut:
            self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"data" if is_there else b"<Error/>")

    def log_message(self, *_words: object) -> None:
        """Quietly."""


@pytest.fixture
def endpoint() -> Iterator[dict[str, str]]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()
        thread.join()


def test_an_object_becomes_a_file(endpoint: dict[str, str], tmp_path: Path) -> None:
    downloads.fetch("bucket", "in/a b", tmp_path / "file", endpoint)
    assert (tmp_path / "file").read_bytes() == b"data"


@pytest.mark.parametrize(("key", "why"), [("other", "404"), ("cut", "cut off")])
def test_what_does_not_come_is_said(endpoint: dict[str, str], tmp_path: Path, key: str, why: str) -> None:
    with pytest.raises(downloads.NotFetched, match=why):
        downloads.fetch("bucket", key, tmp_path / "file", endpoint)


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(downloads.NotFetched):
        downloads.fetch("bucket", "key", tmp_path / "file", {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


@pytest.mark.parametrize(
    ("changes", "possible"),
    [
        ({}, True),
        ({"AWS_ENDPOINT_URL": ""}, False),
        ({"AWS_SECRET_ACCESS_KEY": ""}, False),
        ({"AWS_REGION": ""}, False),
        ({"S3_ENDPOINT_URL": "http://other"}, False),
        ({"AWS_ENDPOINT_URL_S3": "http://other"}, False),
        ({"AWS_PROFILE": "mine"}, False),
    ],
    ids=str,
)
def test_when_it_is_possible(changes: dict[str, str], possible: bool) -> None:
    assert downloads.is_possible({**KEYS, **changes}) is possible
