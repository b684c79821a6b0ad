"""S3 on a port: the real gateway over the real door, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import uvicorn
from botocore.config import Config
from s3_callers import ACCOUNT

from stepwell.base import clock
from stepwell.gateway.app import application
from stepwell.gateway.door import Key
from stepwell.services.registry import Door, Site

ACCESS_KEY, SECRET = "AKIDEXAMPLE", "secret of nobody"


class OneKey:
    """The only key there is."""

    def find(self, access_key_id: str, now: float) -> Key | None:
        principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/SageMakerRole/stepwell"
        return Key(SECRET, None, ACCOUNT, principal, None) if access_key_id == ACCESS_KEY else None


@dataclass(frozen=True)
class Served:
    """A server that listens."""

    url: str
    site: Site

    def client(self, **options: Any) -> Any:
        """An unmodified boto3 client that does not retry."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, **options),
        )


@contextmanager
def serving(site: Site) -> Iterator[Served]:
    """A server on a free port."""
    app = application(Door(site), OneKey(), default_region="us-east-1")
    config = uvicorn.Config(app, log_level="error", ws="none", lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = clock.monotonic() + 30
    while not server.started and clock.monotonic() < deadline:
        clock.sleep(0.01)
    assert server.started
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", site)
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
