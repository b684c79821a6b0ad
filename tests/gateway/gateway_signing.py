"""Requests signed by botocore, as values: for tests of the stages behind the network."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from stepwell.gateway.request import Request, from_scope

URL = "http://example.internal:4566"


def signed(
    method: str = "POST",
    path: str = "/",
    *,
    service: str = "sagemaker",
    region: str = "eu-west-1",
    key: str = "AKIDEXAMPLE",
    secret: str = "secret",
    token: str | None = None,
    body: bytes = b"{}",
    headers: dict[str, str] | None = None,
    presign: int | None = None,
    signer: Any = None,
) -> Request:
    """A request that botocore has signed, as it would arrive."""
    request = botocore.awsrequest.AWSRequest(method, URL + path, data=body, headers=dict(headers or {}))
    credentials = botocore.credentials.Credentials(key, secret, token)
    if signer is None:
        names = {
            (False, False): "SigV4Auth",
            (True, False): "S3SigV4Auth",
            (False, True): "SigV4QueryAuth",
            (True, True): "S3SigV4QueryAuth",
        }
        signer = getattr(botocore.auth, names[service == "s3", presign is not None])
    options = {} if presign is None else {"expires": presign}
    signer(credentials, service, region, **options).add_auth(request)
    prepared = request.prepare()
    return arrived(prepared.method, prepared.url, dict(prepared.headers.items()))


def arrived(method: str, url: str, headers: dict[str, Any]) -> Request:
    """The request as a server sees it."""
    parts = urlsplit(url)
    pairs = [(name.lower().encode(), v if isinstance(v, bytes) else str(v).encode()) for name, v in headers.items()]
    if not any(name == b"host" for name, _ in pairs):
        pairs.append((b"host", parts.netloc.encode()))
    scope = {
        "method": method,
        "raw_path": parts.path.encode() or b"/",
        "query_string": parts.query.encode(),
        "headers": pairs,
    }
    return from_scope(scope)
