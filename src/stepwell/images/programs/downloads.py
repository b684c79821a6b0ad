"""Room images, inside the container: one object of S3 brought to a file, without an SDK.

In: bucket, key, and the variables that every container gets: where the server is, and its role's keys. Out: the file.
boto3 takes 0.35 s of processor time until it has fetched its first byte, which is more than everything else that
happens between the launch of a container and the user's code; a signed GET takes a few milliseconds.
The signature is AWS's Signature Version 4 (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

NO_BODY = hashlib.sha256(b"").hexdigest()
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")
SECONDS = 60.0


class NotFetched(Exception):
    """The object cannot be had this way. The text says why."""


def is_possible(environment: Mapping[str, str]) -> bool:
    """Whether the variables say all that is needed, and nobody asks for another S3."""
    others = ("S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE")
    return all(environment.get(name) for name in KEYS) and not any(environment.get(name) for name in others)


def fetch(bucket: str, key: str, target: Path, environment: Mapping[str, str]) -> None:
    """Write the object to `target`. Raises NotFetched."""
    endpoint = urlsplit(environment["AWS_ENDPOINT_URL"])
    path = f"{endpoint.path.rstrip('/')}/{quote(bucket)}/{quote(key, safe='/-_.~')}"
    connect = http.client.HTTPSConnection if endpoint.scheme == "https" else http.client.HTTPConnection
    connection = connect(endpoint.netloc, timeout=SECONDS)
    try:
        connection.request("GET", path, headers=signed(endpoint.netloc, path, environment, time.gmtime()))
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise NotFetched(f"HTTP status {answer.status}")
        announced = answer.length
        with target.open("wb") as file:
            shutil.copyfileobj(answer, file)
            if announced is not None and file.tell() != announced:
                raise NotFetched("the answer was cut off")
    except (OSError, http.client.HTTPException) as error:
        raise NotFetched(str(error)) from error
    finally:
        connection.close()


def signed(host: str, path: str, environment: Mapping[str, str], now: time.struct_time) -> dict[str, str]:
    """The headers of a GET of `path` at `host`, signed at `now` (UTC)."""
    stamp, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
    headers = {"host": host, "x-amz-content-sha256": NO_BODY, "x-amz-date": stamp}
    if environment.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = environment["AWS_SESSION_TOKEN"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"GET\n{path}\n\n{lines}\n{names}\n{NO_BODY}"
    scope = f"{day}/{environment['AWS_REGION']}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    secret = f"AWS4{environment['AWS_SECRET_ACCESS_KEY']}".encode()
    for word in (*scope.split("/"), text):
        secret = hmac.digest(secret, word.encode(), "sha256")
    credential = f"{environment['AWS_ACCESS_KEY_ID']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={secret.hex()}"
    return {**headers, "Authorization": authorization}
