"""What the supervisor of an engine's container is told. In and out: bytes, which travel as those of `order.py` do.

`Standing` is the part without secrets: it stays in the folder, so that a supervisor that was killed has a successor.
"""

from __future__ import annotations

import json
import marshal
from dataclasses import asdict, dataclass
from pathlib import Path

STANDING = "engine.json"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the container of `folder` is, and when it is to end."""

    folder: str
    engine: str
    """The address of its engine."""
    name: str
    """Derived from the folder: the engine keeps one container of that name at most."""
    image: str
    deadline: float | None
    grace_seconds: float
    log_bytes: int


@dataclass(frozen=True, slots=True)
class DockerOrder:
    """One container. Without `body` it is there already and only to be followed."""

    standing: Standing
    body: str = ""
    """JSON of the request that creates it."""
    registry_auth: str = ""
    """The header X-Registry-Auth of a pull; empty: none."""
    tree: tuple[tuple[str, str, bytes], ...] = ()


def pack(order: DockerOrder) -> bytes:
    """`order` for the supervisor."""
    return marshal.dumps((asdict(order.standing), order.body, order.registry_auth, list(order.tree)))


def unpack(data: bytes) -> DockerOrder:
    """The order of `pack`."""
    standing, body, registry_auth, tree = marshal.loads(data)
    return DockerOrder(Standing(**standing), body, registry_auth, tuple(tree))


def leave(standing: Standing) -> None:
    """Write it into its folder."""
    (Path(standing.folder) / STANDING).write_text(json.dumps(asdict(standing)))


def read(folder: Path) -> Standing | None:
    """What `leave` wrote; None: the container of `folder` is no engine's."""
    try:
        return Standing(**json.loads((folder / STANDING).read_text()))
    except (FileNotFoundError, ValueError):
        return None
