"""Room images, inside the container: hosts of one job tell each other one thing each. In: a job's hosts and what this
one says. Out: what all say, on all of them. Standard library only.

The first host leads: it listens on its own name until everybody has spoken and answers all at once, which is also how
the others learn that what it has prepared by then is ready.
"""

from __future__ import annotations

import json
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

_FIRST_PORT, _PORTS = 20_000, 10_000
_AGAIN_SECONDS = 0.1
_LONGEST_LINE = 1 << 20
_WORD_SECONDS = 10.0
"""Whoever connects says its word at once, or is nobody of ours."""

Words = Mapping[str, Any]
"""What each host said, by its name."""


class Unreachable(Exception):
    """A host has no address here."""


@dataclass(frozen=True)
class Hosts:
    """The hosts of a job as this one sees them."""

    job: str
    names: tuple[str, ...]
    current: str

    @property
    def first(self) -> str:
        """The host that leads."""
        return self.names[0]

    @property
    def port(self) -> int:
        """Where they meet: jobs share a network interface here, so each has ports of its own, which all its hosts can
        tell."""
        return _FIRST_PORT + zlib.crc32(f"{self.job}\0{self.first}".encode()) % _PORTS


def address(host: str) -> str:
    """The address of a host. Raises Unreachable."""
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise Unreachable(host) from error


def gather(hosts: Hosts, word: Any, prepare: Callable[[Words], Any]) -> tuple[Words, Any]:
    """What all hosts say, and what `prepare`, called on the first host with all of it, answers. Raises Unreachable.

    There is no time limit: the job has one, and a host that fails ends the others.
    """
    for host in hosts.names:
        address(host)
    return _led(hosts, word, prepare) if hosts.current == hosts.first else _told(hosts, word)


def _led(hosts: Hosts, word: Any, prepare: Callable[[Words], Any]) -> tuple[Words, Any]:
    words, callers = {hosts.current: word}, {}
    with ExitStack() as waiting, socket.create_server((address(hosts.first), hosts.port)) as door:
        while len(words) < len(hosts.names):
            caller, _ = door.accept()
            waiting.enter_context(caller)
            said = _heard(caller, hosts)
            if said is not None:
                words[said["host"]] = said["word"]
                callers[said["host"]] = caller
        prepared = prepare(words)
        answer = json.dumps([words, prepared]).encode() + b"\n"
        for caller in callers.values():
            caller.sendall(answer)
    return words, prepared


def _heard(caller: socket.socket, hosts: Hosts) -> dict[str, Any] | None:
    """What somebody who came says; None from anybody but a host of this job."""
    caller.settimeout(_WORD_SECONDS)
    try:
        said = json.loads(_line(caller))
        is_ours = said["job"] == hosts.job and said["host"] in hosts.names and "word" in said
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return said if is_ours else None


def _told(hosts: Hosts, word: Any) -> tuple[Words, Any]:
    """Say this host's word, and again if the leader was not there yet."""
    said = json.dumps({"job": hosts.job, "host": hosts.current, "word": word}).encode() + b"\n"
    while True:
        try:
            with socket.create_connection((address(hosts.first), hosts.port)) as connection:
                connection.sendall(said)
                answer = _line(connection)
            if answer.endswith(b"\n"):
                words, prepared = json.loads(answer)
                return words, prepared
        except OSError:
            pass  # it reads its data, or just begins
        time.sleep(_AGAIN_SECONDS)


def _line(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.readline(_LONGEST_LINE)
