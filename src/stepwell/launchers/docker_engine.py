"""A small client of the Docker Engine API (docs.docker.com/reference/api/engine), which Podman speaks as well.

In: a method and a path. Out: the answer's document, or the stream behind it. Paths carry no version, so that an
engine answers in the newest it knows; everything asked for here is older than API 1.41. Used by the server and by the
supervisor of a container, which has the standard library only.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

PATIENCE = 60.0
"""Seconds in which an engine answers what it can answer at once. Starting a container on a busy host takes some."""


class EngineError(Exception):
    """The engine refused. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class BadAddress(OSError):
    """DOCKER_HOST names something that is no engine of this machine. The message says what can be used."""


UNREACHABLE = (OSError, http.client.HTTPException)
"""What is raised when the engine does not answer, or not to the end."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine at `address`: `unix:///path` or `tcp://host:port`."""

    address: str

    def call(
        self, method: str, path: str, body: Mapping[str, object] | None = None, seconds: float | None = PATIENCE
    ) -> dict[str, object]:
        """The answer's document, empty when there is none. Raises EngineError and UNREACHABLE."""
        with self.stream(method, path, body, seconds) as answer:
            data = answer.read()
        document = json.loads(data) if data.strip() else {}
        return document if isinstance(document, dict) else {}

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, still to be read; `seconds` bounds each wait for bytes. Raises EngineError and UNREACHABLE."""
        connection = _Connection(self.address, seconds)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            if answer.status >= 400:
                raise EngineError(answer.status, _message(answer))
            yield answer
        finally:
            connection.close()


def container_path(name: str, rest: str = "") -> str:
    """The path of a container's own operations."""
    return f"/containers/{quote(name, safe='')}{rest}"


def image_path(name: str) -> str:
    """The path that describes an image."""
    return f"/images/{quote(name, safe='/:@')}/json"


def find(environment: Mapping[str, str]) -> Engine:
    """The engine of this machine: DOCKER_HOST's, else the first socket of Docker or Podman that can be used."""
    given = environment.get("DOCKER_HOST", "")
    if given:
        return Engine(given)
    own = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    sockets = ("/var/run/docker.sock", f"{own}/docker.sock", f"{own}/podman/podman.sock", "/run/podman/podman.sock")
    usable = (each for each in sockets if os.access(each, os.R_OK | os.W_OK))
    return Engine(f"unix://{next(usable, sockets[0])}")


class _Connection(http.client.HTTPConnection):
    """HTTP to the socket of `address`."""

    def __init__(self, address: str, seconds: float | None) -> None:
        self._scheme, _, self._place = address.partition("://")
        # The engine looks at the Host header only to see that there is one.
        super().__init__("docker" if self._scheme == "unix" else self._place, timeout=seconds)

    def connect(self) -> None:
        if self._scheme == "tcp":
            super().connect()
            return
        if self._scheme != "unix":
            raise BadAddress(f"{self._scheme!r} is no way to an engine; unix:///path and tcp://host:port are.")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._place)


def _message(answer: http.client.HTTPResponse) -> str:
    data = answer.read(65536)
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace").strip() or f"HTTP status {answer.status}"
