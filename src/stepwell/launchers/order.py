"""What the supervisor is told to do: the order as it crosses from the launcher to the supervisor.

In the supervisor's world: stdlib-only, cheap imports. In and out: bytes. The order travels through memory
(a file descriptor), never through the folder, because the environment holds credentials.
`marshal` is safe here: both ends are the same interpreter, and nothing of it is ever stored.
"""

from __future__ import annotations

import marshal


class Order:
    """One container, as plain values."""

    __slots__ = (
        "command",
        "deadline",
        "environment",
        "folder",
        "grace_seconds",
        "hostname",
        "isolation",
        "log_bytes",
        "memory_bytes",
        "mounts",
        "network",
        "process_limit",
        "program",
        "tree",
        "volume_bytes",
    )

    def __init__(
        self,
        *,
        folder: str,
        isolation: str,
        program: str,
        command: list[str],
        environment: dict[str, str],
        mounts: list[tuple[str, str, bool]],
        memory_bytes: int | None,
        network: bool,
        hostname: str,
        deadline: float | None,
        grace_seconds: float,
        process_limit: int,
        log_bytes: int,
        tree: list[tuple[str, str, bytes]],
        volume_bytes: int | None,
    ) -> None:
        self.folder = folder
        self.isolation = isolation
        self.program = program
        self.command = command
        self.environment = environment
        self.mounts = mounts
        self.memory_bytes = memory_bytes
        self.network = network
        self.hostname = hostname
        self.deadline = deadline
        self.grace_seconds = grace_seconds
        self.process_limit = process_limit
        self.log_bytes = log_bytes
        self.tree = tree
        self.volume_bytes = volume_bytes


def pack(order: Order) -> bytes:
    """`order` for the supervisor."""
    return marshal.dumps({name: getattr(order, name) for name in Order.__slots__})


def unpack(data: bytes) -> Order:
    """The order of `pack`."""
    return Order(**marshal.loads(data))
