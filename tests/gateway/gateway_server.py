"""A real server on a port for the gateway's tests, with a Door that records calls and keeps objects in a dict."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import uvicorn
from botocore.config import Config

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_implemented
from stepwell.gateway.app import application
from stepwell.gateway.body import BodyStream, DisconnectedError
from stepwell.gateway.door import ASGIApp, Key
from stepwell.gateway.whole_answers import WholeAnswers
from stepwell.spec import models, validation

ACCOUNT = "123456789012"
REGION = "eu-west-1"
PRINCIPAL = f"arn:aws:sts::{ACCOUNT}:assumed-role/Role/session"
ACCESS_KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

Handler = Callable[[Scope, Document], Document]


@dataclass
class RecordingDoor:
    """Validates as the real one does, remembers every call, and answers from `answers`."""

    answers: dict[str, Document | Handler | Exception] = field(default_factory=dict)
    calls: list[tuple[Scope, str, str, Document]] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    aborted: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Back to the beginning."""
        for remembered in (self.answers, self.calls, self.objects, self.aborted):
            remembered.clear()

    def call(self, scope: Scope, service: str, operation: str, params: Document) -> Document:
        cleaned = validation.check(models.operation(service, operation), params)
        self.calls.append((scope, service, operation, cleaned))
        answer = self.answers.get(operation)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(scope, cleaned)
        if answer is not None:
            return answer
        built_in = getattr(self, f"_{operation}", None)
        if built_in is None:
            raise not_implemented(service, operation)
        found: Document = built_in(cleaned)
        return found

    def _PutObject(self, params: Document) -> Document:  # noqa: N802 - an operation's name
        body: BodyStream = params["Body"]
        try:
            content = body.read()
        except (Fault, DisconnectedError) as error:
            self.aborted.append(type(error).__name__)
            raise
        self.objects[params["Key"]] = content
        return {"ETag": f'"{hashlib.md5(content).hexdigest()}"'}

    def _UploadPart(self, params: Document) -> Document:  # noqa: N802
        return self._PutObject({**params, "Key": f"{params['Key']}#{params['PartNumber']}"})

    def _CreateMultipartUpload(self, params: Document) -> Document:  # noqa: N802
        return {"Bucket": params["Bucket"], "Key": params["Key"], "UploadId": "upload"}

    def _CompleteMultipartUpload(self, params: Document) -> Document:  # noqa: N802
        key = params["Key"]
        numbers = [part["PartNumber"] for part in params["MultipartUpload"]["Parts"]]
        self.objects[key] = b"".join(self.objects.pop(f"{key}#{number}") for number in numbers)
        return {"Bucket": params["Bucket"], "Key": key, "ETag": '"x-1"'}

    def _GetObject(self, params: Document) -> Document:  # noqa: N802
        content = self.objects.get(params["Key"])
        if content is None:
            raise Fault("NoSuchKey", "The specified key does not exist.", 404, {"Key": params["Key"]})
        return {"Body": content, "ContentLength": len(content), "ETag": '"e"', "Metadata": {"a": "b"}}

    def _HeadObject(self, params: Document) -> Document:  # noqa: N802
        return {**self._GetObject(params), "LastModified": 1_600_000_000.0}


@dataclass
class StoredKeys:
    """Keys by id."""

    keys: dict[str, Key] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Only the one key everybody uses."""
        self.keys.clear()
        self.keys[ACCESS_KEY] = Key(SECRET, None, ACCOUNT, PRINCIPAL, None)

    def find(self, access_key_id: str, now: float) -> Key | None:
        return self.keys.get(access_key_id)


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    door: RecordingDoor
    keys: StoredKeys
    port: int
    clients: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, **options: Any) -> Any:
        """An unmodified boto3 client of this server, that does not retry."""
        config = Config(retries={"max_attempts": 1, "mode": "standard"}, **options.pop("config", {}))
        session = boto3.Session(
            aws_access_key_id=options.pop("access_key", ACCESS_KEY),
            aws_secret_access_key=options.pop("secret", SECRET),
            aws_session_token=options.pop("token", None),
            region_name=REGION,
        )
        client = session.client(service, endpoint_url=self.url, config=config, **options)
        self.clients.append(client)
        return client

    def close_clients(self) -> None:
        """Close the connections of all clients made so far."""
        while self.clients:
            self.clients.pop().close()

    def exchange(self, request: bytes, *, half_close: bool = False) -> bytes:
        """Send bytes as they are; everything the server answers until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts)


@contextmanager
def running(extra: Mapping[str, ASGIApp] | None = None) -> Iterator[Running]:
    """A server on a free port, in a thread of its own."""
    door, keys = RecordingDoor(), StoredKeys()
    app = application(door, keys, default_region="us-east-1", extra=extra)
    config = uvicorn.Config(
        app,
        http=WholeAnswers,
        log_level="error",
        ws="none",
        lifespan="on",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = clock.monotonic() + 20
    while not server.started and clock.monotonic() < deadline:
        clock.sleep(0.01)
    assert server.started
    try:
        yield Running(door, keys, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
